import type { RequestSnapshot } from '../activities/lifecycle-activities.ts';
import { isFinal } from '../domain/lifecycle.ts';
import { documentOf, type RequestDocument } from '../store/requests.ts';
import type { UpdateArguments } from '../workflows/messages.ts';
import { callId } from './answer-once.ts';
import type { Api } from './app.ts';
import { CommandRefused, MigrationNotRunning } from './migration-workflows.ts';
import { maySee, type Principal } from './principal.ts';
import { notFound, Problem, unavailable } from './problem.ts';
import type { Call } from './route.ts';
import { refusedForLimit } from './upload-limits.ts';

/** The request as its workflow tells it, with what was typed and uploaded. */
export async function documentFrom(
  api: Api,
  tenant: string,
  snapshot: RequestSnapshot,
): Promise<RequestDocument> {
  const [draft, files] = await Promise.all([
    api.stores.drafts.get(snapshot.request, snapshot.revision),
    api.stores.uploads.list(snapshot.request, null),
  ]);
  // an upload that is under way is not the request's before its workflow knows it
  const known = files.filter((file) => snapshot.files.includes(file.key));
  return documentOf(snapshot, { tenant, draft, files: known });
}

/**
 * F4: reads a request for somebody.
 * @throws Problem `not-found` when there is none, or when it is of a tenant they may not see: the two look the same
 */
export async function readRequest(api: Api, principal: Principal, id: string): Promise<RequestDocument> {
  const tenant = await api.stores.requests.tenantOf(id);
  if (tenant === null || !maySee(principal, tenant)) throw notFound('There is no such request.');
  const recorded = await api.stores.requests.get(id);
  if (recorded !== null) return recorded;
  // created a moment ago: its workflow knows it before its document is written
  try {
    return await documentFrom(api, tenant, await api.migrations.snapshot(id));
  } catch (error) {
    if (error instanceof MigrationNotRunning) throw notFound('There is no such request.');
    throw error;
  }
}

/**
 * Gives a command to a request's workflow.
 * @returns the request as it stands then
 * @throws Problem for what was refused, saying in which state the request is
 */
export async function command<U extends keyof UpdateArguments>(
  api: Api,
  call: Pick<Call, 'request'>,
  request: RequestDocument,
  update: U,
  argument: UpdateArguments[U],
): Promise<RequestDocument> {
  try {
    const id = callId(call);
    // one call may give several commands
    const snapshot = await api.migrations.command(
      request.id,
      update,
      argument,
      id === undefined ? id : `${id}-${update}`,
    );
    return await documentFrom(api, request.tenant, snapshot);
  } catch (error) {
    if (error instanceof CommandRefused) {
      throw (
        refusedForLimit(api, error.refusal, request.limits) ??
        error.problem({ members: membersOf(error, request) })
      );
    }
    if (error instanceof MigrationNotRunning) {
      const { state } = (await api.stores.requests.get(request.id)) ?? request;
      if (!isFinal(state)) throw unavailable('The migration of this request does not run just now.');
      throw new Problem('wrong-state', `The request is ${state}: it is closed for good. File a new one.`, {
        members: { state },
      });
    }
    throw error;
  }
}

function membersOf({ refusal }: CommandRefused, { id, state }: RequestDocument): Record<string, unknown> {
  if (refusal === 'WRONG_STATE') return { state };
  if (refusal === 'BLOCKING_FINDINGS') return { findings: `/v1/migrations/${id}/findings` };
  return {};
}
