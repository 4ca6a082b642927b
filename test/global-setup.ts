import { ensureS3Server, ensureServers, ensureTestServer } from '../stack/stack.ts';

/** Gets the servers the tests run on, once and before any test's clock runs. */
export default async function setup(): Promise<void> {
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  await ensureServers({ say });
  await ensureTestServer({ say });
  await ensureS3Server({ say });
}
