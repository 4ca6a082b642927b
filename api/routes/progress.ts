import type { Request } from 'express';
import { z } from 'zod';
import { createForecast } from '../../store/forecast.ts';
import { progressAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { openEventStream } from '../event-stream.ts';
import { credentialOf, type Principal } from '../principal.ts';
import { Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { type Call, type Route, route } from '../route.ts';
import { createPace, showProgress } from '../show-progress.ts';
import { createProgressWatch, type ProgressWatch, type Watching } from '../watch-progress.ts';
import { requestParams } from './migrations.ts';

/** After so many looks a watcher's key is looked up again: a stream must not outlive it. */
const LOOKS_PER_KEY = 15;
/** streams one caller may have open in this process */
const MOST_STREAMS = 50;
/** A comment this often keeps proxies from closing a stream on which nothing happens. */
const HEARTBEAT_MS = 15_000;

type Measures = Parameters<typeof showProgress>[1];

/** How far a migration is, once or as it goes (H). */
export function progressRoutes(api: Api): Route[] {
  const measures: Measures = { pace: createPace(), forecast: createForecast(api.stores.speeds) };
  const looks = createProgressWatch(api, measures);
  const streams = new Map<string, number>();
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
        body: await showProgress(api, measures, await readRequest(api, principal, params.request)),
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
      headers: z.object({
        'Last-Event-ID': z.string().optional().meta({ description: 'Id of the last event received.' }),
      }),
      answers: {
        200: { description: 'The stream.', contentType: 'text/event-stream', schema: z.string() },
        204: { description: 'The request is closed and its last event was received.' },
      },
      handle: (call) => watch(api, looks, streams, call),
    }),
  ];
}

/** Whether who opened a stream may still read it: the key may have been revoked, the token may have expired. */
async function isStill(api: Api, request: Request, { name, role, tenant }: Principal): Promise<boolean> {
  try {
    const now = await api.identify(credentialOf(request) ?? '');
    return now.name === name && now.role === role && now.tenant === tenant;
  } catch (error) {
    return error instanceof Problem && error.code === 'unavailable';
  }
}

async function watch(
  api: Api,
  looks: ProgressWatch,
  streams: Map<string, number>,
  { principal, params, request, response }: Call<z.output<typeof requestParams>>,
): Promise<{ status: number } | null> {
  const watching = await looks.watch(await readRequest(api, principal, params.request));
  const last = request.get('last-event-id') ?? '';
  const open = streams.get(principal.name) ?? 0;
  try {
    if (watching.latest().over && watching.latest().id === last) return { status: 204 };
    if (open >= MOST_STREAMS) {
      throw new Problem('too-many-requests', `Close some of the ${open} event streams that are open.`, {
        headers: { 'Retry-After': '60' },
      });
    }
    streams.set(principal.name, open + 1);
    try {
      await tell(api, watching, { principal, request, response }, last);
    } finally {
      const left = (streams.get(principal.name) ?? 1) - 1;
      if (left > 0) streams.set(principal.name, left);
      else streams.delete(principal.name);
    }
    return null;
  } finally {
    watching.leave();
  }
}

/** Tells a watcher what is new. One who reads slowly is told less often, and then how it stands: nothing is kept up for them. */
async function tell(
  api: Api,
  watching: Watching,
  { principal, request, response }: Pick<Call, 'principal' | 'request' | 'response'>,
  received: string,
): Promise<void> {
  const stream = openEventStream(response);
  const isStopping = (): boolean => request.app.locals['stopping'] === true;
  if (request.method === 'HEAD') stream.end();
  let last = received;
  let told = Date.now();
  for (let looks = 1; !stream.closed() && !isStopping(); looks++) {
    const now = watching.latest();
    if (now.id !== last) {
      await stream.write(`id: ${now.id}\nevent: progress\ndata: ${now.data}\n\n`);
      last = now.id;
      told = Date.now();
    } else if (Date.now() - told >= (api.config.heartbeatMs ?? HEARTBEAT_MS)) {
      await stream.write(': still here\n\n');
      told = Date.now();
    }
    if (now.over) break;
    // it may have gone on while this one was written
    if (watching.latest() === now) await watching.next();
    if (looks % LOOKS_PER_KEY === 0 && !(await isStill(api, request, principal))) break;
  }
  stream.end();
}
