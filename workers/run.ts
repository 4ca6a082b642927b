import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { createImportActivities, createLifecycleActivities } from '../activities/create-activities.ts';
import { createLogger } from '../configuration/create-logger.ts';
import { endWithParent, tellReady } from '../configuration/parent-process.ts';
import { ConfigurationError, readConfiguration } from '../configuration/read-configuration.ts';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { createMailSender } from '../mail/send-mail.ts';
import { openDatabase } from '../store/database.ts';
import { createImportStores } from '../store/import-stores.ts';
import { openStorage } from '../store/storage.ts';
import { createStores } from '../store/stores.ts';
import {
  IMPORT_TASK_QUEUE,
  LIFECYCLE_TASK_QUEUE,
  migrationWorkflowId,
  PROCESSING_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_SIGNALS,
} from '../workflows/messages.ts';
import { temporalLogger } from './temporal-logger.ts';

const KINDS = ['lifecycle', 'imports'] as const;
type Kind = (typeof KINDS)[number];

/** What this process works on: `lifecycle`, `imports`, or both when it is not told. */
function kindsOf(argument: string | undefined): readonly Kind[] {
  if (argument === undefined) return KINDS;
  const kind = KINDS.find((each) => each === argument);
  if (kind === undefined) {
    process.stderr.write(`A worker works on ${KINDS.join(' or ')}; "${argument}" is neither.\n`);
    process.exit(2);
  }
  return [kind];
}

const kinds = kindsOf(process.argv[2]);
const configuration = (() => {
  try {
    return readConfiguration(process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
})();
endWithParent();

const logger = createLogger(configuration.logLevel, `worker ${kinds.join('+')}`);
// The process's signals are this file's: a worker is given its grace, then connections are closed.
Runtime.install({ logger: temporalLogger(logger), shutdownSignals: [] });

const { temporal } = configuration;
const address = {
  address: temporal.address,
  ...(temporal.tls ? { tls: true as const } : {}),
  ...(temporal.apiKey === null ? {} : { apiKey: temporal.apiKey }),
};
const database = await openDatabase(configuration.mongodb.uri, configuration.mongodb.database);
const connection = await NativeConnection.connect(address);
const clientConnection = await Connection.connect(address);
const client = new Client({ connection: clientConnection, namespace: temporal.namespace });
const mail = createMailSender(configuration.mail.smtpUrl, configuration.mail.from);

const stores = createStores(database.db);
const dependencies = {
  stores,
  importStores: createImportStores(database.db),
  storage: openStorage({ folder: configuration.storageFolder }),
  desk: createEmbeddedDesk(database.db, stores.links),
  mail,
  client,
  configuration,
  names: {
    workflowIdOf: migrationWorkflowId,
    queue: {
      workflowId: PROCESSING_QUEUE_WORKFLOW_ID,
      workflowType: PROCESSING_QUEUE,
      taskQueue: LIFECYCLE_TASK_QUEUE,
      signals: QUEUE_SIGNALS,
    },
  },
};

const shared = {
  connection,
  namespace: temporal.namespace,
  shutdownGraceTime: '30 seconds',
  maxHeartbeatThrottleInterval: '10 seconds',
} as const;

const workers = await Promise.all(
  kinds.map((kind) =>
    kind === 'lifecycle'
      ? Worker.create({
          ...shared,
          taskQueue: LIFECYCLE_TASK_QUEUE,
          workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
          activities: createLifecycleActivities(dependencies),
          maxCachedWorkflows: 100,
        })
      : Worker.create({
          ...shared,
          taskQueue: IMPORT_TASK_QUEUE,
          activities: createImportActivities(dependencies),
          maxConcurrentActivityTaskExecutions: 4,
        }),
  ),
);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  });
}

logger.info('working');
try {
  const running = Promise.all(workers.map((worker) => worker.run()));
  tellReady();
  await running;
} finally {
  mail.close();
  await clientConnection.close();
  await connection.close();
  await database.close();
}
logger.info('ended');
process.exit(0);
