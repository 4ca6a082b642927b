import { isFinal } from '../../domain/lifecycle.ts';
import { ERASE, eraseWorkflowId } from '../../workflows/messages.ts';
import { accepted, acceptedAnswer } from '../accepted.ts';
import type { Api } from '../app.ts';
import { reasonBody } from '../bodies.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

/** Deleting what a request brought before its retention time is over (F5). */
export function eraseRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations/{request}/erase',
      operation: 'erase',
      tag: 'Commands',
      summary: 'Erase what a request brought',
      description:
        'Deletes uploaded files and staged rows of a request that is over, at once instead of after the retention time (F5). Its reports, its audit log and what the desk has stay. What was erased stands in `erased` and in the audit log. Erased once, the call again changes nothing.',
      who: ['operator'],
      params: requestParams,
      body: reasonBody,
      answers: acceptedAnswer('Ordered'),
      handle: async ({ principal, params, body }) => {
        const request = await readRequest(api, principal, params.request);
        const { id, state } = request;
        if (!isFinal(state)) {
          throw new Problem(
            'wrong-state',
            `The request is ${state}; it can be erased only once it is over. Cancel, reject or stop it first.`,
            { members: { state } },
          );
        }
        await api.migrations.order({
          workflowType: ERASE,
          workflowId: eraseWorkflowId(id),
          input: { request: id, by: principal.by, reason: body.reason },
          summary: `Erase ${id}`,
          again: false,
        });
        return accepted(api, request);
      },
    }),
  ];
}
