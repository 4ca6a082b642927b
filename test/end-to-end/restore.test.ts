import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Document, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, createApiClient } from '../../cli/api-client.ts';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS } from '../../examples/sample-help-desk.ts';
import { startMongo } from '../../stack/stack.ts';
import { type Ended, startCommand } from '../cli/run-command.ts';
import {
  contentOf,
  fetchReport,
  fileAndApprove,
  fileAndTake,
  insist,
  makePortal,
  reach,
  type RunningService,
  startService,
} from './migrate.ts';

interface Shown {
  state: string;
  paused: { reason: string } | null;
  reason: string | null;
  replies: { text: string }[];
}
type Tabs = Record<string, { source: number; failed: number; digestsMatch: boolean }>;

const CHOSEN = ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'];

/** Every collection with its documents, as `mongodump` copies them. */
type Dump = Map<string, Document[]>;

/**
 * What docs/operations.md (Backup) describes, drilled: all three are copied one after the other while the service works, everything is
 * destroyed and brought back, and what was done between the copies is done again.
 */
describe('A backup is taken while the service works, all is destroyed, and it is brought back', () => {
  let service: RunningService;
  /** a key from before: it holds after the restore */
  let operatorKey = '';
  let waiting = '';
  let decided = '';
  let late = '';
  let before: { waiting: unknown; decided: unknown; report: unknown; tabs: Tabs };
  let audit = '';
  /** what `deskferry restored` says */
  let told = '';

  beforeAll(async () => {
    service = await startService({ replyWindow: '1h' });
    ({ operatorKey } = service);
    const folder = join(service.folder, 'export');
    await makeSampleHelpDesk({ folder, tickets: 40, seed: 4, includeTooLarge: false, portalAgents: [] });
    for (const portal of ['waiting', 'decided'])
      await onMongo((client) => makePortal(client.db(service.database), portal));
    const asked = { files: [...SAMPLE_UPLOADS], folder, tabs: CHOSEN, requesterMail: ADMINISTRATOR_MAIL };
    waiting = await fileAndApprove(service, { ...asked, portal: 'waiting' });
    await reach(service, waiting, 'REPLY_WINDOW');
    await service.requester.reply(`/v1/migrations/${waiting}/replies`, 'We mend the rest by Friday.', []);
    decided = await fileAndTake(service, { ...asked, portal: 'decided' });

    const kept = join(service.folder, 'backup');
    await mkdir(kept);
    const database = new DatabaseSync(temporalFile(), {
      readOnly: true,
      timeout: 30_000,
      enableDoubleQuotedStringLiterals: true,
    });
    // waits for whoever writes just now, and copies what is there in one
    database.prepare('VACUUM INTO ?').run(join(kept, 'temporal.db'));
    database.close();
    // what Temporal's copy does not know any more
    await insist(service.operator, `/v1/migrations/${waiting}/pause`, { reason: 'Asked by phone' });
    await insist(service.operator, `/v1/migrations/${decided}/approve`);
    await reach(service, decided, 'REPLY_WINDOW');
    late = (
      await service.requester.call<{ id: string }>('POST', '/v1/migrations', {
        desk: { kind: 'embedded', portal: service.portal },
      })
    ).id;
    const dump = await onMongo(dumped);
    audit = (await onInstallation('audit', 'verify', '--json')).stdout;
    await cp(service.storage, join(kept, 'storage'), { recursive: true });

    before = {
      waiting: await standing('waiting'),
      decided: await standing('decided'),
      report: [...(await fetchReport(service, decided, 'phase-1'))],
      tabs: await tabsOf(waiting, 'phase-1'),
    };
    await service.stop();
    const servers = join(service.folder, 'data', 'servers');
    for (const lost of [servers, service.storage]) await rm(lost, { recursive: true });

    await mkdir(join(servers, 'temporal'), { recursive: true });
    await rename(join(kept, 'temporal.db'), temporalFile());
    await rename(join(kept, 'storage'), service.storage);
    const mongo = await startMongo({ dataFolder: servers });
    await restored(mongo.address, dump);
    service = { ...service, mongodbUri: mongo.address };
    told = (await onInstallation('restored')).stdout;
    await mongo.stop();
    service = await startService({ replyWindow: '1h', folder: service.folder });
  }, 300_000);
  afterAll(() => service?.end(), 90_000);

  test('F2, F4: the audit logs are whole, and keys hold', async () => {
    await writeFile(join(service.folder, 'audit.json'), audit);
    const verified = await onInstallation('audit', 'verify', '--against', join(service.folder, 'audit.json'));
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('Whole')]);
    expect((await shown(waiting)).replies).toMatchObject([{ text: 'We mend the rest by Friday.' }]);
  });

  test('F6: what was done after the copy of Temporal is not claimed; the audit log says why', async () => {
    expect(told).toBe('3 requests are compared with Temporal as soon as a lifecycle worker runs.\n');
    await becomes(waiting, ({ state, paused }) => state === 'REPLY_WINDOW' && paused === null);
    await becomes(decided, ({ state }) => state === 'VERIFYING');
    for (const id of [waiting, decided]) expect(await actionsOf(id)).toContain('restored');
  }, 120_000);

  test('F6, A8: a request that Temporal does not know is ended, and holds its portal no more', async () => {
    const { reason } = await becomes(late, ({ state }) => state === 'CANCELLED');
    expect(reason).toBe('not in the backup of Temporal that was brought back');
    const { id } = await service.requester.call<{ id: string }>('POST', '/v1/migrations', {
      desk: { kind: 'embedded', portal: service.portal },
    });
    await insist(service.requester, `/v1/migrations/${id}/cancel`);
  }, 120_000);

  test('D3: decided once more, it is imported once more, into the same desk and the same report', async () => {
    expect(await standing('waiting')).toEqual(before.waiting);
    await insist(service.operator, `/v1/migrations/${decided}/approve`);
    await reach(service, decided, 'REPLY_WINDOW');
    expect(await standing('decided')).toEqual(before.decided);
    expect([...(await fetchReport(service, decided, 'phase-1'))]).toEqual(before.report);
  }, 200_000);

  test('E2, E3: the migration that waited goes on to its end', async () => {
    for (const side of [service.requester, service.operator])
      await insist(side, `/v1/migrations/${waiting}/phase-2`);
    await reach(service, waiting, 'COMPLETED');
    const failed = Object.entries(before.tabs).map(([tab, each]) => [tab, each.failed, each.failed, true]);
    const again = Object.entries(await tabsOf(waiting, 'phase-2'));
    expect(again.map(([tab, each]) => [tab, each.source, each.failed, each.digestsMatch])).toEqual(failed);
  }, 200_000);

  const temporalFile = (): string => join(service.folder, 'data', 'servers', 'temporal', 'temporal.db');

  const operator = (): ApiClient => createApiClient(service.url, operatorKey);
  const shown = (id: string): Promise<Shown> => operator().call<Shown>('GET', `/v1/migrations/${id}`);

  async function becomes(id: string, holds: (now: Shown) => boolean): Promise<Shown> {
    const deadline = Date.now() + 100_000;
    for (;;) {
      const now = await shown(id);
      if (holds(now)) return now;
      if (Date.now() > deadline) throw new Error(`it stays ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async function actionsOf(id: string): Promise<string[]> {
    const { entries } = await operator().call<{ entries: { action: string }[] }>(
      'GET',
      `/v1/migrations/${id}/audit`,
    );
    return entries.map(({ action }) => action);
  }

  async function tabsOf(id: string, phase: string): Promise<Tabs> {
    const report = await fetchReport(service, id, phase);
    return (JSON.parse(report.get('summary.json') ?? '') as { tabs: Tabs }).tabs;
  }

  function onInstallation(...args: string[]): Promise<Ended> {
    const { folder, mongodbUri, database } = service;
    const env = { MONGODB_URI: mongodbUri, MONGODB_DATABASE: database };
    return startCommand(folder, args, { env }).ended;
  }

  async function onMongo<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
    const client = await new MongoClient(service.mongodbUri).connect();
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  }

  async function dumped(client: MongoClient): Promise<Dump> {
    const db = client.db(service.database);
    const dump: Dump = new Map();
    for (const { name } of await db.listCollections().toArray())
      dump.set(name, await db.collection(name).find({}, { promoteValues: false }).toArray());
    return dump;
  }

  async function restored(address: string, dump: Dump): Promise<void> {
    const client = await new MongoClient(address).connect();
    for (const [name, documents] of dump) {
      if (documents.length > 0) await client.db(service.database).collection(name).insertMany(documents);
    }
    await client.close();
  }

  const standing = (portal: string): Promise<string[]> =>
    onMongo((client) => contentOf(client.db(service.database), portal));
});
