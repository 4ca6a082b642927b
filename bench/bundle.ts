// Measures a phase with a large ZIP of attachments: `node scripts/run.mjs bench/bundle.ts --megabytes 2000`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { startMongo } from '../stack/stack.ts';
import { measureBundle } from './measure-bundle.ts';

const { megabytes } = new Command('bundle')
  .description('Measures a phase with a ZIP of attachments: time, and memory of the import worker.')
  .option('--megabytes <n>', 'attachment files together', Number, 2_000)
  .parse()
  .opts<{ megabytes: number }>();

const folder = await mkdtemp(join(tmpdir(), 'deskferry-bench-'));
const server = await startMongo({ dataFolder: join(folder, 'servers') });
try {
  process.stdout.write(`${JSON.stringify(await measureBundle(server.address, folder, megabytes))}\n`);
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
