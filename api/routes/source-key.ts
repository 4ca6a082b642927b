import { z } from 'zod';
import { accepted, acceptedAnswer } from '../accepted.ts';
import type { Api } from '../app.ts';
import { sourceKey } from '../bodies.ts';
import { keepSourceKey } from '../keep-source-key.ts';
import { Problem } from '../problem.ts';
import { command, readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

const sourceKeyBody = z.strictObject({ key: sourceKey }).meta({ id: 'SourceKey' });

/** B3: the call that gives the key of a source. */
export function sourceKeyRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations/{request}/source-key',
      operation: 'giveSourceKey',
      tag: 'Commands',
      summary: 'Give the key of the source',
      description:
        'For a source whose `kind` is `api`: before submission, and whenever the source does not take the key any more. A migration that is paused for it goes on (B3). It is kept sealed, never told to anybody, and forgotten when the request is closed.',
      who: ['requester'],
      params: requestParams,
      body: sourceKeyBody,
      answers: acceptedAnswer('Taken'),
      handle: async (call) => {
        const request = await readRequest(api, call.principal, call.params.request);
        if (request.source?.kind !== 'api') {
          throw new Problem('not-possible', 'The source is not read by an API: it needs no key.');
        }
        const before = await keepSourceKey(api, request.id, request.source.address, call.body.key);
        try {
          const given = await command(api, call, request, 'sourceKey', { by: call.principal.by });
          return await accepted(api, given);
        } catch (error) {
          // refused: the key that was there stays
          if (error instanceof Problem && error.code !== 'unavailable')
            await api.sourceKeys.restore(request.id, before);
          throw error;
        }
      },
    }),
  ];
}
