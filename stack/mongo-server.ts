import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { findMongo } from './find-mongo.ts';
import { freePort, onFreePorts } from './free-port.ts';
import { type ServerCommand, startServer } from './server-process.ts';
import { type Surroundings, surroundings } from './surroundings.ts';

const STORE = 'store.mv';

/** A MongoDB server that this process started, or one that it was pointed at (then `pid` is null). */
export interface MongoServer {
  /** A `mongodb://` address. */
  address: string;
  pid: number | null;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * Starts a MongoDB server (mongod, else the embedded one) with its data in `<dataFolder>/mongodb`, or takes the one in
 * MONGODB_URI. A data folder stays with the kind of server that made it; `kind` chooses it for a new one (else the
 * finder's order does). A port not given is a free one.
 * Throws StackError.
 */
export async function startMongo(
  options: { dataFolder: string; port?: number; kind?: 'mongod' | 'embedded' } & Partial<Surroundings>,
): Promise<MongoServer> {
  const around = surroundings(options);
  const folder = join(options.dataFolder, 'mongodb');
  const found = await findMongo(around, (await kindOfData(folder)) ?? options.kind ?? null);
  if (found.kind === 'address') {
    return { address: found.uri, pid: null, stop: async () => {}, kill: async () => {} };
  }

  await mkdir(folder, { recursive: true });
  return onFreePorts([options.port], async () => {
    const port = options.port ?? (await freePort());
    const address = `mongodb://127.0.0.1:${port}`;
    const running = await startServer({
      ...(found.kind === 'mongod'
        ? mongodCommand(found.path, folder, port)
        : embeddedCommand(found, folder, port)),
      env: around.env,
      logFile: join(folder, 'mongodb.log'),
      healthy: () => ping(address),
    });
    return { address, pid: running.pid, stop: () => running.stop(), kill: () => running.kill() };
  });
}

type Command = Pick<ServerCommand, 'name' | 'command' | 'args'>;

function mongodCommand(path: string, folder: string, port: number): Command {
  return {
    name: 'mongod',
    command: path,
    args: ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket'],
  };
}

function embeddedCommand(found: { java: string; classPath: string }, folder: string, port: number): Command {
  // A server without memory answers wrongly or not at all; one that has ended is noticed.
  const settings = ['-Xmx2g', '-XX:+UseParallelGC', '-XX:+ExitOnOutOfMemoryError'];
  return {
    name: 'the embedded MongoDB',
    command: found.java,
    args: [
      ...settings,
      '-cp',
      found.classPath,
      'deskferry.mongo.EmbeddedMongo',
      join(folder, STORE),
      String(port),
    ],
  };
}

async function kindOfData(folder: string): Promise<'mongod' | 'embedded' | null> {
  const names = await readdir(folder).catch((): string[] => []);
  if (names.includes(STORE)) return 'embedded';
  return names.includes('WiredTiger') ? 'mongod' : null;
}

async function ping(address: string): Promise<void> {
  const client = new MongoClient(address, { serverSelectionTimeoutMS: 1_000, connectTimeoutMS: 1_000 });
  try {
    await client.db('admin').command({ ping: 1 });
  } finally {
    await client.close();
  }
}
