import { randomUUID } from 'node:crypto';
import { access, constants, mkdir } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { createReportSigner } from '../../store/report-signature.ts';
import { healthAnswer, readyAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { docsPage } from '../docs-page.ts';
import { openApiDocument } from '../openapi.ts';
import { Problem } from '../problem.ts';
import { type Route, route } from '../route.ts';

/** How long a service may take to answer before it counts as down. */
const PROBE_MS = 3_000;

/** Liveness, readiness, measurements, and the description of the API; none needs a key. */
export function serviceRoutes(api: Api, described: () => readonly Route[]): Route[] {
  return [
    route({
      method: 'get',
      path: '/healthz',
      operation: 'readHealth',
      tag: 'Service',
      summary: 'Whether this process runs',
      who: 'public',
      answers: { 200: { description: 'It runs.', schema: healthAnswer } },
      handle: async () => ({ status: 200, body: { status: 'up' } }),
    }),
    route({
      method: 'get',
      path: '/readyz',
      operation: 'readReadiness',
      tag: 'Service',
      summary: 'Whether Temporal, MongoDB and the storage answer',
      who: 'public',
      answers: { 200: { description: 'All of them do.', schema: readyAnswer } },
      handle: async () => {
        const [temporal, mongodb, storage] = await Promise.all([
          probe(() => api.migrations.ping()),
          probe(() => api.pingDatabase()),
          probe(() => probeStorage(api)),
        ]);
        const checks = { temporal, mongodb, storage };
        if (Object.values(checks).every((check) => check === 'up'))
          return { status: 200, body: { status: 'ready', checks } };
        const down = Object.entries(checks).flatMap(([name, check]) => (check === 'down' ? [name] : []));
        throw new Problem(
          'unavailable',
          `Not ready: ${down.join(', ')} ${down.length === 1 ? 'does' : 'do'} not answer.`,
          {
            headers: { 'Retry-After': '5' },
            members: { checks },
          },
        );
      },
    }),
    route({
      method: 'get',
      path: '/v1/report-key',
      operation: 'readReportKey',
      tag: 'Service',
      summary: 'The public key that reports are signed with (C7)',
      who: 'public',
      answers: {
        200: { description: 'Ed25519, as PEM.', contentType: 'application/x-pem-file', schema: z.string() },
      },
      handle: async ({ response }) => {
        const { publicKey } = createReportSigner(api.config.secret);
        response.status(200).set({ 'Content-Type': 'application/x-pem-file' }).end(publicKey);
        return null;
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      operation: 'readMetrics',
      tag: 'Service',
      summary: 'Measurements for Prometheus',
      who: 'public',
      answers: {
        200: { description: 'In the Prometheus text format.', contentType: 'text/plain', schema: z.string() },
      },
      handle: async ({ response }) => {
        const { text, contentType } = await api.metrics.read();
        response.status(200).set({ 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(text);
        return null;
      },
    }),
    route({
      method: 'get',
      path: '/openapi.json',
      operation: 'readOpenApi',
      tag: 'Service',
      summary: 'This description, as OpenAPI 3.1',
      who: 'public',
      answers: {
        200: { description: 'The document.', schema: z.looseObject({ openapi: z.literal('3.1.0') }) },
      },
      handle: async () => ({ status: 200, body: openApiDocument(api.config.publicUrl, described()) }),
    }),
    route({
      method: 'get',
      path: '/docs',
      operation: 'readDocs',
      tag: 'Service',
      summary: 'This description, as a page',
      who: 'public',
      answers: { 200: { description: 'The page.', contentType: 'text/html', schema: z.string() } },
      handle: async ({ response }) => {
        const page = docsPage(openApiDocument(api.config.publicUrl, described()));
        response.status(200).set('Content-Type', 'text/html; charset=utf-8').end(page);
        return null;
      },
    }),
  ];
}

async function probe(ask: () => Promise<void>): Promise<'up' | 'down'> {
  const abort = new AbortController();
  try {
    return await Promise.race([
      ask().then(() => 'up' as const),
      wait(PROBE_MS, 'down' as const, { signal: abort.signal, ref: false }),
    ]);
  } catch {
    return 'down';
  } finally {
    abort.abort();
  }
}

async function probeStorage({ storage, config }: Api): Promise<void> {
  // unfinished uploads are kept there, also where the storage is a bucket
  await mkdir(config.storageFolder, { recursive: true });
  await access(config.storageFolder, constants.W_OK);
  const key = `probes/${randomUUID()}`;
  await storage.put(key, Buffer.from('probe'));
  await storage.remove(key);
}
