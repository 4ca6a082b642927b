import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo } from '../stack/stack.ts';
import { type Database, openDatabase } from '../store/database.ts';

/** Names the MongoDB that the files of one test run share. */
const SHARED = 'DESKFERRY_TEST_MONGODB';

/** Starts the MongoDB that the files of this test run share, each with databases of its own. @returns what stops it */
export async function startSharedMongo(dataFolder: string): Promise<() => Promise<void>> {
  const server = await startMongo({ dataFolder });
  process.env[SHARED] = server.address;
  return () => server.stop();
}

/** An environment by which a stack takes the shared MongoDB; outside a test run it starts one of its own. */
export function withSharedMongo(): NodeJS.ProcessEnv {
  const address = process.env[SHARED];
  return address === undefined ? process.env : { ...process.env, MONGODB_URI: address };
}

/** Opens a new, empty database. `close` removes it. */
export async function openTestDatabase(uri: string): Promise<Database> {
  const database = await openDatabase(uri, `test-${randomBytes(6).toString('hex')}`);
  return {
    ...database,
    async close() {
      // a test may have stopped its server
      await database.db.dropDatabase().catch(() => {});
      await database.close();
    },
  };
}

/** A database of a test's own. Stop it when done. */
export async function startTestDatabase(): Promise<{ database: Database; stop: () => Promise<void> }> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-test-'));
  const server = await startMongo({ dataFolder, env: withSharedMongo() });
  const database = await openTestDatabase(server.address);
  return {
    database,
    async stop() {
      await database.close();
      await server.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
