import type { Desk } from '../desk/desk.ts';
import { endedOutside, isFinal, type State } from '../domain/lifecycle.ts';
import type { MessageKind } from '../domain/message.ts';
import type { Phase } from '../domain/phase.ts';
import type { ImportStores } from '../store/import-stores.ts';
import { isRestored, type RequestDocument, type RequestStanding } from '../store/requests.ts';
import type { Stores } from '../store/stores.ts';
import type { SweepActivities } from './control-activities.ts';
import type { WorkflowNames } from './create-activities.ts';
import { importsEnd } from './end-imports.ts';
import type { LifecycleActivities, RequestSnapshot } from './lifecycle-activities.ts';
import { noteBySweep } from './note-by-sweep.ts';
import { takeOver, type TakeOverDeps } from './take-over-request.ts';
import { describeRun, isRunning, type LatestRun } from './temporal-runs.ts';

export interface SettleRequestDependencies extends TakeOverDeps {
  stores: Pick<Stores, 'audit' | 'messages' | 'portalClaims' | 'requests' | 'supportTickets'>;
  importStores: Pick<ImportStores, 'plans'>;
  desk: Pick<Desk, 'open' | 'close' | 'lockIntegrations' | 'unlockIntegrations'>;
  /** what a request's process does itself as long as it runs */
  lifecycle: Pick<LifecycleActivities, 'eraseSourceKey' | 'leaveQueue' | 'recordRequest' | 'sendMessage'>;
  names: Pick<WorkflowNames, 'migration' | 'importPhaseOf' | 'undo'>;
}

/** Above the numbers that a request's own process gives its messages. */
const MESSAGES_FROM = 900_000;

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
    if (run === null)
      return isRestored(document) ? lost(deps, document) : { outcome: 'unknown', unreported: null };
    if (run.status === 'RUNNING') {
      const isSeen = run.runId === document.runId && document.before === null;
      if (isSeen) return { outcome: 'sound', unreported: null };
      return { outcome: await takeOver(deps, document, run), unreported: null };
    }
    if (isFinal(document.state) && document.closedAt !== null) {
      if (isRestored(document)) await stores.requests.seen(request, document.runId);
      if (run.status !== 'COMPLETED') await lastWord(deps, request, run.at);
      return { outcome: await releaseUndo(deps, document), unreported: null };
    }
    if (run.status === 'COMPLETED') return tell(deps, document, run);
    return end(deps, document, { at: run.at, reason: `${WORDS[run.status] ?? 'ended'} in Temporal` });
  };
}

/** A backup was brought back, and Temporal's is from before the request was filed, or from after it was forgotten. */
async function lost(
  deps: SettleRequestDependencies,
  document: RequestStanding,
): ReturnType<SweepActivities['settleRequest']> {
  const { id: request, runId, state, closedAt } = document;
  await deps.stores.requests.seen(request, runId);
  if (isFinal(state) && closedAt !== null) return { outcome: 'sound', unreported: null };
  return end(deps, document, {
    at: Date.now(),
    reason: 'not in the backup of Temporal that was brought back',
  });
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
  { at, reason }: { at: number; reason: string },
): ReturnType<SweepActivities['settleRequest']> {
  const { stores } = deps;
  const { id: request, runId } = document;
  await stores.requests.end(request, runId, { state: endedOutside(document.state), reason, at });
  await noteBySweep(deps.stores, request, at, 'endedOutside', reason);
  await importsEnd(deps, request);
  await giveBack(deps, request, document.portal);
  const shown = await lastWord(deps, request, at);
  await stores.requests.close(request, runId, at);
  return { outcome: 'ended', unreported: await unreportedPhase(deps, shown) };
}

/** What its process would have said and done at its end, unless it has. @returns the request as it is shown */
async function lastWord(
  { stores, lifecycle }: SettleRequestDependencies,
  request: string,
  at: number,
): Promise<RequestDocument | null> {
  const shown = await stores.requests.get(request);
  const message = shown === null ? null : messageOf(shown, at);
  if (message !== null) {
    // it may have ended before, and said so, and have been reset
    const since = shown?.closedAt?.getTime() ?? at;
    const told = await stores.messages.list(request);
    const isSent = told.some(
      (each) => each.kind === message.kind && each.state === 'sent' && each.at.getTime() >= since,
    );
    if (!isSent) await lifecycle.sendMessage(message);
  }
  await stores.supportTickets.close(request, new Date(at));
  return shown;
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
  COMPLETED: 'completed',
  EXPIRED: 'expired',
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
