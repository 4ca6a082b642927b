import type { State } from '../../domain/lifecycle.ts';
import { SAMPLE_RUN, sampleWorkflowId } from '../../workflows/messages.ts';
import { accepted, acceptedAnswer } from '../accepted.ts';
import { callId } from '../answer-once.ts';
import type { Api } from '../app.ts';
import { sampleBody } from '../bodies.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

/** B6: before phase 1. */
const BEFORE_PHASE_1: readonly State[] = ['PENDING', 'VERIFYING', 'QUEUED'];

/** Trying a migration with a few records (B6). */
export function sampleRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations/{request}/sample',
      operation: 'runSample',
      tag: 'Commands',
      summary: 'Run a sample',
      description:
        'Before phase 1, without a turn, as often as wanted: the first records of each tab, with everything they refer to, go into a throw-away copy of the portal. The report is `sample`; nothing else is left (B6). One runs at a time.',
      who: ['requester', 'operator'],
      params: requestParams,
      body: sampleBody,
      answers: acceptedAnswer('Ordered'),
      handle: async (call) => {
        const { principal, params, body } = call;
        const request = await readRequest(api, principal, params.request);
        const { id, state, missingSteps } = request;
        if (!BEFORE_PHASE_1.includes(state)) {
          throw new Problem(
            'wrong-state',
            `The request is ${state}; a sample can be run only before phase 1, while it is ${BEFORE_PHASE_1.join(', ')}.`,
            { members: { state } },
          );
        }
        if (missingSteps.length > 0) {
          throw new Problem(
            'step-missing',
            `Not all steps are done; still missing: ${missingSteps.join(', ')}. Do them and run the sample again.`,
          );
        }
        const isStarted = await api.migrations.order({
          workflowType: SAMPLE_RUN,
          workflowId: sampleWorkflowId(id),
          input: {
            request: id,
            by: principal.by,
            records: body.records,
            ...(request.source?.kind === 'api' ? { draw: true } : {}),
          },
          summary: `Sample of ${id}`,
          again: true,
          call: callId(call),
        });
        if (!isStarted) {
          throw new Problem(
            'not-possible',
            'A sample run of this request is under way; wait for its report.',
          );
        }
        return accepted(api, request);
      },
    }),
  ];
}
