import type { z } from 'zod';
import type { findingsAnswer, MigrationAnswer, ProgressAnswer } from '../api/answers.ts';
import { TABS } from '../domain/tab.ts';
import { localTime, sizeText } from './output.ts';
import { table } from './show-progress.ts';

export type FindingsAnswer = z.input<typeof findingsAnswer>;

/** A request as it stands, as text. */
export function migrationText(migration: MigrationAnswer): string {
  const rows: [name: string, value: string | null][] = [
    ['request', migration.id],
    ['state', stateText(migration)],
    ['paused', pausedText(migration.paused)],
    ['reason', migration.paused === null ? migration.reason : null],
    ['company', migration.company],
    [
      'from',
      migration.source === null ? null : `${migration.source.system} (scope ${migration.source.scope})`,
    ],
    ['portal', migration.portal],
    ['tabs', migration.importedTabs.join(', ') || null],
    ['missing', migration.submitted ? null : migration.missingSteps.join(', ') || null],
    ['created', localTime(migration.createdAt)],
    ['submitted', timeText(migration.submittedAt)],
    ['expires', migration.submitted ? null : timeText(migration.expiresAt)],
    ['place in line', migration.placeInLine === null ? null : String(migration.placeInLine)],
    ['starts about', timeText(migration.expectedStart)],
    ['ends about', timeText(migration.expectedEnd)],
    ['replies until', migration.closedAt === null ? timeText(migration.replyWindow?.endsAt ?? null) : null],
    ['replies', migration.replyWindow === null ? null : String(migration.replies.length)],
    ['early start', earlyText(migration)],
    ['ticket', migration.supportTicket],
    ['closed', timeText(migration.closedAt)],
    ['erased', erasedText(migration.erased)],
  ];
  const parts = [
    rows.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(14)} ${value}`])).join('\n'),
  ];
  if (migration.files.length > 0) {
    parts.push(
      table(
        ['file', 'size'],
        migration.files.map(({ name, bytes }) => [name, sizeText(bytes)]),
      ),
    );
  }
  for (const phase of migration.phases) {
    const counted = TABS.filter((tab) => phase.tabs[tab] !== undefined);
    if (counted.length > 0) parts.push(`${phase.phase}\n${countsTable(phase.tabs)}`);
  }
  if (migration.reports.length > 0) {
    parts.push(
      table(
        ['report', 'version', 'made'],
        migration.reports.map(({ name, version, at }) => [name, version, localTime(at)]),
      ),
    );
  }
  const next = nextSteps(migration);
  if (next.length > 0) parts.push(['next', ...next.map((line) => `  ${line}`)].join('\n'));
  return parts.join('\n\n');
}

const timeText = (iso: string | null): string | null => (iso === null ? null : localTime(iso));

function pausedText(paused: MigrationAnswer['paused']): string | null {
  return paused === null ? null : `since ${localTime(paused.since)} by ${paused.by}: ${paused.reason}`;
}

/** E2: who has asked, while the other has not. */
function earlyText({ state, earlyStart }: MigrationAnswer): string | null {
  if (state !== 'REPLY_WINDOW') return null;
  if (earlyStart.requester) return 'asked for by the requester; an operator may agree';
  return earlyStart.operator ? 'asked for by the team; the requester may agree' : null;
}

/** F5 */
function erasedText(erased: MigrationAnswer['erased']): string | null {
  if (erased === null) return null;
  const { at, by, complete, files, bytes, records, mails, attachmentFiles } = erased;
  const what = [
    `${files} files (${sizeText(bytes)})`,
    `${records} staged rows`,
    `${mails} mails`,
    `${attachmentFiles} attachment files`,
  ].join(', ');
  return `${localTime(at)} by ${by}: ${what}${complete ? '' : '; not all is gone yet'}`;
}

/** The state with its label: `PHASE_1 (Phase 1)`. */
export function stateText({
  state,
  submitted,
  label,
}: Pick<MigrationAnswer, 'state' | 'submitted' | 'label'>): string {
  const text = `${state} (${label.en})`;
  return state === 'PENDING' ? `${text}, ${submitted ? 'submitted' : 'not submitted'}` : text;
}

type Counted = MigrationAnswer['phases'][number]['tabs'];

function countsTable(tabs: Counted): string {
  return table(
    ['tab', 'source', 'created', 'updated', 'unchanged', 'skipped', 'failed', 'warnings', 'digests'],
    TABS.flatMap((tab) => {
      const of = tabs[tab];
      if (of === undefined) return [];
      const { source, created, updated, unchanged, skipped, failed, warnings, digestsMatch } = of;
      const digests = digestsMatch ? 'match' : 'DIFFER';
      return [[tab, source, created, updated, unchanged, skipped, failed, warnings, digests]];
    }),
  );
}

/** What can be done with a request in its state: commands to copy. */
function nextSteps(migration: MigrationAnswer): string[] {
  const { id, state, submitted, paused, reports } = migration;
  const report = reports.length === 0 ? [] : [`deskferry report ${id}`];
  if (paused !== null) {
    const reply = state === 'REPLY_WINDOW' ? [`deskferry reply ${id} <mended files>`] : [];
    const look = paused.reason.startsWith('DISCREPANCIES') ? [`deskferry discrepancies ${id}`] : [];
    const goOn = paused.reason.startsWith('SOURCE_KEY_')
      ? `deskferry source-key ${id}`
      : `deskferry resume ${id}    (an operator)`;
    return [...look, goOn, ...report, ...reply];
  }
  switch (state) {
    case 'PENDING':
      return submitted
        ? [`deskferry take ${id}    (an operator)`, `deskferry cancel ${id}`]
        : [
            `deskferry migrate --continue ${id}${migration.files.length === 0 ? ' <files>' : ''}`,
            `deskferry cancel ${id}`,
          ];
    case 'VERIFYING':
      return [`deskferry findings ${id}`, `deskferry approve ${id}    (an operator)`];
    case 'QUEUED':
    case 'PHASE_1':
    case 'PHASE_2':
      return [`deskferry watch ${id}`];
    case 'REPLY_WINDOW':
      return [...report, `deskferry reply ${id} <mended files>`, `deskferry start-phase-2 ${id}`];
    default:
      return report;
  }
}

/** What the automatic checks found, the worst first. */
export function findingsText({ at, findings }: FindingsAnswer): string {
  if (at === null) return 'The automatic checks have not run yet: deskferry precheck <id>';
  const head = `checked ${localTime(at)}: ${findings.length === 0 ? 'nothing found' : countsText(findings)}`;
  const ranks = ['blocking', 'warning', 'information'];
  const sorted = findings.toSorted((a, b) => ranks.indexOf(a.severity) - ranks.indexOf(b.severity));
  const lines = sorted.map(({ severity, code, message, remedy, file, row, column, grantable }) => {
    const place = [file, row === undefined ? undefined : `row ${row}`, column].filter(Boolean).join(', ');
    const grant = grantable === true ? ' (an operator can grant it)' : '';
    const what = `${severity.padEnd(11)} ${code}${place === '' ? '' : `  ${place}`}\n  ${message}`;
    return remedy === '' ? what : `${what}\n  ${remedy}${grant}`;
  });
  return [head, ...lines].join('\n');
}

function countsText(findings: FindingsAnswer['findings']): string {
  const counts = Map.groupBy(findings, ({ severity }) => severity);
  return ['blocking', 'warning', 'information']
    .flatMap((severity) => {
      const of = counts.get(severity as 'blocking');
      if (of === undefined) return [];
      return [`${of.length} ${severity}${severity === 'warning' && of.length > 1 ? 's' : ''}`];
    })
    .join(', ');
}

/** Where a migration is, in one line. */
export function whereText({ state, label, placeInLine, expectedEnd, paused }: ProgressAnswer): string {
  if (paused !== null) return `${state} (${label.en}), paused by ${paused.by}: ${paused.reason}`;
  const place = placeInLine === null ? '' : `, number ${placeInLine} in line`;
  const end = expectedEnd === null ? '' : `, until about ${localTime(expectedEnd)}`;
  return `${state} (${label.en})${place}${end}`;
}
