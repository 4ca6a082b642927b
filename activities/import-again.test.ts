import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeskDocument } from '../desk/embedded/desk-document.ts';
import { setIntegrations } from '../desk/embedded/portals.ts';
import type { Tab } from '../domain/tab.ts';
import type { Storage } from '../store/storage.ts';
import {
  csvText,
  type Engine,
  importTab,
  makeActivities,
  makePortal,
  makeRequest,
  readReport,
  runPhase,
  sendReply,
  startEngine,
} from '../test/import-engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const TIME = '2024-01-01T00:00:00Z';

/** Contacts in two files, of which every seventh fails and some stand twice. */
function contacts(from: number, to: number): string {
  const rows: string[][] = [];
  for (let i = from; i < to; i++) {
    rows.push([`c${i}`, i % 7 === 0 ? '' : `Name ${i}`, `c${i}@x.example`]);
    if (i % 50 === 0) rows.push([`c${i}`, 'Other', '']);
    if (i % 60 === 0)
      rows.push([`c${Math.max(0, i - 1)}`, (i - 1) % 7 === 0 ? '' : `Name ${i - 1}`, `c${i - 1}@x.example`]);
  }
  return csvText(['ContactExtId', 'Last Name', 'Email'], rows);
}
const FILES = {
  'Contacts_01.csv': contacts(0, 2600),
  'Contacts_02.csv': contacts(2500, 5200),
  'Tickets.csv': csvText(
    ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time'],
    Array.from({ length: 60 }, (_, i) => [`t${i}`, `c${i}`, 'S', TIME]),
  ),
};

const TABS_USED = ['contacts', 'tickets'] as const satisfies readonly Tab[];

async function deskContent(portal: string): Promise<string> {
  const hash = createHash('sha256');
  for (const tab of TABS_USED) {
    const found = await engine.db
      .collection<DeskDocument>(tab)
      .find({ _id: { $gt: `${portal}/files/`, $lt: `${portal}/files0` } }, { sort: { _id: 1 } })
      .toArray();
    hash.update(JSON.stringify(found));
  }
  return hash.digest('hex');
}

/** What was staged, by name: SHA-256. */
async function segmentFiles(storage: Storage, request: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const key of storage.list(`segments/${request}/`)) {
    // kept after the import
    if (key.includes('/failed-')) continue;
    const bytes = await storage.get(key);
    found[key.replace(request, '')] = createHash('sha256').update(bytes).digest('hex');
  }
  return found;
}

class Killed extends Error {}

/** Storage that dies at its n-th write, before or after it is done. */
function dyingStorage(storage: Storage, at: number, after: boolean): Storage {
  let writes = 0;
  return {
    ...storage,
    async put(key, body) {
      const dies = ++writes === at;
      if (dies && !after) throw new Killed('killed');
      const told = await storage.put(key, body);
      if (dies) throw new Killed('killed');
      return told;
    },
  };
}

describe('D3: running any part again changes nothing', () => {
  test('a stager that is killed at any write goes on to the same segments, byte for byte', async () => {
    const portal = await makePortal(engine);
    const whole = await makeRequest(engine, portal, FILES);
    await engine.activities.planPhase({ request: whole, phase: 'phase-1' });
    const staged = await engine.activities.stageTab({ request: whole, phase: 'phase-1', tab: 'contacts' });
    const expected = await segmentFiles(engine.storage, whole);
    expect(staged.segments).toBe(3);

    const writes = Object.keys(expected).length;
    for (let at = 1; at <= writes; at++) {
      for (const after of [false, true]) {
        const request = await makeRequest(engine, portal, FILES);
        const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
        await engine.activities.planPhase(run);
        const dying = makeActivities({ ...engine, storage: dyingStorage(engine.storage, at, after) });
        await expect(dying.stageTab(run)).rejects.toThrow(Killed);
        expect(await engine.activities.stageTab(run)).toEqual(staged);
        expect(await segmentFiles(engine.storage, request)).toEqual(expected);
      }
    }
  });

  test('a tab staged in pieces has the segments of one staged at once, in both phases', async () => {
    const portal = await makePortal(engine);
    const tab = 'contacts';
    const filed = async (): Promise<string> => {
      const request = await makeRequest(engine, portal, FILES);
      await sendReply(engine, request, 'r1', {
        'Contacts_03.csv': contacts(2000, 5600).replaceAll('Name', 'New'),
      });
      return request;
    };
    const [whole, pieces] = [await filed(), await filed()];
    for (const phase of ['phase-1', 'phase-2'] as const) {
      await engine.activities.planPhase({ request: whole, phase });
      const staged = await engine.activities.stageTab({ request: whole, phase, tab });
      await engine.activities.planPhase({ request: pieces, phase });
      const ends: unknown[] = [];
      for (let until = 1; until <= staged.segments; until++) {
        const { more, segments } = await engine.activities.stageTab({ request: pieces, phase, tab, until });
        expect(segments).toBe(until);
        ends.push(more);
      }
      expect(ends.slice(0, -1)).toEqual(ends.slice(1).map(() => true));
      expect(await engine.activities.stageTab({ request: pieces, phase, tab, until: 99 })).toEqual(staged);
      expect(await segmentFiles(engine.storage, pieces)).toEqual(await segmentFiles(engine.storage, whole));
      if (phase === 'phase-2') break;
      await runPhase(engine, whole);
      await runPhase(engine, pieces);
    }
  });

  test('E3: what failed is taken once more from what was kept of it, or from the segments where nothing was, alike', async () => {
    const filed = async (): Promise<string> => {
      const request = await makeRequest(engine, await makePortal(engine), FILES);
      await sendReply(engine, request, 'r1', { 'Contacts_03.csv': contacts(2000, 2400) });
      await runPhase(engine, request);
      return request;
    };
    const [kept, searched] = [await filed(), await filed()];
    const remove = async (request: string, isMeant: (key: string) => boolean): Promise<number> => {
      let removed = 0;
      for await (const key of engine.storage.list(`segments/${request}/phase-1/contacts/`)) {
        if (!isMeant(key)) continue;
        await engine.storage.remove(key);
        removed++;
      }
      return removed;
    };
    expect(await remove(kept, (key) => key.endsWith('.ndjson'))).toBe(3);
    expect(await remove(searched, (key) => key.includes('/failed-'))).toBe(1);
    const staged = async (request: string) => {
      const run = { request, phase: 'phase-2' as const };
      await engine.activities.planPhase(run);
      const told = await engine.activities.stageTab({ ...run, tab: 'contacts' });
      const files = Object.entries(await segmentFiles(engine.storage, request));
      return { ...told, files: files.filter(([key]) => key.includes('/phase-2/')) };
    };
    const first = await staged(kept);
    // 400 rows of the reply with their doubles, and what failed in phase 1 outside of them
    expect(first.records).toBeGreaterThan(1_000);
    expect(await staged(searched)).toEqual(first);
  });

  test('two stagers at once write the same segments', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
    await engine.activities.planPhase(run);
    const [one, two] = await Promise.all([engine.activities.stageTab(run), engine.activities.stageTab(run)]);
    expect(two).toEqual(one);
    const records = (await engine.stores.segments.page(run, 0, 10)).reduce(
      (sum, segment) => sum + segment.records,
      0,
    );
    expect(records).toBe(one.records);
  });

  test('every activity twice: the same desk, the same results, the same report byte for byte', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    const first = await runPhase(engine, request);
    const desk = await deskContent(portal);
    const report = await readReport(engine, request, first.report);
    const bytes = await engine.storage.get(`reports/${request}/phase-1-v1.zip`);

    const second = await runPhase(engine, request);
    expect(second).toEqual(first);
    expect(await deskContent(portal)).toBe(desk);
    expect(await readReport(engine, request, second.report)).toEqual(report);

    await engine.storage.remove(`reports/${request}/phase-1-v1.zip`);
    expect(await engine.activities.writeReport({ request, phase: 'phase-1' })).toEqual(first.report);
    expect(await engine.storage.get(`reports/${request}/phase-1-v1.zip`)).toEqual(bytes);
  });

  test('two workers on one segment: the later claim counts, and the ledger is as if there had been one', async () => {
    const alone = await makeRequest(engine, await makePortal(engine), FILES);
    await runPhase(engine, alone);
    const request = await makeRequest(engine, await makePortal(engine), FILES);
    const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
    await engine.activities.planPhase(run);
    await engine.activities.freezeContext({ ...run, after: 'start' });
    const { segments } = await engine.activities.stageTab(run);
    const range = { ...run, from: 1, to: segments };
    const ends = await Promise.allSettled(
      Array.from({ length: 3 }, () => engine.activities.importSegments(range)),
    );
    expect(ends.some((each) => each.status === 'fulfilled')).toBe(true);
    const reasons = ends.flatMap((each) =>
      each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
    );
    expect(reasons.every((code) => code === 'SEGMENT_TAKEN')).toBe(true);
    for (let number = 1; number <= segments; number++) {
      const outcomes = await engine.stores.segments.outcomes(run, number);
      const expected = await engine.stores.segments.outcomes({ ...run, request: alone }, number);
      const plain = (each: (typeof outcomes)[number]) => [
        each.externalId,
        each.result,
        each.code,
        each.digest,
      ];
      expect(JSON.stringify(outcomes.map(plain))).toBe(JSON.stringify(expected.map(plain)));
    }
  });

  test('B2: an integration switched on midway in a desk that cannot refuse ends the import; off again, it goes on', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
    await engine.activities.planPhase(run);
    await engine.activities.freezeContext({ ...run, after: 'start' });
    const { segments } = await engine.activities.stageTab(run);
    await engine.activities.importSegments({ ...run, from: 1, to: 1 });
    await setIntegrations(engine.db, portal, { zohoCrm: true });
    const rest = { ...run, from: 2, to: segments };
    await expect(engine.activities.importSegments(rest)).rejects.toMatchObject({
      type: 'INTEGRATIONS_ON',
      nonRetryable: true,
    });
    expect((await engine.stores.segments.get(run, 2))?.finished).toBeNull();
    await setIntegrations(engine.db, portal, { zohoCrm: false });
    await engine.activities.importSegments(rest);
    expect((await engine.stores.segments.get(run, segments))?.finished).not.toBeNull();
  });

  test('a late twin finishes nothing over a newer claim', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
    await engine.activities.planPhase(run);
    await engine.activities.stageTab(run);
    const late = await engine.stores.segments.claim(run, 1, Date.now());
    await engine.stores.segments.claim(run, 1, Date.now());
    const finished = {
      counts: { source: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 },
      warnings: 0,
      sourceDigest: '',
      failedParts: [],
    };
    expect(
      await engine.stores.segments.finish(
        run,
        1,
        { ...finished, generation: late?.generation ?? 0 },
        [],
        new Uint8Array(),
        [],
      ),
    ).toBe(false);
    expect(await engine.stores.segments.holds(run, 1, late?.generation ?? 0)).toBe(false);
  });

  test('an import that dies after the desk has written reports what it created as created', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
    await engine.activities.planPhase(run);
    await engine.activities.freezeContext({ ...run, after: 'start' });
    await engine.activities.stageTab(run);
    const dying = makeActivities({
      ...engine,
      desk: {
        ...engine.desk,
        async write(tab, batch, stamp) {
          await engine.desk.write(tab, batch, stamp);
          throw new Killed('killed');
        },
      },
    });
    await expect(dying.importSegments({ ...run, from: 1, to: 1 })).rejects.toThrow(Killed);
    await importTab(engine.activities, run);
    const proof = await engine.activities.proveTab(run);
    expect(proof).toMatchObject({
      digestsMatch: true,
      discrepancies: 0,
      counts: { updated: 0, unchanged: 0 },
    });
    expect(proof.counts.created).toBeGreaterThan(4000);
  });

  test('what changes in the portal after the start does not reach the phase', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, {
      'Contacts.csv': csvText(['ContactExtId', 'Last Name', 'Email'], [['c1', 'L', 'later@x.example']]),
    });
    const run = { request, phase: 'phase-1' as const };
    await engine.activities.planPhase(run);
    await engine.activities.freezeContext({ ...run, after: 'start' });
    const context = await engine.stores.frozen.find(request, 'phase-1');
    await engine.db.collection<DeskDocument>('contacts').insertOne({
      _id: `${portal}/desk/later`,
      externalId: 'later',
      lastName: 'Later',
      email: 'later@x.example',
    });
    await engine.activities.freezeContext({ ...run, after: 'start' });
    expect(await engine.stores.frozen.find(request, 'phase-1')).toEqual(context);
    const { proofs } = await runPhase(engine, request);
    expect(proofs.contacts?.counts).toMatchObject({ created: 1, unchanged: 0 });
  });

  test('C9, D2: what an earlier version froze, which had no names of attempts, counts as it is', async () => {
    const portal = await makePortal(engine);
    const contacts = engine.db.collection<DeskDocument>('contacts');
    for (const [_id, email] of [
      [`${portal}/desk/there`, 'there@x.example'],
      [`${portal}/files/before`, 'before@x.example'],
    ] as const)
      await contacts.insertOne({ _id, externalId: _id.split('/')[2] ?? '', lastName: 'There', email });
    const request = await makeRequest(engine, portal, {
      'Contacts.csv': csvText(['ContactExtId', 'Last Name', 'Email'], [['c1', 'L', 'there@x.example']]),
    });
    const run = { request, phase: 'phase-1' as const };
    await engine.activities.planPhase(run);
    await engine.activities.freezeContext({ ...run, after: 'start' });
    const { frozenBy } = (await engine.stores.frozen.find(request, 'phase-1')) ?? {};
    const attempt = frozenBy?.start ?? '';
    const frozen = engine.db.collection<{ _id: string }>('frozen');
    const named = await frozen.find({ _id: { $gt: `${request}/`, $lt: `${request}0` } }).toArray();
    expect(named.length).toBeGreaterThan(0);
    for (const { _id, ...entry } of named) {
      expect(_id).toContain(`/${attempt}/`);
      await frozen.insertOne({ _id: _id.replace(`${attempt}/`, ''), ...entry });
      await frozen.deleteOne({ _id });
    }
    const ids = `folded/${request}/before/contacts`;
    await engine.storage.put(ids, await engine.storage.get(`${ids}-${attempt}`));
    await engine.db
      .collection<{ _id: string }>('contexts')
      .updateOne({ _id: `${request}/phase-1` }, { $unset: { frozenBy: 1 } });
    const { proofs } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({ counts: { created: 0, unchanged: 1 }, discrepancies: 0 });
  });

  test('phase 2 again: the same desk and the same report', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, FILES);
    await runPhase(engine, request);
    await sendReply(engine, request, 'r1', {
      'Contacts_01.csv': contacts(0, 300).replaceAll('Name', 'Changed'),
    });
    const first = await runPhase(engine, request, 'phase-2');
    const desk = await deskContent(portal);
    const second = await runPhase(engine, request, 'phase-2');
    expect(second).toEqual(first);
    expect(await deskContent(portal)).toBe(desk);
  });
});
