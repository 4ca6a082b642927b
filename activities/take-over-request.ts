import type { Client } from '@temporalio/client';
import type { Desk } from '../desk/desk.ts';
import { IntegrationsLocked, IntegrationsOn, PortalClosed, PortalNotFound } from '../desk/errors.ts';
import type { Phase } from '../domain/phase.ts';
import { isRestored, type RequestStanding } from '../store/requests.ts';
import type { Stores } from '../store/stores.ts';
import type { WorkflowNames } from './create-activities.ts';
import { cancel, type EndImportsDeps, importsEnd } from './end-imports.ts';
import type { LifecycleActivities, RequestSnapshot } from './lifecycle-activities.ts';
import { noteBySweep } from './note-by-sweep.ts';
import { askStanding, QUERY_MS } from './restore-line.ts';
import { describeRun, isRunning, type LatestRun } from './temporal-runs.ts';

export interface TakeOverDeps extends EndImportsDeps {
  client: Client;
  stores: Pick<Stores, 'audit' | 'portalClaims' | 'requests' | 'supportTickets'>;
  desk: Pick<Desk, 'open' | 'close' | 'lockIntegrations' | 'unlockIntegrations'>;
  lifecycle: Pick<LifecycleActivities, 'recordRequest'>;
  names: Pick<WorkflowNames, 'migration' | 'importPhaseOf'>;
}

/** How long what has ended may take to be heard of, in milliseconds. */
const HEARD_MS = 1_000;

/** Another run goes on: a new history of the same process, one that somebody reset in Temporal, or one of a backup. */
export async function takeOver(
  deps: TakeOverDeps,
  document: RequestStanding,
  run: LatestRun,
): Promise<'takenOver' | 'dismissed'> {
  const { client, lifecycle, names, stores } = deps;
  const { id: request } = document;
  const workflowId = names.migration.workflowIdOf(request);
  const before = await describeRun(client, workflowId, document.before ?? document.runId);
  const restored = isRestored(document);
  if (restored || before?.status !== 'CONTINUED_AS_NEW') {
    if (!(await holdAgain(deps, request))) {
      await noteBySweep(
        deps.stores,
        request,
        run.at,
        'resetDismissed',
        'the portal belongs to another request by now',
      );
      await cancel(client, workflowId);
      return 'dismissed';
    }
    await (restored
      ? noteBySweep(
          stores,
          request,
          run.at,
          'restored',
          'goes on as the backup of Temporal has it',
          'restored',
        )
      : noteBySweep(stores, request, run.at, 'resetInTemporal', `goes on as run ${run.runId}`));
  }
  const handle = client.workflow.getHandle(workflowId, run.runId);
  const snapshot = await client.withDeadline(Date.now() + QUERY_MS, () =>
    handle.query<RequestSnapshot>(names.migration.snapshot),
  );
  // what a query answers is told by the run that answers
  await lifecycle.recordRequest({ ...snapshot, runId: run.runId });
  // C1: one that began again has none yet
  const hasTicket = snapshot.supportTicket !== null && snapshot.closedAt === null;
  await (hasTicket
    ? stores.supportTickets.reopen(request)
    : stores.supportTickets.close(request, new Date(run.at)));
  await stores.requests.seen(request, run.runId);
  return 'takenOver';
}

/** Gives a reset run what it believes to have. @returns false when its portal is another request's by now (A8) */
async function holdAgain(deps: TakeOverDeps, request: string): Promise<boolean> {
  const { stores, desk } = deps;
  for (let said = ''; ; ) {
    const standing = await askStanding({ client: deps.client, migration: deps.names.migration }, request);
    if (standing === null) return true;
    const { portal, portalClosed, underWay, importing } = standing;
    // it may have gone on meanwhile: look again until it says the same twice
    const says = JSON.stringify([portal, portalClosed, underWay, importing]);
    if (says === said) return true;
    said = says;
    if (portal !== null && !(await stores.portalClaims.claim(portal, request))) return false;
    await importsEnd(deps, request, importing);
    if (importing !== null) await startLostImport(deps, request, importing);
    if (portal === null) continue;
    try {
      await (portalClosed ? desk.close(portal, request) : desk.open(portal, request));
      await (underWay ? desk.lockIntegrations(portal, request) : desk.unlockIntegrations(portal, request));
    } catch (error) {
      if (!isElsewhere(error)) throw error;
    }
  }
}

/** What was ended with a run says nothing to the one that was reset from it: that would wait for ever. */
async function startLostImport(
  { client, names }: TakeOverDeps,
  request: string,
  phase: Phase,
): Promise<void> {
  if (await isRunning(client, names.importPhaseOf(request, phase))) return;
  // one that ended by itself just now is being told
  await new Promise((resolve) => setTimeout(resolve, HEARD_MS));
  if (await isRunning(client, names.importPhaseOf(request, phase))) return;
  const handle = client.workflow.getHandle(names.migration.workflowIdOf(request));
  await handle.signal(names.migration.importLost, { phase });
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
