import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMongo } from '../stack/stack.ts';
import { measureBundle } from './measure-bundle.ts';

let folder: string;
let server: Awaited<ReturnType<typeof startMongo>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-bundle-'));
  server = await startMongo({ dataFolder: join(folder, 'server') });
}, 120_000);
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test('A4: a file of a bundle passes through, however large: memory does not grow with it', async () => {
  const small = await measureBundle(server.address, folder, 12);
  const large = await measureBundle(server.address, folder, 125);
  expect(large.attachments).toBe(6);
  // its largest file has 90 MB more
  expect(large.rssMb - small.rssMb).toBeLessThan(45);
}, 180_000);
