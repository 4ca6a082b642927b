import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Desk } from '../desk/desk.ts';
import { IntegrationsLocked, IntegrationsOn, PortalClosed, PortalNotFound } from '../desk/errors.ts';
import { endedOutside, isFinal, type State } from '../domain/lifecycle.ts';
import type { MessageKind } from '../domain/message.ts';
import { type Phase, PHASES } from '../domain/phase.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { RequestDocument, RequestStanding } from '../store/requests.ts';
import type { Stores } from '../store/stores.ts';
import { beat } from './beat.ts';
import type { SweepActivities } from './control-activities.ts';
import type { WorkflowNames } from './create-activities.ts';
import type { LifecycleActivities, RequestSnapshot } from './lifecycle-activities.ts';
import { askStanding, QUERY_MS } from './restore-line.ts';
import { describeRun, isRunning, type LatestRun } from './temporal-runs.ts';

export interface SettleRequestDependencies {
  client: Client;
  stores: Pick<Stores, 'audit' | 'portalClaims' | 'requests' | 'supportTickets'>;
  importStores: Pick<ImportStores, 'plans'>;
  desk: Pick<Desk, 'open' | 'close' | 'lockIntegrations' | 'unlockIntegrations'>;
  /** what a request's process does itself as long as it runs */
  lifecycle: Pick<LifecycleActivities, 'eraseSourceKey' | 'leaveQueue' | 'recordRequest' | 'sendMessage'>;
  names: Pick<WorkflowNames, 'migration' | 'importPhaseOf' | 'undo'>;
  /** how long an import that was told to end may take, in milliseconds */
  importEndsMs?: number;
}

class ImportStillRuns extends Error {
  readonly code = 'IMPORT_STILL_RUNS';
}

/** F2: who writes in the audit log and numbers its messages. */
const WRITER = 'sweep';
/** Above the numbers that a request's own process gives its messages. */
const MESSAGES_FROM = 900_000;
const IMPORT_ENDS_MS = 40_000;
const LOOK_MS = 1_000;

/**
 * Makes the activity that makes one request's document, portal and place in line say the truth again after its process was
 * ended, or began anew, in Temporal itself.
 */
export function makeSettleRequest(deps: SettleRequestDependencies): SweepActivities['settleRequest'] {
  return async ({ request }) => {
    const { client, names, stores } = deps;
    const run = await describeRun(client, names.migration.workflowIdOf(request));
    const [document] = await stores.requests.standings([request]);
    // a request that was never recorded has nothing but perhaps a claim
    if (document === undefined) {
      if (run !== null && run.status !== 'RUNNING') await giveBack(deps, request, null);
      return { outcome: 'sound', unreported: null };
    }
    if (run === null) return { outcome: 'unknown', unreported: null };
    if (run.status === 'RUNNING') {
      const isSeen = run.runId === document.runId && document.before === null;
      if (isSeen) return { outcome: 'sound', unreported: null };
      return { outcome: await takeOver(deps, document, run), unreported: null };
    }
    if (isFinal(document.state) && document.closedAt !== null) {
      return { outcome: await releaseUndo(deps, document), unreported: null };
    }
    return run.status === 'COMPLETED' ? tell(deps, document, run) : end(deps, document, run);
  };
}

/** Its process ended by itself, but its last word was not written. */
async function tell(
  deps: SettleRequestDependencies,
  { id: request, portal }: RequestStanding,
  { runId }: LatestRun,
): ReturnType<SweepActivities['settleRequest']> {
  const handle = deps.client.workflow.getHandle(deps.names.migration.workflowIdOf(request), runId);
  await deps.lifecycle.recordRequest((await handle.result()) as RequestSnapshot);
  await giveBack(deps, request, portal);
  return { outcome: 'ended', unreported: null };
}

/** Its process was ended: what the document says of it must be the end, and nothing may be held for it any more. */
async function end(
  deps: SettleRequestDependencies,
  document: RequestStanding,
  { status, at }: LatestRun,
): ReturnType<SweepActivities['settleRequest']> {
  const { stores, lifecycle } = deps;
  const { id: request, runId } = document;
  const reason = `${WORDS[status] ?? 'ended'} in Temporal`;
  await stores.requests.end(request, runId, { state: endedOutside(document.state), reason, at });
  await note(deps, request, at, 'endedOutside', reason);
  await importsEnd(deps, request);
  await giveBack(deps, request, document.portal);
  const shown = await stores.requests.get(request);
  const message = shown === null ? null : messageOf(shown, at);
  if (message !== null) await lifecycle.sendMessage(message);
  await stores.supportTickets.close(request, new Date(at));
  await stores.requests.close(request, runId, at);
  return { outcome: 'ended', unreported: await unreportedPhase(deps, shown) };
}

/** A request that is over holds nothing but for an undo; one that was ended in Temporal holds its portal still. */
async function releaseUndo(
  deps: SettleRequestDependencies,
  { id: request, portal }: RequestStanding,
): Promise<'ended' | 'sound'> {
  const held = (await deps.stores.portalClaims.all()).some((claim) => claim.request === request);
  if (!held || (await isRunning(deps.client, deps.names.undo.workflowIdOf(request)))) return 'sound';
  await giveBack(deps, request, portal);
  return 'ended';
}

/** @param at numbers the entry: the moment at which the run ended or began is there once */
function note(
  { stores }: SettleRequestDependencies,
  request: string,
  at: number,
  action: string,
  reason: string,
): Promise<void> {
  return stores.audit.append({ request, sequence: at, at, by: 'system', action, reason, writer: WRITER });
}

const WORDS: Partial<Record<LatestRun['status'], string>> = {
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed out',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};

const KINDS: Partial<Record<State, MessageKind>> = {
  CANCELLED: 'cancelled',
  REJECTED: 'rejected',
  STOPPED: 'stopped',
};

/** What its people are told; nobody when there is nobody yet to tell. */
function messageOf(
  { id, state, reason, requester, desk }: RequestDocument,
  at: number,
): Parameters<LifecycleActivities['sendMessage']>[0] | null {
  const kind = KINDS[state];
  if (kind === undefined || (requester === null && (desk?.portal ?? null) === null)) return null;
  return {
    request: id,
    sequence: MESSAGES_FROM,
    kind,
    at,
    facts: reason === null ? {} : { reason },
  };
}

/** F1: what is done is reported: the phase that was under way, when it came so far as to be planned. */
async function unreportedPhase(
  { importStores }: SettleRequestDependencies,
  document: RequestDocument | null,
): Promise<Phase | null> {
  const phase = document?.phases.at(-1);
  if (document === null || phase === undefined) return null;
  if (document.reports.some(({ name }) => name === phase.phase)) return null;
  return (await importStores.plans.find(document.id, phase.phase)) === null ? null : phase.phase;
}

/** C2: the portal opens only when nothing of the import writes any more. @throws ImportStillRuns */
async function importsEnd(deps: SettleRequestDependencies, request: string): Promise<void> {
  const { client, names, importEndsMs = IMPORT_ENDS_MS } = deps;
  const until = Date.now() + importEndsMs;
  for (const phase of PHASES) {
    const workflowId = names.importPhaseOf(request, phase);
    let told = false;
    while (await isRunning(client, workflowId)) {
      if (!told) await cancel(client, workflowId);
      told = true;
      if (Date.now() > until) throw new ImportStillRuns('the import has not ended yet');
      beat();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

async function cancel(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** A8, B2, B4, C2: nothing is held for a request that is over. */
async function giveBack(
  { stores, desk, lifecycle }: SettleRequestDependencies,
  request: string,
  named: string | null,
): Promise<void> {
  const portals = new Set(named === null ? [] : [named]);
  for (const claim of await stores.portalClaims.all()) {
    if (claim.request === request) portals.add(claim.portal);
  }
  for (const portal of portals) {
    await desk.open(portal, request);
    await desk.unlockIntegrations(portal, request);
    await stores.portalClaims.release(request, portal);
  }
  await lifecycle.eraseSourceKey({ request });
  for (const phase of ['phase-1', 'phase-2'] as const) await lifecycle.leaveQueue({ request, phase });
}

/** Another run goes on: a new history of the same process, or one that somebody reset in Temporal. */
async function takeOver(
  deps: SettleRequestDependencies,
  document: RequestStanding,
  run: LatestRun,
): Promise<'takenOver' | 'dismissed'> {
  const { client, lifecycle, names, stores } = deps;
  const { id: request } = document;
  const workflowId = names.migration.workflowIdOf(request);
  const before = await describeRun(client, workflowId, document.before ?? document.runId);
  if (before?.status !== 'CONTINUED_AS_NEW') {
    if (!(await holdAgain(deps, request))) {
      await note(deps, request, run.at, 'resetDismissed', 'the portal belongs to another request by now');
      await cancel(client, workflowId);
      return 'dismissed';
    }
    await note(deps, request, run.at, 'resetInTemporal', `goes on as run ${run.runId}`);
  }
  const handle = client.workflow.getHandle(workflowId, run.runId);
  const snapshot = await client.withDeadline(Date.now() + QUERY_MS, () =>
    handle.query<RequestSnapshot>(names.migration.snapshot),
  );
  // what a query answers is told by the run that answers
  await lifecycle.recordRequest({ ...snapshot, runId: run.runId });
  await stores.requests.seen(request, run.runId);
  return 'takenOver';
}

/** Gives a reset run what it believes to have. @returns false when its portal is another request's by now (A8) */
async function holdAgain(deps: SettleRequestDependencies, request: string): Promise<boolean> {
  const { stores, desk } = deps;
  for (let closed: boolean | null = null; ; ) {
    const standing = await askStanding({ client: deps.client, migration: deps.names.migration }, request);
    if (standing === null || standing.portal === null || standing.portalClosed === closed) return true;
    const { portal, portalClosed } = standing;
    if (!(await stores.portalClaims.claim(portal, request))) return false;
    try {
      if (portalClosed) {
        await desk.close(portal, request);
        await desk.lockIntegrations(portal, request);
      } else await desk.open(portal, request);
    } catch (error) {
      if (!isElsewhere(error)) throw error;
    }
    // it may have gone on meanwhile: look again until it says the same twice
    closed = portalClosed;
  }
}

/** What a phase that starts finds out by itself, and pauses for. */
function isElsewhere(error: unknown): boolean {
  return (
    error instanceof PortalClosed ||
    error instanceof IntegrationsOn ||
    error instanceof IntegrationsLocked ||
    error instanceof PortalNotFound
  );
}
