import { hash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { isFinal } from '../../domain/lifecycle.ts';
import { progressAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { openEventStream } from '../event-stream.ts';
import { readRequest } from '../read-request.ts';
import { type Call, type Route, route } from '../route.ts';
import { createPace, type Pace, showProgress } from '../show-progress.ts';
import { requestParams } from './migrations.ts';

const DEFAULT_EVENTS_MS = 1_000;
/** A comment this often keeps proxies from closing a stream on which nothing happens. */
const HEARTBEAT_MS = 15_000;

/** How far a migration is, once or as it goes (H). */
export function progressRoutes(api: Api): Route[] {
  const pace = createPace();
  return [
    route({
      method: 'get',
      path: '/v1/migrations/{request}/progress',
      operation: 'readProgress',
      tag: 'Progress',
      summary: 'How far the phase is, tab by tab',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: { 200: { description: 'The phase that runs or ran last.', schema: progressAnswer } },
      handle: async ({ principal, params }) => ({
        status: 200,
        body: await showProgress(api, pace, await readRequest(api, principal, params.request)),
      }),
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/events',
      operation: 'watchProgress',
      tag: 'Progress',
      summary: 'The same numbers as Server-Sent Events',
      description:
        'An event `progress` whenever a number changes, its data as `progress` answers it. The stream ends when the request is closed; asked again with the last id it is 204.',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: {
        200: { description: 'The stream.', contentType: 'text/event-stream', schema: z.string() },
        204: { description: 'The request is closed and its last event was received.' },
      },
      handle: async (call) => watch(api, pace, call),
    }),
  ];
}

/** The id of an event names what it says, so that nothing is told twice to a watcher that comes again. */
const eventId = (data: string): string => hash('sha256', data, 'base64url').slice(0, 22);

async function watch(
  api: Api,
  pace: Pace,
  { principal, params, request, response }: Call<z.output<typeof requestParams>>,
): Promise<{ status: number } | null> {
  const look = async (): Promise<{ data: string; id: string; over: boolean }> => {
    const found = await readRequest(api, principal, params.request);
    const data = JSON.stringify(await showProgress(api, pace, found));
    return { data, id: eventId(data), over: isFinal(found.state) };
  };
  let last = request.get('last-event-id') ?? '';
  let now = await look();
  if (now.over && now.id === last) return { status: 204 };

  const stream = openEventStream(response);
  if (request.method === 'HEAD') stream.end();
  let told = Date.now();
  while (!stream.closed()) {
    if (now.id !== last) {
      await stream.write(`id: ${now.id}\nevent: progress\ndata: ${now.data}\n\n`);
      last = now.id;
      told = Date.now();
    } else if (Date.now() - told >= HEARTBEAT_MS) {
      await stream.write(': still here\n\n');
      told = Date.now();
    }
    if (now.over) break;
    await wait(api.config.eventsMs ?? DEFAULT_EVENTS_MS);
    if (!stream.closed()) now = await look();
  }
  stream.end();
  return null;
}
