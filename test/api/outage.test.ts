import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../api/app.ts';
import { gatherDependencies } from '../../api/gather-dependencies.ts';
import { describeRoutes } from '../../api/describe-api.ts';
import { type Listening, listen } from '../../api/listen.ts';
import { DEFAULT_LIMITS, REPLY_WINDOW_MS } from '../../domain/lifecycle.ts';
import { startMongo, startTemporal } from '../../stack/stack.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { createStores } from '../../store/stores.ts';
import { type BucketForTests, startBucket } from '../bucket.ts';
import { testKeyRing } from '../key-ring.ts';
import { Contract } from './contract.ts';
import { SECRET, STEPS_BODY, until } from './environment.ts';

/** The API alone, on servers that are stopped for real. */
let folder: string;
let temporal: Awaited<ReturnType<typeof startTemporal>>;
let mongodb: Awaited<ReturnType<typeof startMongo>>;
let bucket: BucketForTests;
let database: Database;
let listening: Listening;
let contract: Contract;
let key: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-outage-'));
  [temporal, mongodb, bucket] = await Promise.all([
    startTemporal({ dataFolder: folder }),
    startMongo({ dataFolder: folder }),
    startBucket(),
  ]);
  database = await openDatabase(mongodb.address, 'deskferry-outage');
  ({ key } = await createStores(database.db, null).keys.create({
    name: 'hana',
    role: 'requester',
    tenant: 'acme',
  }));
  listening = await serve('default');
  contract = new Contract(describeRoutes(''));
  contract.watch(listening.server);
}, 120_000);
afterAll(async () => {
  await listening?.close();
  await database?.close();
  await Promise.all([temporal?.stop(), mongodb?.stop(), bucket?.stop()]);
  await rm(folder, { recursive: true, force: true });
  contract?.verify();
}, 60_000);

/** @param namespace of Temporal */
function serve(namespace: string): Promise<Listening> {
  const api = createApi(
    gatherDependencies({
      db: database.db,
      pingDatabase: () => database.ping(),
      storage: bucket.open(),
      connection: Connection.lazy({ address: temporal.address }),
      namespace,
      dataConverter: {},
      keyRing: testKeyRing(),
      config: {
        publicUrl: 'https://deskferry.example',
        replyWindowMs: REPLY_WINDOW_MS,
        failureShare: 0.05,
        limits: DEFAULT_LIMITS,
        supportAddress: 'support@deskferry.example',
        concurrentTurns: 1,
        secret: SECRET,
        storageFolder: join(folder, 'storage'),
        callsPerMinute: 10_000,
        sourceHosts: [],
        corsOrigins: [],
        temporalUiOrigins: [],
        oidc: null,
        trustProxy: 0,
      },
      logger: pino({ level: 'silent' }),
      tracing: null,
    }),
  );
  return listen(api, 0, '127.0.0.1');
}

async function call(method: string, path: string, sent: { body?: unknown; key?: string } = {}) {
  const answer = await fetch(`http://127.0.0.1:${listening.port}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${key}`,
      ...(sent.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(sent.key === undefined ? {} : { 'Idempotency-Key': sent.key }),
    },
    ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
    signal: AbortSignal.timeout(30_000),
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- held against the OpenAPI document
  const body: any = await answer.json();
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body };
}

const AWAY = {
  status: 503,
  retryAfter: '5',
  body: { type: 'urn:deskferry:problem:unavailable' },
};
const back = (): Promise<void> =>
  until('it is back', async () => (await call('GET', '/readyz')).status === 200);
const drafts = (): Promise<number> => database.db.collection('drafts').countDocuments();
const create = (name: string) => call('POST', '/v1/migrations', { body: STEPS_BODY, key: name });

describe('H: when a server is stopped', () => {
  it('H: without MongoDB every call is 503 with Retry-After, and goes on when it is back', async () => {
    const first = await create('before');
    expect(first.status).toBe(201);
    const path = `/v1/migrations/${first.body.id}`;
    const port = Number(new URL(mongodb.address).port);
    await mongodb.kill();
    const reads = [path, `${path}/audit`, `${path}/events`, '/v1/migrations'];
    const [health, ready, ...others] = await Promise.all([
      call('GET', '/healthz'),
      call('GET', '/readyz'),
      create('while-away'),
      ...reads.map((address) => call('GET', address)),
    ]);
    expect(health.status).toBe(200);
    expect(ready).toMatchObject({ ...AWAY, body: { checks: { mongodb: 'down', temporal: 'up' } } });
    expect(others).toMatchObject(others.map(() => AWAY));
    mongodb = await startMongo({ dataFolder: folder, port });
    await back();
    // the same call again: what was answered before the outage is answered so after it
    expect(await create('before')).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect((await create('while-away')).status).toBe(201);
  }, 120_000);

  it('H: a MongoDB that hangs is told as one that is away', async () => {
    process.kill(mongodb.pid as number, 'SIGSTOP');
    try {
      expect(await call('GET', '/v1/migrations')).toMatchObject(AWAY);
    } finally {
      process.kill(mongodb.pid as number, 'SIGCONT');
    }
    await back();
  }, 60_000);

  it('H: without Temporal commands are 503 and reads are answered; the same call later makes one request', async () => {
    const path = `/v1/migrations/${(await create('before')).body.id}`;
    const before = await drafts();
    const port = Number(temporal.address.split(':')[1]);
    await temporal.kill();
    const [list, ready, ...others] = await Promise.all([
      call('GET', '/v1/migrations'),
      call('GET', '/readyz'),
      create('once'),
      call('POST', `${path}/submit`),
    ]);
    expect(list.status).toBe(200);
    expect(ready).toMatchObject({ ...AWAY, body: { checks: { temporal: 'down', mongodb: 'up' } } });
    expect(others).toMatchObject(others.map(() => AWAY));
    temporal = await startTemporal({ dataFolder: folder, port });
    await back();
    const made = await create('once');
    expect(made.status).toBe(201);
    expect((await create('once')).body.id).toBe(made.body.id);
    expect(await drafts()).toBe(before + 1);
  }, 120_000);

  it('H: a namespace that Temporal does not have is told by readiness', async () => {
    const elsewhere = await serve('nowhere');
    try {
      const answer = await fetch(`http://127.0.0.1:${elsewhere.port}/readyz`);
      expect([answer.status, await answer.json()]).toMatchObject([
        503,
        { checks: { temporal: 'down', mongodb: 'up' } },
      ]);
    } finally {
      await elsewhere.close();
    }
  });

  it('H: without its S3 storage it is not ready; what needs no file is answered', async () => {
    await bucket.away();
    const [list, ready] = await Promise.all([call('GET', '/v1/migrations'), call('GET', '/readyz')]);
    expect(ready).toMatchObject({ ...AWAY, body: { checks: { storage: 'down', temporal: 'up' } } });
    expect(list.status).toBe(200);
    await bucket.back();
    await back();
  }, 120_000);
});
