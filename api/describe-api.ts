import { Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { createLogger } from '../configuration/create-logger.ts';
import { DEFAULT_LIMITS, REPLY_WINDOW_MS } from '../domain/lifecycle.ts';
import { assembleApi } from './app.ts';
import { gatherDependencies } from './gather-dependencies.ts';
import { createKeyRing } from '../store/key-ring.ts';
import { openStorage } from '../store/storage.ts';
import type { Route } from './route.ts';
import { createRoutes } from './routes.ts';

/** The routes as they are served, without anything that answers them: no server is connected to, nothing is written. */
export function describeRoutes(publicUrl: string): Route[] {
  const dependencies = gatherDependencies({
    db: new MongoClient('mongodb://localhost').db('deskferry'),
    pingDatabase: async () => {},
    storage: openStorage({ folder: '.' }),
    connection: Connection.lazy(),
    namespace: 'default',
    dataConverter: {},
    keyRing: createKeyRing([]),
    config: {
      publicUrl,
      replyWindowMs: REPLY_WINDOW_MS,
      failureShare: 0.05,
      limits: DEFAULT_LIMITS,
      supportAddress: 'support@deskferry.example',
      concurrentTurns: 1,
      secret: '',
      storageFolder: '.',
      callsPerMinute: 1,
      sourceHosts: [],
      corsOrigins: [],
      temporalUiOrigins: [],
      oidc: null,
      trustProxy: 0,
    },
    logger: createLogger('silent', 'api'),
    tracing: null,
  });
  return createRoutes(assembleApi(dependencies));
}
