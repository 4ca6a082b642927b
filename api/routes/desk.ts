import { z } from 'zod';
import { ETAG } from '../answer-headers.ts';
import { deskAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { authoriseDesk, portalTaken } from '../authorise-desk.ts';
import { deskBody } from '../bodies.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { entityTag, redoSteps } from '../redo-steps.ts';
import { type Route, route } from '../route.ts';
import { ifMatchHeader, requestParams } from './migrations.ts';

/** Authorising the desk and choosing the portal (A2, A8). */
export function deskRoutes(api: Api): Route[] {
  return [
    route({
      method: 'put',
      path: '/v1/migrations/{request}/desk',
      operation: 'authoriseDesk',
      tag: 'Requests',
      summary: 'Authorise the desk and choose the portal',
      description:
        'Answers the portals; the only one is chosen by itself. A portal has at most one open request (A8).',
      who: ['requester'],
      params: requestParams,
      headers: ifMatchHeader,
      body: deskBody,
      answers: {
        200: {
          description: 'The portals, and which is chosen.',
          schema: deskAnswer,
          headers: z.object(ETAG),
        },
      },
      handle: async (call) => {
        const { principal, params, body } = call;
        const before = await readRequest(api, principal, params.request);
        const chosenBefore = before.desk?.portal ?? null;
        const { portals, desk } = await authoriseDesk(
          api,
          before.tenant,
          body.portal,
          chosenBefore,
          '/portal',
        );
        try {
          const after = await redoSteps(api, call, params.request, (draft) => ({ ...draft, desk }));
          return {
            status: 200,
            body: {
              portals: portals.map(({ id, name, plan }) => ({ id, name, plan })),
              portal: after.desk?.portal ?? null,
            },
            headers: { ETag: entityTag(after) },
          };
        } catch (error) {
          const taken = error instanceof Problem && error.code === 'portal-taken' && desk.portal !== null;
          throw taken ? await portalTaken(api, principal, desk.portal ?? '') : error;
        }
      },
    }),
  ];
}
