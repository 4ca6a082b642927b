import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TABS } from '../domain/tab.ts';
import { SAMPLE_DEPARTMENTS, SAMPLE_STATUSES } from '../examples/sample-world.ts';
import { makeSampleHelpDesk } from '../examples/sample-help-desk.ts';
import { makeReply } from '../examples/sample-reply.ts';
import { type BucketForTests, startBucket } from '../test/bucket.ts';
import {
  type Engine,
  type StartedEngine,
  makePortal,
  makeRequest,
  runPhase,
  sendReply,
  startEngine,
  unzip,
} from '../test/import-engine.ts';
import { ATTEMPT } from '../test/whole-content.ts';

const SAMPLE = { tickets: 30, seed: 11 };
const NOW = (): Date => new Date('2026-03-01T09:00:00Z');

let bucket: BucketForTests;
let folder: string;
let exported: Record<string, Buffer>;
let mended: Record<string, Buffer>;
let started: StartedEngine;

beforeAll(async () => {
  [bucket, started] = await Promise.all([startBucket(), startEngine()]);
  folder = await mkdtemp(join(tmpdir(), 'deskferry-on-s3-'));
  const replied = join(folder, 'reply');
  exported = await filesOf(folder, (await makeSampleHelpDesk({ folder, ...SAMPLE })).files);
  mended = await filesOf(replied, (await makeReply({ folder: replied, sample: SAMPLE })).files);
});
afterAll(async () => {
  await started.stop();
  await bucket.stop();
  await rm(folder, { recursive: true, force: true });
});

async function filesOf(root: string, names: readonly string[]): Promise<Record<string, Buffer>> {
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(root, name))] as const)),
  );
}

/** Both phases of a sample, the same in every respect but the storage. */
async function migrate(engine: Engine): Promise<{ reports: Buffer[]; desk: string[]; files: string[] }> {
  const portal = await makePortal(engine, {
    id: 'portal',
    departments: SAMPLE_DEPARTMENTS,
    statuses: SAMPLE_STATUSES,
  });
  const request = await makeRequest(engine, portal, exported, { id: 'm_same' });
  const reports: Buffer[] = [];
  for (const phase of ['phase-1', 'phase-2'] as const) {
    if (phase === 'phase-2') await sendReply(engine, request, 'r1', mended);
    const { report } = await runPhase(engine, request, phase);
    const kept = await engine.stores.reports.find(request, report.name, report.version);
    reports.push(await engine.storage.get(kept?.storageKey ?? ''));
  }
  const desk: string[] = [];
  for (const name of TABS) {
    for await (const record of engine.db.collection(name).find().sort({ _id: 1 })) {
      desk.push(`${name} ${JSON.stringify(record)}`);
    }
  }
  const stored: string[] = [];
  for (const prefix of ['blobs/', 'segments/', 'folded/', 'reports/']) {
    for await (const key of engine.storage.list(prefix)) stored.push(key.replace(ATTEMPT, 'attempt'));
  }
  return { reports, desk: desk.toSorted(), files: stored };
}

test('D3: both phases on S3 leave the same desk and the same reports, byte for byte, as on a folder', async () => {
  const place = bucket.place();
  const inFolder = await migrate(started.beside('folder', NOW));
  const onS3 = await migrate(started.beside('bucket', NOW, bucket.open(place)));
  expect(inFolder.desk.length).toBeGreaterThan(SAMPLE.tickets);
  expect(onS3.desk).toEqual(inFolder.desk);
  expect(onS3.files).toEqual(inFolder.files);
  for (const [n, report] of onS3.reports.entries()) {
    const [one, other] = await Promise.all([unzip(inFolder.reports[n] ?? Buffer.alloc(0)), unzip(report)]);
    for (const [name, text] of one) expect(String(other.get(name)), name).toBe(String(text));
    expect(report.equals(inFolder.reports[n] ?? Buffer.alloc(0))).toBe(true);
  }
  expect(await bucket.openUploads(place.prefix)).toEqual([]);
}, 400_000);
