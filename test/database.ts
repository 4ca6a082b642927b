import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo } from '../stack/stack.ts';
import { type Database, openDatabase } from '../store/database.ts';

/** A MongoDB server of a test's own, with its data in a temporary folder. Stop it when done. */
export async function startTestDatabase(): Promise<{ database: Database; stop: () => Promise<void> }> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-test-'));
  const server = await startMongo({ dataFolder });
  const database = await openDatabase(server.address, 'deskferry-test');
  return {
    database,
    async stop() {
      await database.close();
      await server.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
