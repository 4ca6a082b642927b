import type { Client } from '@temporalio/client';
import express, { type Express } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Limits } from '../domain/lifecycle.ts';
import type { Desk, Portal } from '../desk/desk.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import { answerCalls, answerProblems, occurrence } from './answer-calls.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createMigrationWorkflows, type MigrationWorkflows } from './migration-workflows.ts';
import { authenticate } from './principal.ts';
import { notFound, Problem } from './problem.ts';
import type { ReadProgress } from './read-progress.ts';
import type { Route } from './route.ts';
import { createRoutes } from './routes.ts';

/** The desk as the API needs it: its portals and their switches. */
export interface ApiDesk extends Pick<Desk, 'portals' | 'portal'> {
  /** The portals of every tenant, for operators. */
  allPortals(): Promise<Portal[]>;
  /** B2. @throws PortalNotFound, IntegrationsLocked */
  setIntegrations(portal: string, wanted: Partial<Portal['integrations']>): Promise<Portal>;
}

export interface ApiConfiguration {
  /** where people reach the API, without a slash at the end */
  publicUrl: string;
  replyWindowMs: number;
  failureShare: number;
  limits: Limits;
  /** whom a request over a limit is sent to (A4) */
  supportAddress: string;
  /** B4, told while the queue has not started yet */
  concurrentTurns: number;
  /** calls a key may make in a minute; 1,200 where nothing is said */
  callsPerMinute?: number;
  /** how often progress is looked at for a watcher of events, in milliseconds; 1,000 where nothing is said */
  eventsMs?: number;
}

export interface ApiDependencies {
  stores: Stores;
  storage: Storage;
  temporal: Client;
  desk: ApiDesk;
  /** how far a phase is; see createReadProgress */
  progress: ReadProgress;
  /** whether MongoDB answers; throws when not */
  pingDatabase(): Promise<void>;
  config: ApiConfiguration;
  logger: Logger;
}

/** What the routes work with. */
export interface Api extends ApiDependencies {
  migrations: MigrationWorkflows;
  metrics: Metrics;
}

const DEFAULT_CALLS_PER_MINUTE = 1_200;

/** A path as Express writes it. */
function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function mount(app: Express, api: Api, routes: readonly Route[]): void {
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    for (const route of ofPath) app[route.method](expressPath(path), answerCalls(api, route));
    const methods = ofPath.map((route) => route.method.toUpperCase());
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
    app.all(expressPath(path), () => {
      throw new Problem('method-not-allowed', `Use one of ${allow}.`, { headers: { Allow: allow } });
    });
  }
}

/**
 * The HTTP API (H): checks what is sent, keeps it, tells the migration's workflow, and answers from what is recorded.
 * It holds no state of its own; any number of them may run.
 */
export function createApi(dependencies: ApiDependencies): Express {
  const metrics = createMetrics();
  const api: Api = { ...dependencies, metrics, migrations: createMigrationWorkflows(dependencies.temporal) };
  const { config, logger, stores } = api;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);

  app.use(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], styleSrc: ["'unsafe-inline'"], frameAncestors: ["'none'"] },
      },
    }),
  );
  app.use((request, response, next) => {
    const { id } = occurrence(request);
    const started = performance.now();
    response.setHeader('X-Request-Id', id);
    response.once('close', () => {
      const ms = Math.round(performance.now() - started);
      // the pattern, not the address: an address may hold a file's name or a searched text
      const route = typeof request.route?.path === 'string' ? request.route.path : 'none';
      metrics.answered({ method: request.method, route, status: response.statusCode, seconds: ms / 1_000 });
      const { principal } = occurrence(request);
      const { request: migration } = request.params;
      logger.info(
        {
          requestId: id,
          method: request.method,
          route,
          status: response.statusCode,
          ms,
          ...(principal === null ? {} : { by: principal.by }),
          ...(migration === undefined || response.statusCode === 404 ? {} : { migration }),
          ...(response.writableFinished ? {} : { brokenOff: true }),
        },
        'answered',
      );
    });
    next();
  });
  app.use('/v1', async (request, _response, next) => {
    occurrence(request).principal = await authenticate(request, stores.keys);
    next();
  });
  app.use(
    '/v1',
    rateLimit({
      windowMs: 60_000,
      limit: config.callsPerMinute ?? DEFAULT_CALLS_PER_MINUTE,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      keyGenerator: (request) => occurrence(request).principal?.name ?? '',
      handler: () => {
        throw new Problem('too-many-requests', 'Wait a little, then go on more slowly.', {
          headers: { 'Retry-After': '10' },
        });
      },
    }),
  );
  mount(app, api, createRoutes(api));
  app.use(() => {
    throw notFound('Nothing is served at this address.');
  });
  app.use(answerProblems(api));
  return app;
}
