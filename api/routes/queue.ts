import { z } from 'zod';
import { LOCATION } from '../answer-headers.ts';
import { queueAnswer, type QueueAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { noBody } from '../bodies.ts';
import { MigrationNotRunning } from '../migration-workflows.ts';
import { pageOf, pageQuery } from '../page-of.ts';
import { maySee, type Principal } from '../principal.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

/** Who runs and who waits (B4). */
export function queueRoutes(api: Api): Route[] {
  const answers = { description: 'Who runs and who waits, in order.', schema: queueAnswer };
  return [
    route({
      method: 'get',
      path: '/v1/queue',
      operation: 'readQueue',
      tag: 'Queue',
      summary: 'The processing queue',
      description:
        'Pages are of those who wait. Where the line has moved past the cursor, a page begins at its head again.',
      who: ['operator', 'auditor'],
      query: pageQuery,
      answers: { 200: answers },
      handle: async ({ principal, query }) => ({
        status: 200,
        body: await showQueue(api, principal, query),
      }),
    }),
    route({
      method: 'post',
      path: '/v1/queue/{request}/front',
      operation: 'moveToFront',
      tag: 'Queue',
      summary: 'Move a waiting request ahead of all others',
      who: ['operator'],
      params: requestParams,
      body: noBody,
      answers: { 202: { ...answers, headers: z.object(LOCATION) } },
      handle: async ({ principal, params }) => {
        const { id, state } = await readRequest(api, principal, params.request);
        const line = await api.migrations.line();
        if (line?.waiting.some((entry) => entry.request === id) !== true) {
          throw new Problem('wrong-state', `The request is ${state} and does not wait in the queue.`, {
            members: { state },
          });
        }
        try {
          await api.migrations.toFront(id, principal.by);
        } catch (error) {
          if (!(error instanceof MigrationNotRunning)) throw error;
          throw new Problem('wrong-state', 'The queue is empty.', { members: { state } });
        }
        return { status: 202, body: await showQueue(api, principal), headers: { Location: '/v1/queue' } };
      },
    }),
  ];
}

/** F4: a place in line counts everybody; who they are is told to those who may see them. */
async function showQueue(
  api: Api,
  principal: Principal,
  { limit, cursor }: z.output<typeof pageQuery> = {},
): Promise<QueueAnswer> {
  const line = await api.migrations.line();
  if (line === null) return { turns: api.config.concurrentTurns, running: [], waiting: [], next: null };
  const seen = new Set<string>();
  for (const { request } of [...line.running, ...line.waiting]) {
    const tenant = await api.stores.requests.tenantOf(request);
    if (tenant !== null && maySee(principal, tenant)) seen.add(request);
  }
  const waiting = line.waiting.filter(({ request }) => seen.has(request));
  const behind = waiting.findIndex(({ request }) => request === cursor) + 1;
  const page = pageOf(waiting.slice(behind), limit, ({ request }) => request);
  return {
    turns: line.turns,
    running: line.running
      .filter(({ request }) => seen.has(request))
      .map(({ request, phase, since }) => ({
        request,
        phase,
        since: new Date(since).toISOString(),
      })),
    waiting: page.items.map(({ request, phase, place }) => ({ request, phase, place })),
    next: page.next,
  };
}
