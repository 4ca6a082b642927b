import type { Client } from '@temporalio/client';
import express, { type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Limits } from '../domain/lifecycle.ts';
import type { Desk, Portal } from '../desk/desk.ts';
import type { SourceKeys } from '../store/source-keys.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import { inCall } from '../temporal/follow-calls.ts';
import type { Tracing } from '../temporal/trace.ts';
import { answerCalls, answerProblems, occurrence } from './answer-calls.ts';
import { type TokenIssuer, createBearerTokens } from './bearer-tokens.ts';
import { allowOrigins } from './cross-origin.ts';
import { createFilesUnderWay, type FilesUnderWay } from './files-under-way.ts';
import { addressOf, limitCalls } from './limit-calls.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createMigrationWorkflows, type MigrationWorkflows } from './migration-workflows.ts';
import { credentialOf, identify, nothingPresented, type Principal } from './principal.ts';
import { notFound, Problem } from './problem.ts';
import { SLOWEST, type Slowest } from './read-body.ts';
import type { Discrepancies } from '../store/discrepancies.ts';
import type { ReadProgress } from '../store/read-progress.ts';
import type { Route } from './route.ts';
import { createRoutes } from './routes.ts';
import { CODEC_PATH } from './routes/codec.ts';
import { isRequestId } from '../store/requests.ts';
import { TUS_RESUMABLE, UPLOADS_PATH } from './speak-tus.ts';

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
  /** signs the links in mails (C7) */
  secret: string;
  /** folder of this machine that unfinished uploads are kept in, and the storage where it is no bucket */
  storageFolder: string;
  /** hosts of sources that may be private or speak plain http (B3) */
  sourceHosts: readonly string[];
  /** calls a key may make in a minute, and an address without one */
  callsPerMinute: number;
  /** origins of pages that may call the API */
  corsOrigins: readonly string[];
  /** origins of Temporal Web UIs that may have payloads decrypted; no others may */
  temporalUiOrigins: readonly string[];
  /** F4: whose tokens are taken beside API keys; null for nobody's */
  oidc: TokenIssuer | null;
  /** proxies before the API whose word on a caller's address is taken: how many, or which */
  trustProxy: number | readonly string[];
  /** the slowest a body may come; SLOWEST where nothing is said */
  slowest?: Slowest;
  /** how often progress is looked at for a watcher of events, in milliseconds; 1,000 where nothing is said */
  eventsMs?: number;
  /** how often a watcher to whom nothing is new is told that the stream stands; 15,000 where nothing is said */
  heartbeatMs?: number;
}

export interface ApiDependencies {
  stores: Stores;
  /** B3: sealed */
  sourceKeys: SourceKeys;
  storage: Storage;
  temporal: Client;
  desk: ApiDesk;
  /** how far a phase is; see createReadProgress */
  progress: ReadProgress;
  /** D2: how source and desk differ */
  discrepancies: Pick<Discrepancies, 'list'>;
  /** whether MongoDB answers; throws when not */
  pingDatabase(): Promise<void>;
  config: ApiConfiguration;
  logger: Logger;
  /** null where traces are not asked for */
  tracing: Pick<Tracing, 'call'> | null;
}

/** What the routes work with. */
export interface Api extends ApiDependencies {
  migrations: MigrationWorkflows;
  metrics: Metrics;
  filesUnderWay: FilesUnderWay;
  /** Who holds an API key or a token. @throws Problem `unauthenticated`, `unavailable` */
  identify(credential: string): Promise<Principal>;
}

/** A path as Express writes it. */
function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function mount(app: Express, api: Api, routes: readonly Route[]): void {
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    for (const route of ofPath) app[route.method](expressPath(path), answerCalls(api, route));
    const methods = ofPath.map((route) => route.method.toUpperCase());
    const also = methods.includes('GET') ? ['HEAD', 'OPTIONS'] : ['OPTIONS'];
    const allow = [...new Set([...methods, ...also])].join(', ');
    app.all(expressPath(path), (request, response) => {
      requireSomebody(request);
      if (request.method === 'OPTIONS') {
        response.status(204).set('Allow', allow).end();
        return;
      }
      throw new Problem('method-not-allowed', `Use one of ${allow}.`, { headers: { Allow: allow } });
    });
  }
}

/** The pattern a call matched, not its address: an address may hold a file's name or a searched text. */
function routeOf(request: Request): string {
  const matched = request.route as { path?: unknown } | undefined;
  return typeof matched?.path === 'string' ? matched.path : 'none';
}

/** Nobody is told what is served under /v1 who does not say who they are. */
function requireSomebody(request: Request): void {
  if (request.path.startsWith('/v1/') && occurrence(request).principal === null) throw nothingPresented();
}

/** F4: finds who calls; calls by nobody, guesses at keys included, are counted by their address. */
function identifyCallers(api: Api, strangers: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    const credential = credentialOf(request);
    if (credential === null || !request.path.startsWith('/v1/')) {
      await strangers(request, response, next);
      return;
    }
    try {
      occurrence(request).principal = await api.identify(credential);
    } catch (error) {
      await strangers(request, response, (refused) => next(refused ?? error));
      return;
    }
    next();
  };
}

/** What the routes work with, made of what a process brings. */
export function assembleApi(dependencies: ApiDependencies): Api {
  const { config, stores, temporal } = dependencies;
  const tokens = config.oidc === null ? null : createBearerTokens(config.oidc);
  return {
    ...dependencies,
    metrics: createMetrics(),
    migrations: createMigrationWorkflows(temporal),
    filesUnderWay: createFilesUnderWay(),
    identify: (credential) => identify(credential, stores.keys, tokens),
  };
}

/**
 * The HTTP API (H): checks what is sent, keeps it, tells the migration's workflow, and answers from what is recorded.
 * It holds no state of its own; any number of them may run.
 */
export function createApi(dependencies: ApiDependencies): Express {
  const api = assembleApi(dependencies);
  const { config, logger, metrics, tracing } = api;
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('trust proxy', config.trustProxy);
  app.locals['slowest'] = config.slowest ?? SLOWEST;

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
      const route = routeOf(request);
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
          // else an address is what its caller has typed
          ...(isRequestId(migration) && response.statusCode !== 404 ? { migration } : {}),
          ...(response.writableFinished ? {} : { brokenOff: true }),
        },
        'answered',
      );
    });
    const work = (): void => inCall(id, next);
    if (tracing === null) {
      work();
      return;
    }
    const end = tracing.call(request.method, request.headers, work);
    response.once('close', () => end({ route: routeOf(request), status: response.statusCode }));
  });
  app.use((request, _response, next) => {
    const hosts = request.headersDistinct['host']?.length ?? 0;
    if (hosts !== 1 && !(hosts === 0 && request.httpVersion === '1.0'))
      throw new Problem('malformed-request', 'Send exactly one Host header.');
    next();
  });
  app.use(UPLOADS_PATH, (request, response, next) => {
    response.setHeader('Tus-Resumable', TUS_RESUMABLE);
    const meant = request.get('x-http-method-override');
    // tus: for clients that can send nothing else
    if (request.method === 'POST' && (meant === 'PATCH' || meant === 'DELETE')) request.method = meant;
    next();
  });
  const pages = allowOrigins(config.corsOrigins);
  const temporalUis = allowOrigins(config.temporalUiOrigins);
  app.use((request, response, next) =>
    (request.path.startsWith(`${CODEC_PATH}/`) ? temporalUis : pages)(request, response, next),
  );
  const strangers = limitCalls(config.callsPerMinute, addressOf);
  app.use(identifyCallers(api, strangers));
  const known = limitCalls(config.callsPerMinute, (request) => occurrence(request).principal?.name ?? '');
  app.use((request, response, next) =>
    occurrence(request).principal === null ? next() : known(request, response, next),
  );
  mount(app, api, createRoutes(api));
  app.use((request) => {
    requireSomebody(request);
    throw notFound('Nothing is served at this address.');
  });
  app.use(answerProblems(api));
  return app;
}
