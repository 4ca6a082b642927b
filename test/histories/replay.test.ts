import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { quietly } from '../lifecycle/environment.ts';
import { bundleWorkflows } from '../workflow-bundle.ts';

const folder = import.meta.dirname;
const files = (await readdir(folder)).filter((file) => file.endsWith('.json.gz'));

const sinks = { trace: { took: { fn: () => {} } } };
let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  quietly();
  // with all that a worker may load into a workflow
  workflowBundle = await bundleWorkflows(true);
});

test('a history of every path is kept', () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(files)('requests under way go on with the workflows as they are now: %s', async (file) => {
  const kept = gunzipSync(await readFile(join(folder, file))).toString('utf8');
  const { workflowId, history } = JSON.parse(kept) as { workflowId: string; history: unknown };
  await expect(Worker.runReplayHistory({ workflowBundle, sinks }, history, workflowId)).resolves.toBeUndefined();
});

test.each(files)('F4: no personal data and nothing of a machine stands in a history: %s', async (file) => {
  const kept = gunzipSync(await readFile(join(folder, file))).toString('utf8');
  const payloads = [...kept.matchAll(/"data":"([^"]+)"/g)].map(([, data]) => Buffer.from(data ?? '', 'base64').toString('utf8'));
  for (const text of [kept, ...payloads]) expect(text).not.toMatch(/\w@[\w.-]+\.[a-z]{2,}|\/(work|home|root)\//);
  expect((await stat(join(folder, file))).size).toBeLessThan(100_000);
});
