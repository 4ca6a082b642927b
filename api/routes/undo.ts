import type { State } from '../../domain/lifecycle.ts';
import { UNDO, undoWorkflowId } from '../../workflows/messages.ts';
import { accepted, acceptedAnswer } from '../accepted.ts';
import type { Api } from '../app.ts';
import { reasonBody } from '../bodies.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

/** F1: only these can be undone. */
const UNDOABLE: readonly State[] = ['STOPPED', 'COMPLETED'];

/** Taking back what a request created (F1). */
export function undoRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations/{request}/undo',
      operation: 'undo',
      tag: 'Commands',
      summary: 'Undo a migration',
      description:
        'After it was stopped or has been completed: deletes exactly the records that it created, never one that existed before, was changed since, or is referred to by what stays (F1). The portal is closed meanwhile; what was done is in the report `undo`. Undone once, it is done: the call again changes nothing.',
      who: ['operator'],
      params: requestParams,
      body: reasonBody,
      answers: acceptedAnswer('Ordered'),
      handle: async ({ principal, params, body }) => {
        const request = await readRequest(api, principal, params.request);
        const { id, state, desk } = request;
        if (!UNDOABLE.includes(state)) {
          throw new Problem(
            'wrong-state',
            `The request is ${state}; it can be undone only once it is STOPPED or COMPLETED. Stop it first.`,
            { members: { state } },
          );
        }
        const portal = desk?.portal ?? null;
        const holder = portal === null ? null : await api.stores.portalClaims.holder(portal);
        if (holder !== null && holder !== id) {
          throw new Problem(
            'portal-taken',
            'The portal has another open request; undo this one when that has ended.',
          );
        }
        await api.migrations.order({
          workflowType: UNDO,
          workflowId: undoWorkflowId(id),
          input: { request: id, by: principal.by, reason: body.reason },
          summary: `Undo of ${id}`,
          again: false,
        });
        return accepted(api, request);
      },
    }),
  ];
}
