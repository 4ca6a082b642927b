import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startStack } from './stack.ts';
import { startTemporal } from './temporal-server.ts';

let dataFolder: string;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-stack-'));
});
afterEach(() => rm(dataFolder, { recursive: true, force: true }));

// Servers of the machine's own are none of these tests' business.
const env = { ...process.env, TEMPORAL_ADDRESS: '', MONGODB_URI: '' };

async function until(condition: () => Promise<boolean> | boolean, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('not in time');
    await pause(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function listens(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** The processes whose command line or whose guarded process tells that they belong to `mark`. */
async function processesOf(mark: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(mark));
}

test('two stacks run side by side; stop leaves no process and no port', async () => {
  const one = await startStack({ dataFolder: join(dataFolder, '1'), env });
  const two = await startStack({ dataFolder: join(dataFolder, '2'), env, temporal: false });
  const addresses = [one.temporalAddress, one.mongodbUri, one.smtp, two.mongodbUri, two.smtp];
  for (const address of [...addresses, one.temporalUi ?? '', one.mailUi ?? '']) {
    expect([address, await listens(address)]).toEqual([address, true]);
  }
  expect(new Set(addresses).size).toBe(5);
  expect(two.temporalAddress).toBe('');
  const client = new MongoClient(one.mongodbUri);
  await client.db('a').collection('b').insertOne({ x: 1 });
  await client.close();
  const pids = [one.pids.temporal, one.pids.mongodb, two.pids.mongodb];
  expect(pids.every((pid) => pid !== null && isAlive(pid))).toBe(true);
  const guards = await processesOf(`guard ${one.pids.mongodb}`);
  expect(guards).toHaveLength(1);

  await Promise.all([one.stop(), two.stop()]);
  await one.stop();
  for (const pid of pids) expect(isAlive(pid ?? 0)).toBe(false);
  for (const address of addresses) expect([address, await listens(address)]).toEqual([address, false]);
  await until(async () => (await processesOf(`guard ${one.pids.mongodb}`)).length === 0, 30_000);
  await until(async () => (await processesOf(dataFolder)).length === 0, 30_000);
}, 300_000);

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'no server outlives the process that started it: %s',
  async (signal) => {
    const run = spawn(process.execPath, [join(import.meta.dirname, 'run.ts')], {
      env: { ...env, DESKFERRY_DATA: dataFolder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    run.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => run.once('exit', (code) => resolve(code)));
    await until(() => out.includes('Ctrl-C'), 60_000);
    expect(out).toMatch(/Temporal UI +http:/);
    expect((await processesOf(dataFolder)).length).toBeGreaterThanOrEqual(2);
    run.kill(signal);
    expect(await ended).toBe(signal === 'SIGKILL' ? null : 0);
    await until(async () => (await processesOf(dataFolder)).length === 0, 30_000);
    expect(await readdir(dataFolder)).toEqual(['mail', 'mongodb', 'temporal']);
  },
  300_000,
);

test('Temporal keeps its workflows over a crash and a restart on the same port, is not held up by who reads its file; attributes and retention are set', async () => {
  const first = await startTemporal({ dataFolder, env });
  const inspect = async (address: string) => {
    const connection = await Connection.connect({ address });
    const attributes = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    return {
      connection,
      client: new Client({ connection }),
      attributes: attributes.customAttributes,
      config,
    };
  };
  const before = await inspect(first.address);
  expect(Object.keys(before.attributes)).toEqual(
    expect.arrayContaining([
      'MigrationState',
      'MigrationPortal',
      'MigrationSource',
      'MigrationFailedRecords',
      'ReplyWindowEnds',
    ]),
  );
  expect(before.config?.workflowExecutionRetentionTtl?.seconds?.toString()).toBe(String(90 * 86_400));
  // somebody reads its database just now, for a backup
  const reader = new DatabaseSync(join(dataFolder, 'temporal', 'temporal.db'), { readOnly: true });
  reader.exec('BEGIN; SELECT count(*) FROM executions');
  await before.client.withDeadline(Date.now() + 20_000, () =>
    before.client.workflow.start('nobodyRunsIt', { workflowId: 'migration/1', taskQueue: 'none' }),
  );
  reader.close();
  await before.connection.close();
  await first.kill();
  expect(isAlive(first.pid ?? 0)).toBe(false);

  const again = await startTemporal({ dataFolder, env, port: Number(first.address.split(':')[1]) });
  expect(again.address).toBe(first.address);
  const after = await inspect(again.address);
  expect((await after.client.workflow.getHandle('migration/1').describe()).status.name).toBe('RUNNING');
  await after.connection.close();
  await again.stop();
}, 300_000);

test('a server that cannot start says why, and the others are stopped', async () => {
  const taken = await startStack({ dataFolder, env, temporal: false });
  const port = Number(new URL(taken.smtp).port);
  await expect(
    startStack({ dataFolder: `${dataFolder}/2`, env, temporal: false, smtpPort: port }),
  ).rejects.toThrow(/EADDRINUSE/);
  expect(await processesOf(`${dataFolder}/2`)).toEqual([]);
  await taken.stop();
  expect(await readFile(join(dataFolder, 'mongodb', 'mongodb.log'), 'utf8')).toContain('serving on port');
}, 300_000);

test('tasks are put into one part of a queue, so that a worker that asks for one at a time sees every task', async () => {
  const temporal = await startTemporal({ dataFolder, env });
  const connection = await Connection.connect({ address: temporal.address });
  const parts = await connection.workflowService.listTaskQueuePartitions({
    namespace: 'default',
    taskQueue: { name: 'imports' },
  });
  expect(parts.activityTaskQueuePartitions).toHaveLength(1);
  expect(parts.workflowTaskQueuePartitions).toHaveLength(1);
  await connection.close();
  await temporal.stop();
}, 120_000);
