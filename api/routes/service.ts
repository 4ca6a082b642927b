import { z } from 'zod';
import { probe, probeStorage } from '../../store/probe.ts';
import { createReportSigner } from '../../store/report-signature.ts';
import { healthAnswer, readyAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { docsPage } from '../docs-page.ts';
import { openApiDocument } from '../openapi.ts';
import { Problem } from '../problem.ts';
import { type Route, route } from '../route.ts';

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
          probe(() => probeStorage(api.storage, api.config.storageFolder)),
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
