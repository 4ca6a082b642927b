import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createAftercareActivities } from '../activities/create-aftercare-activities.ts';
import { createImportActivities } from '../activities/create-import-activities.ts';
import type { LifecycleActivities } from '../activities/lifecycle-activities.ts';
import { createLogger } from '../configuration/create-logger.ts';
import { endOnFault } from '../configuration/end-on-fault.ts';
import { endWithParent, tellReady } from '../configuration/parent-process.ts';
import { ConfigurationError, readConfiguration } from '../configuration/read-configuration.ts';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { createMailSender } from '../mail/send-mail.ts';
import { openDatabase } from '../store/database.ts';
import { createImportStores } from '../store/import-stores.ts';
import { createIncomingMails } from '../store/incoming-mail.ts';
import { createKeyRing } from '../store/key-ring.ts';
import { createReportSigner } from '../store/report-signature.ts';
import { createSourceKeys } from '../store/source-keys.ts';
import { probe, probeStorage } from '../store/probe.ts';
import { storageAt } from '../store/storage-at.ts';
import { createStores } from '../store/stores.ts';
import { dataConverterOf } from '../temporal/encrypt-payloads.ts';
import { RECONNECTING, reachTemporal } from '../configuration/reach-temporal.ts';
import { IMPORT_TASK_QUEUE, LIFECYCLE_TASK_QUEUE } from '../workflows/messages.ts';
import { keepSchedules } from './keep-schedules.ts';
import { letHeapGrow } from './heap-growth.ts';
import { createMigrationLine } from './migration-line.ts';
import { addressForSdkMetrics, serveMetrics } from './serve-metrics.ts';
import type { MailReceiver } from './receive-mail.ts';
import { registerSearchAttributes } from './search-attributes.ts';
import { temporalLogger } from './temporal-logger.ts';
import { watchActivities } from './watch-activities.ts';
import { createWorkerMetrics } from './worker-metrics.ts';
import { WORKFLOW_NAMES } from './workflow-names.ts';

const KINDS = ['lifecycle', 'imports', 'mail'] as const;
type Kind = (typeof KINDS)[number];

/** What this process works on, or everything when it is not told. `mail` takes replies; it is one process of a service. */
function kindsOf(told: readonly string[]): readonly Kind[] {
  if (told.length === 0) return KINDS;
  return told.map((argument) => {
    const kind = KINDS.find((each) => each === argument);
    if (kind !== undefined) return kind;
    process.stderr.write(`A worker works on ${KINDS.join(', ')}; "${argument}" is none of them.\n`);
    process.exit(2);
  });
}

const kinds = kindsOf(process.argv.slice(2));
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
if (kinds.includes('imports')) letHeapGrow();

/** C7: how long the link to a report works that was too large for a mail. */
const LINK_LIFETIME_MS = 30 * 24 * 3_600_000;

const ending = Promise.withResolvers<void>();
const stopping = new AbortController();
const logger = createLogger(configuration.logLevel, `worker ${kinds.join('+')}`);
endOnFault(logger);
// The process's signals are this file's: a worker is given its grace, then connections are closed.
const sdkMetrics = configuration.metrics === null ? null : await addressForSdkMetrics();
Runtime.install({
  logger: temporalLogger(logger),
  shutdownSignals: [],
  telemetryOptions: {
    // what its native core says comes as lines of this log, too
    logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
    ...(sdkMetrics === null ? {} : { metrics: { prometheus: { bindAddress: sdkMetrics } } }),
  },
});

const { temporal } = configuration;
const address = reachTemporal(temporal);
const { traces } = configuration;
const tracing =
  traces === null
    ? null
    : (await import('../temporal/trace.ts')).startTracing(traces, `worker ${kinds.join('+')}`);
const database = await openDatabase(configuration.mongodb.uri, configuration.mongodb.database);
const connection = await NativeConnection.connect(address);
const clientConnection = await Connection.connect({ ...address, channelArgs: RECONNECTING });
const keyRing = createKeyRing(configuration.encryptionKeys);
const dataConverter = dataConverterOf(keyRing, temporal.encryption);
const client = new Client({
  connection: clientConnection,
  namespace: temporal.namespace,
  dataConverter,
  ...(tracing === null ? {} : { interceptors: { workflow: [tracing.client] } }),
});
try {
  await registerSearchAttributes(clientConnection, temporal.namespace);
} catch (error) {
  // The account may not; then an administrator makes them (docs/operations.md).
  const code = (error as { code?: unknown }).code;
  logger.warn({ code }, 'search attributes could not be made; without them no workflow goes on');
}
const mail = createMailSender(configuration.mail.smtpUrl, configuration.mail.from);

const stores = createStores(database.db, createReportSigner(configuration.secret));
const dependencies = {
  stores,
  importStores: createImportStores(database.db),
  storage: await storageAt(configuration),
  desk: createEmbeddedDesk(database.db, stores.links),
  mail,
  client,
  stopping: stopping.signal,
  incomingMails: createIncomingMails(database.db),
  sourceKeys: createSourceKeys(database.db, keyRing),
  settings: {
    publicUrl: configuration.publicUrl,
    teamMail: configuration.mail.team,
    replyMailbox: configuration.replies?.mailbox ?? null,
    messageDomain: new URL(configuration.publicUrl).hostname,
    largestAttachment: configuration.largestAttachment,
    linkSecret: configuration.secret,
    linkLifetime: LINK_LIFETIME_MS,
    supportAddress: configuration.supportAddress,
    concurrentTurns: configuration.concurrentTurns,
    retentionMs: configuration.retentionMs,
    sourceHosts: configuration.sourceHosts,
  },
  names: WORKFLOW_NAMES,
};
// with all they need loaded only where they are at work: an import worker is some 20 MB smaller for it
const lifecycle = kinds.some((kind) => kind !== 'imports') ? await lifecycleActivities() : null;
const line = createMigrationLine(client);
const metrics = createWorkerMetrics(
  kinds.includes('lifecycle')
    ? { requests: () => stores.requests.countOpen(), line: () => line.queue() }
    : null,
);

const activityInterceptors = [
  ...(tracing === null ? [] : [tracing.activity]),
  watchActivities(logger, metrics),
];

const shared = {
  connection,
  namespace: temporal.namespace,
  dataConverter,
  interceptors: { activity: activityInterceptors },
  shutdownGraceTime: '30 seconds',
  maxHeartbeatThrottleInterval: '10 seconds',
} as const;

const workers = await Promise.all(
  kinds
    .filter((kind) => kind !== 'mail')
    .map((kind) =>
      kind === 'lifecycle' && lifecycle !== null
        ? Worker.create({
            ...shared,
            taskQueue: LIFECYCLE_TASK_QUEUE,
            workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
            interceptors: {
              ...shared.interceptors,
              workflowModules: [
                ...(tracing === null ? [] : [tracing.workflowModule]),
                fileURLToPath(new URL('../workflows/follow-calls.ts', import.meta.url)),
              ],
            },
            ...(tracing === null ? {} : { sinks: tracing.sinks }),
            activities: lifecycle,
            maxCachedWorkflows: 100,
          })
        : Worker.create({
            ...shared,
            taskQueue: IMPORT_TASK_QUEUE,
            activities: {
              ...createImportActivities(dependencies),
              ...createAftercareActivities(dependencies),
            },
            // fewer than a phase has under way, so that workers side by side share it evenly
            maxConcurrentActivityTaskExecutions: 2,
          }),
    ),
);

if (kinds.includes('lifecycle')) {
  try {
    await keepSchedules(client);
  } catch (error) {
    // Requests go on without it; what accidents leave behind is then not put right by itself (docs/operations.md).
    logger.warn({ code: (error as { code?: unknown }).code }, 'the schedules could not be made');
  }
}
const receiver =
  kinds.includes('mail') && lifecycle !== null
    ? await receiveMail((order) => lifecycle.sendMessage(order))
    : null;
const metricsServer =
  configuration.metrics === null || sdkMetrics === null
    ? null
    : await serveMetrics({ ...configuration.metrics, sdkAddress: sdkMetrics, metrics, checks, logger });

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    ending.resolve();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    // after the workers take nothing more
    stopping.abort();
  });
}

logger.info('working');
try {
  const running = Promise.all([
    ...workers.map((worker) => worker.run()),
    ...(workers.length === 0 ? [ending.promise] : []),
  ]);
  tellReady();
  await running;
} finally {
  metricsServer?.close();
  await receiver?.stop();
  mail.close();
  await clientConnection.close();
  await connection.close();
  await database.close();
  await tracing?.stop();
}
logger.info('ended');
process.exit(0);

/** What this process needs to do its work, each as it is now. */
async function checks() {
  const { namespace } = temporal;
  const [frontend, mongodb, storage] = await Promise.all([
    probe(() => clientConnection.workflowService.describeNamespace({ namespace })),
    probe(() => database.ping()),
    probe(() => probeStorage(dependencies.storage, configuration.storageFolder)),
  ]);
  const taking = workers.every((worker) => worker.getState() === 'RUNNING');
  return { temporal: frontend, mongodb, storage, worker: taking ? ('up' as const) : ('down' as const) };
}

/** What lifecycle workers do, and what mail that comes in is answered by. */
async function lifecycleActivities() {
  const { createLifecycleActivities } = await import('../activities/create-activities.ts');
  const { createControlActivities } = await import('../activities/create-control-activities.ts');
  const own = createLifecycleActivities(dependencies);
  return { ...own, ...createControlActivities(dependencies, own) };
}

/** E1: replies by mail, where the service is given a mailbox for them. */
async function receiveMail(sendMessage: LifecycleActivities['sendMessage']): Promise<MailReceiver | null> {
  const { replies } = configuration;
  if (replies === null) {
    logger.info('no REPLY_ADDRESS: replies do not come by mail');
    return null;
  }
  const { smtp } = replies;
  const tls =
    smtp === null || smtp.tls === null
      ? null
      : { key: await readFile(smtp.tls.keyFile, 'utf8'), cert: await readFile(smtp.tls.certFile, 'utf8') };
  const { startMailReceiver } = await import('./receive-mail.ts');
  return startMailReceiver({
    ...dependencies,
    migrations: line,
    sendMessage,
    logger,
    settings: {
      secret: configuration.secret,
      mailbox: replies.mailbox,
      smtp: smtp === null ? null : { host: smtp.host, port: smtp.port, tls },
      imap: replies.imap,
      largestMail: replies.largestMail,
      keepHeld: replies.keepHeld,
    },
  });
}
