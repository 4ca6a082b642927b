import { Connection } from '@temporalio/client';
import { createLogger, type Logger } from '../configuration/create-logger.ts';
import { endOnFault } from '../configuration/end-on-fault.ts';
import { endWithParent, tellReady } from '../configuration/parent-process.ts';
import { ConfigurationError, readConfiguration } from '../configuration/read-configuration.ts';
import { openDatabase } from '../store/database.ts';
import type { Stores } from '../store/stores.ts';
import { createKeyRing } from '../store/key-ring.ts';
import { dataConverterOf } from '../temporal/encrypt-payloads.ts';
import { RECONNECTING, reachTemporal } from '../configuration/reach-temporal.ts';
import { storageAt } from '../store/storage-at.ts';
import { createApi } from './app.ts';
import { gatherDependencies } from './gather-dependencies.ts';
import { listen } from './listen.ts';
import { removeExpiredUploads, resumableFolder } from './resumable-store.ts';

/** How often uploads that were not finished in time, and answers that were kept for their day, are removed, in milliseconds. */
const TIDY_MS = 3_600_000;

function tidy(storageFolder: string, { idempotency }: Pick<Stores, 'idempotency'>, logger: Logger): void {
  const removing = (what: string, removed: Promise<number>): void =>
    void removed.then(
      (count) => count > 0 && logger.info({ what, count }, 'removed what is past its time'),
      (error: unknown) =>
        logger.warn({ what, error: error instanceof Error ? error.name : typeof error }, 'could not remove'),
    );
  removing('uploads', removeExpiredUploads(resumableFolder(storageFolder)));
  removing('answers', idempotency.removeExpired());
}

/** The API process: `node api/serve.ts`. Serves until SIGTERM or SIGINT, then ends what is under way. */
async function serve(): Promise<void> {
  const config = readConfiguration(process.env);
  endWithParent();
  const logger = createLogger(config.logLevel, 'api');
  endOnFault(logger);
  const database = await openDatabase(config.mongodb.uri, config.mongodb.database);
  const connection = Connection.lazy({ ...reachTemporal(config.temporal), channelArgs: RECONNECTING });
  const storage = await storageAt(config);
  const { namespace, encryption } = config.temporal;
  const tracing =
    config.traces === null ? null : (await import('../temporal/trace.ts')).startTracing(config.traces, 'api');
  const keyRing = createKeyRing(config.encryptionKeys);
  const dataConverter = dataConverterOf(keyRing, encryption);
  const { db } = database;
  const pingDatabase = (): Promise<void> => database.ping();
  const dependencies = gatherDependencies({
    db,
    pingDatabase,
    storage,
    connection,
    namespace,
    dataConverter,
    keyRing,
    config,
    logger,
    tracing,
  });
  const api = createApi(dependencies);
  const listening = await listen(api, config.port);
  logger.info({ port: listening.port }, 'serving');
  const tidyNow = (): void => tidy(config.storageFolder, dependencies.stores, logger);
  const tidying = setInterval(tidyNow, TIDY_MS);
  tidyNow();
  tellReady();

  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    logger.info({ signal }, 'stopping');
    clearInterval(tidying);
    await listening.close();
    await database.close();
    await connection.close();
    await tracing?.stop();
  };
  const stopOnce = (signal: NodeJS.Signals): void => {
    process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
    stop(signal).then(
      // a call to a Temporal that is away would still be repeated, on a connection that is closed
      () => process.exit(),
      (error: unknown) => {
        logger.error({ error: error instanceof Error ? error.name : typeof error }, 'did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stopOnce).once('SIGINT', stopOnce);
}

try {
  await serve();
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
