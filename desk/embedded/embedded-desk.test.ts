import { BSON, type Db, type Document } from 'mongodb';
import type { DocumentSequence } from 'mongodb/lib/cmap/commands.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Fields } from '../../domain/canonical.ts';
import { recordDigest } from '../../domain/digest.ts';
import type { Phase } from '../../domain/phase.ts';
import { createLinks, type Links } from '../../store/links.ts';
import { startTestDatabase } from '../../test/database.ts';
import type { Desk, DeskRecord, ImportStamp } from '../desk.ts';
import { recordsOf } from './desk-document.ts';
import { createEmbeddedDesk } from './embedded-desk.ts';
import {
  addAgents,
  addNativeRecords,
  createPortal,
  listPortals,
  nativeId,
  setIntegrations,
} from './portals.ts';
import { recordId } from './record-id.ts';

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let desk: Desk;
let links: Links;
let portal: string;
let portals = 0;

beforeAll(async () => {
  server = await startTestDatabase();
  links = createLinks(server.database.db);
  desk = createEmbeddedDesk(server.database.db, links);
});
afterAll(() => server.stop());
beforeEach(() => {
  portal = newPortal();
  return makePortal(portal, null);
});

function newPortal(): string {
  portals += 1;
  return `portal-${portals}`;
}

async function makePortal(id: string, recordQuota: number | null): Promise<void> {
  await createPortal(server.database.db, {
    id,
    name: 'Kitahama Support',
    tenant: `tenant-of-${id}`,
    plan: 'paid',
    recordQuota,
    departments: [{ id: 'd1', name: 'Support', default: true }],
    statuses: ['Open', 'Closed'],
    integrations: { zohoCrm: false, salesforce: false },
    primaryContact: { agentId: nativeId(id, 'a1'), name: 'Aya Mori', mail: 'aya@kitahama.example' },
  });
}

function ticket(externalId: string, more: Fields = {}, importedBefore = false): DeskRecord {
  const source: Fields = { externalId, subject: `Subject of ${externalId}`, ...more };
  const fields: Fields = { status: 'Open', contactId: recordId(portal, 'files', 'C-1'), ...source };
  return { externalId, fields, source: recordDigest(source), written: recordDigest(fields), importedBefore };
}

function stamp(phase: Phase = 'phase-1', segment = 1, request = 'm_one'): ImportStamp {
  return { portal, scope: 'files', request, phase, segment };
}

const tickets = () => recordsOf(server.database.db, 'tickets');
const stored = (externalId: string) => tickets().findOne({ _id: recordId(portal, 'files', externalId) });
async function everything() {
  return tickets()
    .find({ _id: { $gte: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } })
    .toArray();
}

/** The documents that a message holds as bytes. */
function documentsOf(sent: DocumentSequence): Document[] {
  const [, ...chunks] = sent.chunks;
  const bytes = Buffer.concat(chunks);
  const documents: Document[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at))
    documents.push(BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))));
  return documents;
}

/** The same database, some of whose commands go another way. */
function onCommand(db: Db, act: (order: Document, pass: Db['command']) => Promise<Document>): Db {
  const pass: Db['command'] = (order, options) => db.command(order, options);
  const command: Db['command'] = (order, options) => act(order, (changed) => pass(changed, options));
  return new Proxy(db, {
    get(target, name) {
      if (name === 'command') return command;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The same database, which does not take one document, new or changed, as a server with rules of its own would. */
function refusing(db: Db, id: string): Db {
  return onCommand(db, async (order, pass) => {
    const field = 'insert' in order ? 'documents' : 'updates';
    const sent = order[field] as DocumentSequence | undefined;
    const documents = sent === undefined ? [] : documentsOf(sent);
    const index = documents.findIndex((each) => ((each['q'] ?? each) as Document)['_id'] === id);
    if (index === -1) return pass(order);
    const refused = { writeErrors: [{ index, code: 121 }] };
    const rest = documents.toSpliced(index, 1);
    return rest.length === 0
      ? { n: 0, ...refused }
      : { ...(await pass({ ...order, [field]: rest })), ...refused };
  });
}

/** The same database, in which somebody does something right before each update or removal of tickets. */
function beforeChanges(db: Db, act: () => Promise<void>): Db {
  return onCommand(db, async (order, pass) => {
    if (order['update'] === 'tickets' || order['delete'] === 'tickets') await act();
    return pass(order);
  });
}

/** The same database, in which somebody does something right after the first insert of tickets. */
function afterFirstInsert(db: Db, act: () => Promise<void>): Db {
  let acted = false;
  return onCommand(db, async (order, pass) => {
    const answer = await pass(order);
    if (!acted && order['insert'] === 'tickets') {
      acted = true;
      await act();
    }
    return answer;
  });
}

describe('writing a batch', () => {
  test('formats: a record is stored under portal/scope/externalId, with its fields and the stamp', async () => {
    const createdTime = new Date('2024-05-31T09:08:07.000Z');
    const record = ticket('T/1%', { createdTime, tags: ['a', 'b'], customFields: { '%24x y': '深い' } });
    const [outcome] = await desk.write('tickets', [record], stamp());

    expect(outcome).toEqual({
      result: 'created',
      deskId: `${portal}/files/T%2F1%25`,
      digest: record.written,
    });
    expect(await tickets().findOne({ _id: `${portal}/files/T%2F1%25` })).toEqual({
      _id: `${portal}/files/T%2F1%25`,
      ...record.fields,
      migration: {
        created: { request: 'm_one', phase: 'phase-1' },
        last: {
          request: 'm_one',
          phase: 'phase-1',
          segment: 1,
          result: 'created',
          source: record.source,
          written: record.written,
        },
      },
    });
  });

  test('D3: writing a batch twice answers the same and changes nothing', async () => {
    const batch = Array.from({ length: 1_000 }, (_, i) => ticket(`T-${i}`, { phone: String(i) }));
    const first = await desk.write('tickets', batch, stamp());
    const before = await everything();
    const second = await desk.write('tickets', batch, stamp());

    expect(first.every(({ result }) => result === 'created')).toBe(true);
    expect(second).toEqual(first);
    expect(await everything()).toEqual(before);
    expect(before).toHaveLength(1_000);
  });

  test('D3: a batch that holds a record twice writes it once, also again and when it changed', async () => {
    const twice = ['T-1', 'T-2', 'T-1'];
    const write = (fields: Fields, phase: Phase) =>
      desk.write(
        'tickets',
        twice.map((id) => ticket(id, fields, phase === 'phase-2')),
        stamp(phase),
      );
    for (const _again of [1, 2])
      expect((await write({}, 'phase-1')).map(({ result }) => result)).toEqual(Array(3).fill('created'));
    for (const _again of [1, 2])
      expect((await write({ phone: '1' }, 'phase-2')).map(({ result }) => result)).toEqual(
        Array(3).fill('updated'),
      );
    expect(await everything()).toHaveLength(2);
  });

  test('D3: a batch that was written in part is completed, with the same outcomes', async () => {
    const batch = Array.from({ length: 50 }, (_, i) => ticket(`T-${i}`));
    await desk.write(
      'tickets',
      batch.filter((_, i) => i % 3 === 0),
      stamp(),
    );
    const outcomes = await desk.write('tickets', batch, stamp());

    expect(outcomes).toEqual(
      batch.map(({ externalId, written }) => ({
        result: 'created',
        deskId: recordId(portal, 'files', externalId),
        digest: written,
      })),
    );
  });

  test('D3: several writers of one batch at once make each record once and answer the same', async () => {
    await desk.write('tickets', [ticket('T-0'), ticket('T-1')], stamp());
    const batch = Array.from({ length: 300 }, (_, i) => ticket(`T-${i}`, { priority: 'High' }));
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => desk.write('tickets', batch, stamp('phase-2', 7))),
    );

    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.map(({ result }) => result)).toEqual([
      'updated',
      'updated',
      ...Array<string>(298).fill('created'),
    ]);
    expect(await everything()).toHaveLength(300);
  });

  test('E3: a record whose source did not change is unchanged, and its digest is that of the desk', async () => {
    const record = ticket('T-1');
    await desk.write('tickets', [record], stamp());
    const [outcome] = await desk.write('tickets', [{ ...record, importedBefore: true }], stamp('phase-2'));

    expect(outcome).toEqual({ result: 'unchanged', deskId: `${portal}/files/T-1`, digest: record.written });
    expect((await stored('T-1'))?.migration?.last.phase).toBe('phase-1');
  });

  test('E3: a record changed in the source is updated, and keeps who created it', async () => {
    await desk.write('tickets', [ticket('T-1', { phone: '1' })], stamp());
    const changed = ticket('T-1', { priority: 'High' }, true);
    const first = await desk.write('tickets', [changed], stamp('phase-2', 4));
    const second = await desk.write('tickets', [changed], stamp('phase-2', 4));

    expect(first).toEqual([{ result: 'updated', deskId: `${portal}/files/T-1`, digest: changed.written }]);
    expect(second).toEqual(first);
    expect(await stored('T-1')).toEqual({
      _id: `${portal}/files/T-1`,
      ...changed.fields,
      migration: {
        created: { request: 'm_one', phase: 'phase-1' },
        last: {
          request: 'm_one',
          phase: 'phase-2',
          segment: 4,
          result: 'updated',
          source: changed.source,
          written: changed.written,
        },
      },
    });
  });

  test('E3: a record changed in the source and edited in the desk is skipped, not overwritten', async () => {
    await desk.write('tickets', [ticket('T-1'), ticket('T-2')], stamp());
    await tickets().updateOne({ _id: `${portal}/files/T-1` }, { $set: { subject: 'by an agent' } });
    await tickets().updateOne({ _id: `${portal}/files/T-2` }, { $set: { note: 'a field of its own' } });
    const batch = [ticket('T-1', { priority: 'High' }, true), ticket('T-2', { priority: 'High' }, true)];
    const outcomes = await desk.write('tickets', batch, stamp('phase-2'));

    expect(outcomes).toMatchObject([
      { result: 'skipped', code: 'EDITED_IN_DESK', deskId: null, digest: null },
      { result: 'skipped', code: 'EDITED_IN_DESK', deskId: null, digest: null },
    ]);
    expect((await stored('T-1'))?.['subject']).toBe('by an agent');
    expect((await stored('T-2'))?.['note']).toBe('a field of its own');
  });

  test('E3: a record edited in the desk whose source did not change is unchanged, with the digest of the edited one', async () => {
    await desk.write('tickets', [ticket('T-1')], stamp());
    await tickets().updateOne({ _id: `${portal}/files/T-1` }, { $set: { subject: 'by an agent' } });
    const [outcome] = await desk.write('tickets', [ticket('T-1', {}, true)], stamp('phase-2'));
    const [readBack] = await desk.read(portal, 'files', 'tickets', ['T-1']);

    expect(outcome).toMatchObject({ result: 'unchanged' });
    expect(outcome?.digest).toBe(readBack?.digest);
    expect(readBack?.fields['subject']).toBe('by an agent');
  });

  test('E3: an edit between reading and writing is seen, not overwritten', async () => {
    const edit = {
      'T-1': { subject: 'by an agent' },
      'T-2': { priority: 'Low' },
      'T-3': { 'a field that no tab has': 1 },
    };
    const ids = ['T-1', 'T-2', 'T-3', 'T-4'];
    await desk.write(
      'tickets',
      ids.map((id) => ticket(id)),
      stamp(),
    );
    const db = beforeChanges(server.database.db, async () => {
      for (const [id, $set] of Object.entries(edit))
        await tickets().updateOne({ _id: `${portal}/files/${id}` }, { $set });
    });
    const batch = ids.map((id) => ticket(id, { priority: 'High' }, true));
    const outcomes = await createEmbeddedDesk(db, links).write('tickets', batch, stamp('phase-2'));

    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual([
      'EDITED_IN_DESK',
      'EDITED_IN_DESK',
      'EDITED_IN_DESK',
      'updated',
    ]);
    expect((await stored('T-1'))?.['subject']).toBe('by an agent');
    expect((await stored('T-2'))?.['priority']).toBe('Low');
    expect((await stored('T-3'))?.['a field that no tab has']).toBe(1);
    expect((await stored('T-4'))?.['priority']).toBe('High');
  });

  test('E3: a record whose fields somebody has put into another order is updated, and removed', async () => {
    await desk.write('tickets', [ticket('T-1', { customFields: { '7': 'b', z: 'a' } })], stamp());
    const _id = recordId(portal, 'files', 'T-1');
    // an object of JavaScript has numbers in front
    const turned = { $set: { customFields: new Map([['z', 'a']]).set('7', 'b') } } as object;
    await tickets().updateOne({ _id }, turned);
    const batch = [ticket('T-1', { priority: 'High', customFields: { '7': 'b', z: 'a' } }, true)];
    expect(await desk.write('tickets', batch, stamp('phase-2'))).toMatchObject([{ result: 'updated' }]);
    await tickets().updateOne({ _id }, turned);
    expect(await desk.remove('tickets', [_id], 'm_one')).toMatchObject([{ result: 'removed' }]);
  });

  test('G: a changed record that the desk refuses fails alone', async () => {
    const ids = ['T-1', 'T-2', 'T-3'];
    await desk.write(
      'tickets',
      ids.map((id) => ticket(id)),
      stamp(),
    );
    const strict = createEmbeddedDesk(refusing(server.database.db, recordId(portal, 'files', 'T-2')), links);
    const batch = ids.map((id) => ticket(id, { priority: 'High' }, true));
    const outcomes = await strict.write('tickets', batch, stamp('phase-2'));
    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual([
      'updated',
      'DESK_REFUSED',
      'updated',
    ]);
    expect((await everything()).map(({ priority }) => priority)).toEqual(['High', undefined, 'High']);
  });

  test('E3: records as large as they may be are updated, removed, and skipped when they were edited', async () => {
    const large = (id: string, text: string, known = false): DeskRecord =>
      ticket(id, { description: text.repeat(15_900_000) }, known);
    for (const id of ['T-1', 'T-2']) await desk.write('tickets', [large(id, 'x'), ticket('T-3')], stamp());
    await tickets().updateOne({ _id: `${portal}/files/T-2` }, { $set: { subject: 'by an agent' } });
    const batch = [large('T-1', 'y', true), large('T-2', 'y', true), ticket('T-3', { phone: '1' }, true)];
    const verdicts = (await desk.write('tickets', batch, stamp('phase-2'))).map(
      (each) => each.code ?? each.result,
    );
    expect(verdicts).toEqual(['updated', 'EDITED_IN_DESK', 'updated']);
    const [first, second] = await desk.read(portal, 'files', 'tickets', ['T-1', 'T-2']);
    expect(first?.digest).toBe(batch[0]?.written);
    expect(second?.fields['subject']).toBe('by an agent');
    const db = beforeChanges(server.database.db, async () => {
      await tickets().updateOne({ _id: `${portal}/files/T-1` }, { $set: { subject: 'by an agent' } });
    });
    const late = [large('T-1', 'z', true)];
    expect(
      await createEmbeddedDesk(db, links).write('tickets', late, stamp('phase-2', 2, 'm_two')),
    ).toMatchObject([{ code: 'EDITED_IN_DESK' }]);
    expect((await stored('T-1'))?.['description']).toBe('y'.repeat(15_900_000));
    const ids = ['T-1', 'T-2', 'T-3'].map((id) => recordId(portal, 'files', id));
    expect((await desk.remove('tickets', ids, 'm_one')).map(({ result }) => result)).toEqual([
      'changedSince',
      'changedSince',
      'removed',
    ]);
  });

  test('F1: an edit between reading and removing is seen, and the record stays', async () => {
    await desk.write('tickets', [ticket('T-1'), ticket('T-2')], stamp());
    const db = beforeChanges(server.database.db, async () => {
      await tickets().updateOne({ _id: `${portal}/files/T-1` }, { $set: { subject: 'by an agent' } });
    });
    const ids = [`${portal}/files/T-1`, `${portal}/files/T-2`];
    expect(await createEmbeddedDesk(db, links).remove('tickets', ids, 'm_one')).toEqual([
      { deskId: ids[0], result: 'changedSince' },
      { deskId: ids[1], result: 'removed' },
    ]);
    expect((await everything()).map(({ subject }) => subject)).toEqual(['by an agent']);
  });

  test('D3: a record that vanishes between inserting and reading is made after all', async () => {
    await desk.write('tickets', [ticket('T-1')], stamp());
    const db = afterFirstInsert(server.database.db, async () => {
      await tickets().deleteOne({ _id: `${portal}/files/T-1` });
    });
    const outcomes = await createEmbeddedDesk(db, links).write('tickets', [ticket('T-1')], stamp('phase-2'));
    expect(outcomes[0]?.result).toBe('created');
    expect((await stored('T-1'))?.migration?.created.phase).toBe('phase-2');
  });

  test('E3: a record deleted in the desk is not made again', async () => {
    await desk.write('tickets', [ticket('T-1')], stamp());
    await tickets().deleteOne({ _id: `${portal}/files/T-1` });
    const batch = [ticket('T-1', {}, true)];
    for (const _again of [1, 2]) {
      expect(await desk.write('tickets', batch, stamp('phase-2'))).toMatchObject([
        { result: 'skipped', code: 'DELETED_IN_DESK', deskId: null, digest: null },
      ]);
    }
    expect(await stored('T-1')).toBeNull();
  });

  test("E3: a record of the desk's own that no import made is never overwritten", async () => {
    await tickets().insertOne({ _id: `${portal}/files/T-1`, externalId: 'T-1', subject: 'our own' });
    const outcomes = await desk.write('tickets', [ticket('T-1')], stamp());

    expect(outcomes).toMatchObject([{ result: 'skipped', code: 'EDITED_IN_DESK' }]);
    expect((await stored('T-1'))?.['subject']).toBe('our own');
  });

  test('G: a record over 16,000,000 bytes as stored fails alone', async () => {
    const room = 16_000_000 - 2_000;
    const batch = [
      ticket('T-1', { description: 'あ'.repeat(5_333_400) }),
      ticket('T-2'),
      ticket('T-3', { description: 'x'.repeat(room) }),
    ];
    const outcomes = await desk.write('tickets', batch, stamp());

    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual(['TOO_LARGE', 'created', 'created']);
    expect(outcomes[0]).toMatchObject({ deskId: null, digest: null });
    const [large] = await desk.read(portal, 'files', 'tickets', ['T-3']);
    expect(large?.digest).toBe(batch[2]?.written);
  });

  test('D3: a batch of many megabytes goes in parts and is whole', async () => {
    const batch = Array.from({ length: 60 }, (_, i) =>
      ticket(`T-${i}`, { description: '大'.repeat(300_000) }),
    );
    const first = await desk.write('tickets', batch, stamp());
    const second = await desk.write('tickets', batch, stamp());

    expect(first.every(({ result }) => result === 'created')).toBe(true);
    expect(second).toEqual(first);
    expect(await everything()).toHaveLength(60);
  });

  test('bad input: an unknown portal, a reserved scope, a record without its id are refused', async () => {
    await expect(
      desk.write('tickets', [ticket('T-1')], { ...stamp(), portal: 'nowhere' }),
    ).rejects.toMatchObject({
      code: 'PORTAL_NOT_FOUND',
    });
    await expect(desk.write('tickets', [ticket('T-1')], { ...stamp(), scope: 'desk' })).rejects.toMatchObject(
      {
        code: 'BAD_NAME',
      },
    );
    await expect(desk.write('tickets', [{ ...ticket('T-1'), externalId: 'T-2' }], stamp())).rejects.toThrow(
      TypeError,
    );
  });
});

describe('A5: a storage quota', () => {
  test('A5: records beyond the quota fail alone, and a re-run counts the same', async () => {
    portal = newPortal();
    await makePortal(portal, 25);
    await addAgents(server.database.db, portal, [
      { id: 'a1', lastName: 'Mori', email: 'aya@kitahama.example', status: 'active' },
    ]);
    const batches = [0, 1, 2, 3].map((n) => Array.from({ length: 10 }, (_, i) => ticket(`T-${n}-${i}`)));
    const write = () =>
      Promise.all(batches.map((batch, n) => desk.write('tickets', batch, stamp('phase-1', n + 1))));
    const first = (await write()).flat();
    const again = (await write()).flat();

    for (const outcomes of [first, again]) {
      expect(outcomes.filter(({ result }) => result === 'created')).toHaveLength(24);
      expect(outcomes.filter(({ code }) => code === 'DESK_FULL')).toHaveLength(16);
    }
    expect(again.map(({ result }) => result)).toEqual(first.map(({ result }) => result));
    expect(await everything()).toHaveLength(24);
  });

  test('A5: of several processes that write at once exactly as many records are made as there is room for', async () => {
    portal = newPortal();
    await makePortal(portal, 450);
    const processes = [1, 2, 3].map(() => createEmbeddedDesk(server.database.db, links));
    const outcomes = await Promise.all(
      processes.flatMap((process, n) =>
        Array.from({ length: 5 }, (_, batch) =>
          process.write(
            'tickets',
            Array.from({ length: 40 }, (_, i) => ticket(`T-${n}-${batch}-${i}`)),
            stamp('phase-1', n * 5 + batch + 1),
          ),
        ),
      ),
    );
    expect(outcomes.flat().filter(({ result }) => result === 'created')).toHaveLength(450);
    expect(outcomes.flat().filter(({ code }) => code === 'DESK_FULL')).toHaveLength(3 * 5 * 40 - 450);
    expect(await everything()).toHaveLength(450);
  });

  test('A5: room that a record refused by the desk would have taken is the next one’s', async () => {
    portal = newPortal();
    await makePortal(portal, 2);
    const strict = createEmbeddedDesk(refusing(server.database.db, recordId(portal, 'files', 'T-1')), links);
    const batch = ['T-1', 'T-2', 'T-3', 'T-4'].map((each) => ticket(each));
    const outcomes = await strict.write('tickets', batch, stamp());
    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual([
      'DESK_REFUSED',
      'created',
      'created',
      'DESK_FULL',
    ]);
  });

  test('A5: what is there already is never DESK_FULL, and may still be updated', async () => {
    portal = newPortal();
    await makePortal(portal, 2);
    await desk.write('tickets', [ticket('T-1'), ticket('T-2')], stamp());
    const batch = [ticket('T-3'), ticket('T-1', { priority: 'High' }), ticket('T-2')];
    const outcomes = await desk.write('tickets', batch, stamp('phase-2'));

    expect(outcomes.map(({ result, code }) => code ?? result)).toEqual(['DESK_FULL', 'updated', 'unchanged']);
  });

  test('A5: room that was made is used', async () => {
    portal = newPortal();
    await makePortal(portal, 1);
    await desk.write('tickets', [ticket('T-1')], stamp());
    expect((await desk.write('tickets', [ticket('T-2')], stamp('phase-1', 2)))[0]?.code).toBe('DESK_FULL');
    await desk.remove('tickets', [`${portal}/files/T-1`], 'm_one');
    expect((await desk.write('tickets', [ticket('T-2')], stamp('phase-1', 2)))[0]?.result).toBe('created');
  });
});

describe('reading back', () => {
  test('D2: the digest of a record read back is the digest written, for every kind of value', async () => {
    const record = ticket('T-1', {
      createdTime: new Date(-1),
      annualRevenue: 12.5,
      size: 2 ** 40,
      zero: -0,
      isPublic: false,
      tags: [],
      cc: ['"Mori, Aya" <aya@kitahama.example>'],
      description: 'line\r\nline  か\u3099',
      customFields: { 'ラベル %2E': '1', z: '' },
    });
    await desk.write('tickets', [record, ticket('T-2')], stamp());
    const read = await desk.read(portal, 'files', 'tickets', ['T-2', 'T-404', 'T-1']);

    expect(read.map(({ externalId }) => externalId)).toEqual(['T-2', 'T-1']);
    expect(read[1]).toMatchObject({
      deskId: `${portal}/files/T-1`,
      digest: record.written,
      createdBy: { request: 'm_one', phase: 'phase-1' },
    });
    await tickets().updateOne({ _id: `${portal}/files/T-1` }, { $set: { size: 1 } });
    expect((await desk.read(portal, 'files', 'tickets', ['T-1']))[0]?.digest).not.toBe(record.written);
  });

  test('D2: a scan names every record under the scope and none of another scope or portal', async () => {
    const other = `${portal}-more`;
    await makePortal(other, null);
    await desk.write('tickets', [ticket('T-1')], { ...stamp(), portal: other });
    await desk.write('tickets', [ticket('T-1')], { ...stamp(), scope: 'files2' });
    await tickets().insertOne({ _id: nativeId(portal, 'n1'), externalId: 'n1' });
    await desk.write(
      'tickets',
      Array.from({ length: 6_001 }, (_, i) => ticket(`a/${i}%`)),
      stamp(),
    );
    const seen: string[] = [];
    for await (const page of desk.scan(portal, 'files', 'tickets')) {
      for (const { externalId, createdBy } of page) {
        seen.push(externalId);
        expect(createdBy).toEqual({ request: 'm_one', phase: 'phase-1' });
      }
    }
    expect(new Set(seen)).toEqual(new Set(Array.from({ length: 6_001 }, (_, i) => `a/${i}%`)));
    expect(seen).toHaveLength(6_001);
    expect(await desk.count(portal, 'files', 'tickets')).toBe(6_001);
  });

  test('C9: the portal scan gives what was there before, with the fields asked for', async () => {
    await addNativeRecords(server.database.db, portal, 'tickets', [
      { id: 'n1', fields: { subject: 'S', phone: '1' } },
    ]);
    await desk.write('tickets', [ticket('T-1')], stamp());
    const seen = [];
    for await (const page of desk.scanPortal(portal, 'tickets', ['subject'])) seen.push(...page);
    expect(seen).toEqual([
      { deskId: nativeId(portal, 'n1'), createdBy: null, fields: { subject: 'S' } },
      {
        deskId: `${portal}/files/T-1`,
        createdBy: { request: 'm_one', phase: 'phase-1' },
        fields: { subject: 'Subject of T-1' },
      },
    ]);
  });

  test('C9: ids are resolved by the id derived and by links', async () => {
    await desk.write('tickets', [ticket('T/1')], stamp());
    const link = {
      portal,
      scope: 'files',
      tab: 'tickets' as const,
      externalId: 'T/2',
      deskId: nativeId(portal, 'n1'),
    };
    await links.link([{ ...link, request: 'm_one' }]);
    expect(await desk.resolve(portal, 'files', 'tickets', ['T/1', 'T/2', 'T/3', 'T/1'])).toEqual(
      new Map([
        ['T/1', `${portal}/files/T%2F1`],
        ['T/2', nativeId(portal, 'n1')],
      ]),
    );
  });
});

describe('F1: undo', () => {
  test('F1: removes exactly what the request created and nobody changed since', async () => {
    await desk.write('tickets', [ticket('T-1'), ticket('T-2'), ticket('T-3')], stamp());
    await desk.write('tickets', [ticket('T-4')], stamp('phase-1', 1, 'm_two'));
    await desk.write('tickets', [ticket('T-3', { priority: 'High' })], stamp('phase-1', 1, 'm_two'));
    await tickets().updateOne({ _id: `${portal}/files/T-2` }, { $set: { subject: 'by an agent' } });
    await tickets().insertOne({ _id: nativeId(portal, 'n1'), externalId: 'n1' });
    const ids = ['T-1', 'T-2', 'T-3', 'T-4', 'T-5'].map((each) => recordId(portal, 'files', each));
    const outcomes = await desk.remove('tickets', [...ids, nativeId(portal, 'n1')], 'm_one');

    expect(outcomes.map(({ result }) => result)).toEqual([
      'removed',
      'changedSince',
      'changedSince',
      'notOurs',
      'gone',
      'notOurs',
    ]);
    expect((await everything()).map(({ externalId }) => externalId)).toEqual(['n1', 'T-2', 'T-3', 'T-4']);
  });
});

describe('portals', () => {
  test('A8: portals of a tenant, an unknown one, one made twice', async () => {
    expect((await desk.portals(`tenant-of-${portal}`)).map(({ id }) => id)).toEqual([portal]);
    expect(await desk.portals('nobody')).toEqual([]);
    await expect(desk.portal('nowhere')).rejects.toMatchObject({ code: 'PORTAL_NOT_FOUND' });
    await expect(makePortal(portal, null)).rejects.toMatchObject({ code: 'PORTAL_EXISTS' });
    await expect(makePortal('a/b', null)).rejects.toMatchObject({ code: 'BAD_NAME' });
  });

  test('C2: a portal is closed by one request and opened only by it', async () => {
    await desk.close(portal, 'm_one');
    await desk.close(portal, 'm_one');
    await expect(desk.close(portal, 'm_two')).rejects.toMatchObject({
      code: 'PORTAL_CLOSED',
      closedBy: 'm_one',
    });
    await desk.open(portal, 'm_two');
    expect((await desk.portal(portal)).closedBy).toBe('m_one');
    await desk.open(portal, 'm_one');
    expect((await desk.portal(portal)).closedBy).toBeNull();
    await expect(desk.close('nowhere', 'm_one')).rejects.toMatchObject({ code: 'PORTAL_NOT_FOUND' });
  });

  test('B2: integrations switched on while a migration runs are refused', async () => {
    const { db } = server.database;
    expect((await setIntegrations(db, portal, { zohoCrm: true })).integrations.zohoCrm).toBe(true);
    await expect(desk.lockIntegrations(portal, 'm_one')).rejects.toMatchObject({ code: 'INTEGRATIONS_ON' });
    await setIntegrations(db, portal, { zohoCrm: false });
    await desk.lockIntegrations(portal, 'm_one');
    await desk.lockIntegrations(portal, 'm_one');
    await expect(setIntegrations(db, portal, { salesforce: true })).rejects.toMatchObject({
      code: 'INTEGRATIONS_LOCKED',
      lockedBy: 'm_one',
    });
    await expect(desk.lockIntegrations(portal, 'm_two')).rejects.toMatchObject({
      code: 'INTEGRATIONS_LOCKED',
    });
    await setIntegrations(db, portal, { salesforce: false });
    await desk.unlockIntegrations(portal, 'm_two');
    await expect(setIntegrations(db, portal, { salesforce: true })).rejects.toMatchObject({
      code: 'INTEGRATIONS_LOCKED',
    });
    await desk.unlockIntegrations(portal, 'm_one');
    expect((await setIntegrations(db, portal, { salesforce: true })).integrations.salesforce).toBe(true);
  });

  test('C4: statuses are added once, whoever adds them', async () => {
    await Promise.all([1, 2, 3].map(() => desk.addStatuses(portal, ['保留', 'Open', 'Waiting'])));
    expect((await desk.portal(portal)).statuses).toEqual(['Open', 'Closed', '保留', 'Waiting']);
    await expect(desk.addStatuses('nowhere', ['x'])).rejects.toMatchObject({ code: 'PORTAL_NOT_FOUND' });
  });

  test('B6: a sample goes into a throw-away copy and leaves nothing', async () => {
    const copy = await desk.openSamplePortal(portal, 'm_one');
    expect(await desk.openSamplePortal(portal, 'm_one')).toBe(copy);
    expect((await desk.portal(copy)).departments).toEqual((await desk.portal(portal)).departments);
    await desk.write('tickets', [ticket('T-1')], { ...stamp('sample'), portal: copy });
    expect(await everything()).toEqual([]);
    expect((await listPortals(server.database.db)).map(({ id }) => id)).not.toContain(copy);
    await desk.dropSamplePortal('m_one');
    await desk.dropSamplePortal('m_one');
    expect(await tickets().countDocuments({ _id: `${copy}/files/T-1` })).toBe(0);
    await expect(desk.portal(copy)).rejects.toMatchObject({ code: 'PORTAL_NOT_FOUND' });
  });
});
