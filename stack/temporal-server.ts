import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { findTemporal } from './find-temporal.ts';
import { freePort, onFreePorts } from './free-port.ts';
import { registerSearchAttributes, SEARCH_ATTRIBUTES } from '../workers/search-attributes.ts';
import { startServer } from './server-process.ts';
import { type Surroundings, surroundings } from './surroundings.ts';

const NAMESPACE = 'default';
const RETENTION_DAYS = 90;
// Without a write-ahead log, a transaction that cannot be committed while another process reads the file stays open for good, and the
// server, which has one connection, answers "cannot start a transaction within a transaction" until it is restarted. With one it need
// not wait for the disk: a process that is killed loses nothing, and what a power cut may take is the end of it, whole.
const SQLITE_PRAGMAS = ['journal_mode=wal', 'busy_timeout=10000', 'synchronous=normal', 'cache_size=-65536'];
// In one of several parts of a queue (four unless told otherwise) a task is found late by a worker that asks for one or two at a time, as
// import workers do: with one of them a task at times waited two seconds beside an idle worker. All parts are still read, since tasks
// may wait in them from before.
const DYNAMIC_CONFIG = ['matching.numTaskqueueWritePartitions=1'];
// The numbers of the enumeration, by the names that the command line knows.
const TYPE_NAMES: Record<number, string> = { 2: 'Keyword', 3: 'Int', 6: 'Datetime' };

/** A Temporal server that this process started, or one that it was pointed at (then `pid` is null). */
export interface TemporalServer {
  /** `host:port` of the gRPC front end. */
  address: string;
  /** The page of the Web UI, when this process started it. */
  ui: string | null;
  pid: number | null;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * Starts a Temporal development server, or takes the one in TEMPORAL_ADDRESS. Its data is kept in
 * `<dataFolder>/temporal/temporal.db`, so a later start with the same folder goes on where it ended; that SQLite database may be read
 * and copied by others meanwhile. When it returns,
 * the server serves, the search attributes are there and closed workflows are kept for 90 days (the last only where
 * this process started it). Ports not given are free ones.
 * Throws StackError.
 */
export async function startTemporal(
  options: { dataFolder: string; port?: number; uiPort?: number } & Partial<Surroundings>,
): Promise<TemporalServer> {
  const around = surroundings(options);
  const found = await findTemporal(around);
  if (found.kind === 'address') {
    await prepare(found.address, around.env['TEMPORAL_NAMESPACE'] || NAMESPACE, null);
    return { address: found.address, ui: null, pid: null, stop: async () => {}, kill: async () => {} };
  }

  const folder = join(options.dataFolder, 'temporal');
  await mkdir(folder, { recursive: true });
  return onFreePorts([options.port, options.uiPort], async () => {
    const port = options.port ?? (await freePort());
    const uiPort = options.uiPort ?? (await freePort());
    const address = `127.0.0.1:${port}`;
    const settings = {
      'db-filename': join(folder, 'temporal.db'),
      ip: '127.0.0.1',
      port,
      'ui-port': uiPort,
      'http-port': await freePort(),
      'metrics-port': await freePort(),
      'log-level': 'error',
    };
    const running = await startServer({
      name: 'the Temporal server',
      command: found.path,
      args: [
        'server',
        'start-dev',
        ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
        ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
          '--search-attribute',
          `${name}=${TYPE_NAMES[type]}`,
        ]),
        ...SQLITE_PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]),
        ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
      ],
      env: around.env,
      logFile: join(folder, 'temporal.log'),
      healthy: () => prepare(address, NAMESPACE, RETENTION_DAYS),
    });
    const ui = `http://127.0.0.1:${uiPort}`;
    return { address, ui, pid: running.pid, stop: () => running.stop(), kill: () => running.kill() };
  });
}

/** Connects, makes the search attributes, and sets the retention where one is given. Fails while the server starts. */
async function prepare(address: string, namespace: string, retentionDays: number | null): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    await connection.workflowService.describeNamespace({ namespace });
    await registerSearchAttributes(connection, namespace);
    if (retentionDays !== null) {
      const seconds = retentionDays * 86_400;
      await connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: proto.google.protobuf.Duration.fromObject({ seconds }) },
      });
    }
  } finally {
    await connection.close();
  }
}
