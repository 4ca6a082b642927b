import { log, patched } from '@temporalio/workflow';
import { secondRun } from '../domain/expected-end.ts';
import type { Phase } from '../domain/phase.ts';
import type { UploadSummary } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import { estimates } from './activity-calls.ts';
import type { PhasePlanned } from './messages.ts';
import type { Migration } from './migration-context.ts';
import { type MigrationRecord, type PhaseInRecord, phaseOf } from './migration-record.ts';

/** B5: while a phase runs its expected end is told anew at most so often; the API tells it live. */
const ESTIMATES_APART_MS = 30_000;
/** Until then it was told anew with every tab; requests under way may have begun so. */
const ESTIMATES_APART = 'estimates-apart';

/** B5: how long the phase will take, for those behind; null when it cannot be told. */
export async function expectedLength({ record }: Migration, phase: Phase): Promise<number | null> {
  if (record.checks === null) return null;
  const { tabs } = record.checks;
  try {
    const { milliseconds } = await estimates.estimatePhase({
      request: record.request,
      tabs: phase === 'phase-2' ? secondRun(tabs, failedIn(record), sizeOf(record.replyFiles)) : tabs,
    });
    return milliseconds;
  } catch {
    return null;
  }
}

/** Records that failed in phase 1, by tab. */
function failedIn(record: MigrationRecord): Partial<Record<Tab, number>> {
  const tabs = Object.entries(phaseOf(record, 'phase-1')?.tabs ?? {});
  return Object.fromEntries(tabs.map(([tab, { failed }]) => [tab, failed]));
}

function sizeOf(files: readonly UploadSummary[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** B5: when processing starts the requester is told when it is expected to be completed. */
export function tellExpectedEnd(migration: Migration, { phase: name, tabs }: PhasePlanned): void {
  const { record, journal } = migration;
  const phase = phaseOf(record, name);
  if (phase === undefined || phase.told) return;
  phase.told = true;
  phase.plan = tabs;
  migration.beside(async () => {
    await estimate(migration, phase, tabs);
    journal.tell('phaseStarted', {
      phase: name,
      ...(record.expectedEnd === null ? {} : { expectedEnd: record.expectedEnd }),
    });
  });
}

/** B5: kept up to date as tabs are done. */
export function estimateAgain(migration: Migration, phase: PhaseInRecord): void {
  const left = phase.plan.filter((planned) => phase.tabs[planned.tab] === undefined);
  if (phase.endedAt !== null || left.length === 0) return;
  const last = phase.estimates?.at ?? 0;
  if (patched(ESTIMATES_APART) && Date.now() - last < ESTIMATES_APART_MS) return;
  migration.beside(() => estimate(migration, phase, left));
}

/** B5: the expected completion, from what is left, what this run has shown of its speed, and the speeds of earlier ones. */
async function estimate(
  { record, journal }: Migration,
  phase: PhaseInRecord,
  tabs: PhasePlanned['tabs'],
): Promise<void> {
  const at = Date.now();
  const count = (phase.estimates?.count ?? 0) + 1;
  phase.estimates = { count, at };
  try {
    const told = { phase: phase.phase, number: count, at };
    const { milliseconds } = await estimates.estimatePhase({ request: record.request, tabs, told });
    if (phase.endedAt === null) record.expectedEnd = at + milliseconds;
    journal.changed();
  } catch (error) {
    log.warn('the expected end is not known', { error });
  }
}
