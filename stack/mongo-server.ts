import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { findMongo } from './find-mongo.ts';
import { freePort } from './free-port.ts';
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
  const port = String(options.port ?? (await freePort()));
  const address = `mongodb://127.0.0.1:${port}`;
  const command: Pick<ServerCommand, 'name' | 'command' | 'args'> =
    found.kind === 'mongod'
      ? {
          name: 'mongod',
          command: found.path,
          args: ['--dbpath', folder, '--port', port, '--bind_ip', '127.0.0.1', '--nounixsocket'],
        }
      : {
          name: 'the embedded MongoDB',
          command: found.java,
          args: [
            '-Xmx2g',
            '-cp',
            found.classPath,
            'deskferry.mongo.EmbeddedMongo',
            join(folder, STORE),
            port,
          ],
        };
  const running = await startServer({
    ...command,
    env: around.env,
    logFile: join(folder, 'mongodb.log'),
    healthy: () => ping(address),
  });
  return { address, pid: running.pid, stop: running.stop, kill: running.kill };
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
