import { rm } from 'node:fs/promises';
import { ensureS3Server, ensureServers, ensureTestServer } from '../stack/stack.ts';
import { startSharedMongo } from './database.ts';
import { makeSharedFolder } from './workflow-bundle.ts';

/**
 * Gets the servers the tests run on, once and before any test's clock runs, and makes the folder and the MongoDB that the files share.
 * @returns what removes it
 */
export default async function setup(): Promise<() => Promise<void>> {
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  await ensureServers({ say });
  await ensureTestServer({ say });
  await ensureS3Server({ say });
  const folder = await makeSharedFolder();
  const stopMongo = await startSharedMongo(folder);
  return async () => {
    await stopMongo();
    await rm(folder, { recursive: true, force: true });
  };
}
