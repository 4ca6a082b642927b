import { createHash } from 'node:crypto';
import { type Collection, type Db, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonical } from '../domain/canonical.ts';
import { startTestDatabase } from '../test/database.ts';
import { type Audit, createAudit } from './audit.ts';
import type { AuditEntry, ChainedAuditEntry, ChainEnd, ChainProof } from './audit-chain.ts';
import { createReportSigner } from './report-signature.ts';

const SIGNER = createReportSigner('the secret of the service');
const KEYS = [SIGNER.publicKey];

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let db: Db;
let audit: Audit;
beforeAll(async () => {
  server = await startTestDatabase();
  ({ db } = server.database);
  audit = createAudit(db, SIGNER);
});
afterAll(() => server.stop());

type Stored = ChainedAuditEntry & { _id: string };
const entries = (): Collection<Stored> => db.collection<Stored>('audit');
const heads = (): Collection<ChainEnd & { _id: string }> => db.collection('auditHeads');
const places = (): Collection<{ _id: string }> => db.collection('auditPlaces');

function entry(request: string, sequence: number, more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    request,
    sequence,
    at: 1_000 + sequence,
    by: 'operator:o',
    action: `act-${sequence}`,
    reason: null,
    ...more,
  };
}

const byNumber = (a: number, b: number): number => a - b;

const prove = (request: string): Promise<ChainProof> => audit.verifyChain(request, KEYS);
const whole = (length: number): ChainProof => ({ entries: length, unsigned: 0, broken: null });

async function chainOf(request: string, length: number): Promise<string> {
  for (let n = 1; n <= length; n++) await audit.append(entry(request, n));
  expect(await prove(request)).toEqual(whole(length));
  return request;
}

const idOf = (request: string, position: number): string => `${request}/${String(position).padStart(8, '0')}`;

async function stored(request: string, position: number): Promise<Stored> {
  const found = await entries().findOne({ _id: idOf(request, position) });
  if (found === null) throw new Error('there is such an entry');
  return found;
}

const hashOf = ({ _id, hash, signature, ...rest }: Stored): string =>
  createHash('sha256').update(canonical(rest)).digest('hex');

describe('adding', () => {
  test('F2: an entry is added once, whoever brings it how often, and each follows the one before', async () => {
    const brought = [1, 2, 2, 3, 1, 4, 4, 4].map((n) => audit.append(entry('m_many', n)));
    brought.push(audit.append(entry('m_many', 1, { writer: 'undo', action: 'undone' })));
    await Promise.all(brought);
    const list = await audit.list('m_many');
    expect(list.map(({ writer, action }) => `${writer} ${action}`).toSorted()).toEqual([
      'migration act-1',
      'migration act-2',
      'migration act-3',
      'migration act-4',
      'undo undone',
    ]);
    expect(list.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
    expect(list.slice(1).map(({ previous }) => previous)).toEqual(list.slice(0, -1).map(({ hash }) => hash));
    expect(await prove('m_many')).toEqual(whole(5));
  });

  test('F2: verified while it is written, a log is whole', async () => {
    const writing = { goesOn: true };
    const written = (async () => {
      for (let n = 1; n <= 60; n++) await audit.append(entry('m_busy', n));
      writing.goesOn = false;
    })();
    const broken = new Set<string | null>();
    while (writing.goesOn) broken.add((await prove('m_busy')).broken?.problem ?? null);
    await written;
    expect([...broken]).toEqual([null]);
  });

  test('F2: of an entry brought again with other words, the first stays', async () => {
    await chainOf('m_again', 2);
    await audit.append(entry('m_again', 1, { action: 'something else' }));
    expect((await audit.list('m_again')).map(({ action }) => action)).toEqual(['act-1', 'act-2']);
  });

  test('F2: a process that was reset gives its numbers again: what differs then is added under its run, once', async () => {
    const request = await chainOf('m_reset', 2);
    const other = entry(request, 2, { action: 'something else', at: 5_000 });
    for (const _ of [1, 2]) {
      await audit.append(entry(request, 1), 'run-2');
      await audit.append(other, 'run-2');
    }
    expect((await audit.list(request)).map(({ writer, action }) => `${writer}: ${action}`)).toEqual([
      'migration: act-1',
      'migration: act-2',
      'migration run-2: something else',
    ]);
    expect(await prove(request)).toEqual(whole(3));
  });

  test('F2: killed after any of its writes, an entry is there once when it is brought again, by whomever', async () => {
    const first = [0, 1, 2, 3].map((writes) => [writes, 0] as const);
    const later = [0, 1, 2].map((writes) => [writes, 2] as const);
    for (const [writes, length] of [...first, ...later]) {
      const request = await chainOf(`m_cut_${writes}_${length}`, length);
      await expect(createAudit(cutAfter(writes), SIGNER).append(entry(request, length + 1))).rejects.toThrow(
        'cut',
      );
      await Promise.all([
        audit.append(entry(request, length + 2)),
        audit.append(entry(request, length + 1)),
        audit.append(entry(request, length + 1)),
      ]);
      expect((await audit.list(request)).map(({ sequence }) => sequence).toSorted(byNumber)).toEqual(
        Array.from({ length: length + 2 }, (_, n) => n + 1),
      );
      expect(await prove(request)).toEqual(whole(length + 2));
    }
  });

  test('F2: added by many at once, each killed again and again, nothing is missing and nothing is twice', async () => {
    const bring = async (sequence: number): Promise<void> => {
      for (let writes = sequence % 4; ; writes++) {
        try {
          await createAudit(cutAfter(writes), SIGNER).append(entry('m_crowd', sequence));
          return;
        } catch (error) {
          if (!String(error).includes('cut')) throw error;
        }
      }
    };
    const numbers = Array.from({ length: 12 }, (_, n) => n + 1);
    await Promise.all([...numbers, ...numbers].map(bring));
    expect((await audit.list('m_crowd')).map(({ sequence }) => sequence).toSorted(byNumber)).toEqual(numbers);
    expect(await prove('m_crowd')).toEqual(whole(12));
  });

  test('F2: what an entry costs does not depend on how many there are', async () => {
    const client = new MongoClient(`mongodb://${server.database.client.options.hosts.join(',')}`, {
      monitorCommands: true,
    });
    try {
      const watched = createAudit(client.db(db.databaseName), SIGNER);
      const read: number[] = [];
      client.on('commandSucceeded', ({ reply }) => {
        const { cursor } = reply as { cursor?: { firstBatch?: unknown[]; nextBatch?: unknown[] } };
        read.push((cursor?.firstBatch ?? cursor?.nextBatch ?? []).length);
      });
      const costOf = async (sequence: number): Promise<number[]> => {
        read.length = 0;
        await watched.append(entry('m_long', sequence));
        return [...read];
      };
      await costOf(1);
      const short = await costOf(2);
      for (let n = 3; n <= 60; n++) await audit.append(entry('m_long', n));
      expect(await costOf(61)).toEqual(short);
      expect(Math.max(...short)).toBe(1);
    } finally {
      await client.close();
    }
  });

  test('F2: a chain from before places and signatures goes on, once for each entry, and stays whole', async () => {
    const old = await chainOf('m_old', 3);
    await entries().updateMany({ request: old }, { $unset: { signature: '' } });
    await heads().updateOne({ _id: old }, { $unset: { signature: '', placed: '' } });
    await places().deleteMany({});
    expect(await prove(old)).toEqual({ entries: 3, unsigned: 3, broken: null });
    await audit.append(entry(old, 2));
    await Promise.all([4, 5].map((n) => audit.append(entry(old, n))));
    await audit.append(entry(old, 3));
    expect((await audit.list(old)).map(({ sequence }) => sequence).toSorted(byNumber)).toEqual([
      1, 2, 3, 4, 5,
    ]);
    expect(await prove(old)).toEqual({ entries: 5, unsigned: 3, broken: null });
  });
});

/** The database, whose connection ends after so many writes. */
function cutAfter(writes: number): Db {
  let left = writes;
  const cut = (collection: Collection): Collection =>
    new Proxy(collection, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (name === 'insertOne' || name === 'updateOne') {
            if (left === 0) throw new Error('cut');
            left--;
          }
          return Reflect.apply(member, target, args) as unknown;
        };
      },
    });
  return new Proxy(db, {
    get(target, name) {
      if (name === 'collection') return (of: string) => cut(target.collection(of));
      return Reflect.get(target, name, target) as unknown;
    },
  });
}

/** Somebody who can write to MongoDB, and knows how the log is made, but has no key of the service. */
const forger = {
  /** Changes an entry, and computes all that follow anew, and the end of the chain. */
  async rewriteFrom(request: string, position: number, change: Partial<ChainedAuditEntry>): Promise<void> {
    const { position: last } = (await heads().findOne({ _id: request })) ?? { position: 0 };
    let previous = (await stored(request, position)).previous;
    for (let at = position; at <= last; at++) {
      const next = { ...(await stored(request, at)), ...(at === position ? change : {}), previous };
      previous = hashOf(next);
      await entries().replaceOne({ _id: next._id }, { ...next, hash: previous });
    }
    await heads().updateOne({ _id: request }, { $set: { hash: previous } });
  },
  /** Cuts off what stands behind a position, and says that the chain ends there. */
  async cutOff(request: string, position: number): Promise<void> {
    await entries().deleteMany({ _id: { $gt: idOf(request, position), $lt: `${request}0` } });
    const { hash, signature } = await stored(request, position);
    await heads().updateOne({ _id: request }, { $set: { position, hash, signature: signature ?? null } });
  },
  async insertAt(request: string, position: number, of: Stored): Promise<void> {
    await entries().insertOne({ ...of, _id: idOf(request, position) });
  },
};

describe('tampering', () => {
  test.each<[keyof AuditEntry | 'position' | 'previous' | 'note', Record<string, unknown>]>([
    ['request', { request: 'm_other' }],
    ['position', { position: 9 }],
    ['previous', { previous: 'a'.repeat(64) }],
    ['writer', { writer: 'undo' }],
    ['sequence', { sequence: 7 }],
    ['at', { at: 5 }],
    ['by', { by: 'operator:x' }],
    ['action', { action: 'act-9' }],
    ['reason', { reason: 'none' }],
    ['note', { note: 'a field more' }],
  ])('F2: an entry whose %s was changed is found', async (name, change) => {
    const request = await chainOf(`m_changed_${name}`, 4);
    await entries().updateOne({ _id: idOf(request, 2) }, { $set: change });
    expect((await prove(request)).broken?.position).toBe(2);
  });

  test('F2: a removed entry is found, wherever it stood, and so it stays however the log goes on', async () => {
    for (const position of [1, 2, 4]) {
      const request = await chainOf(`m_removed_${position}`, 4);
      await entries().deleteOne({ _id: idOf(request, position) });
      expect((await prove(request)).broken).toEqual({ position, problem: 'the entry is missing' });
      await audit.append(entry(request, 5));
      expect((await prove(request)).broken?.position).toBe(position);
    }
  });

  test('F2: entries cut off at the end are found, also where the end of the chain was put back with them', async () => {
    const cut = await chainOf('m_cut_off', 4);
    await forger.cutOff(cut, 2);
    const found = { position: 2, problem: 'the end of the chain is not signed by a key of this service' };
    expect((await prove(cut)).broken).toEqual(found);
    await heads().updateOne({ _id: cut }, { $set: { signature: null } });
    expect((await prove(cut)).broken).toEqual({ ...found, problem: 'the end of the chain is not signed' });
  });

  test('F2: a chain whose end was taken away is found, also when entries follow', async () => {
    const problem = 'where the chain ends is not known any more';
    for (const length of [1, 3]) {
      const request = await chainOf(`m_headless_${length}`, length);
      await heads().deleteOne({ _id: request });
      expect((await prove(request)).broken).toEqual({ position: length, problem });
      await audit.append(entry(request, 4));
      expect((await prove(request)).broken).toEqual({ position: length + 1, problem });
    }
  });

  test('F2: an entry put in between is found, and one put behind the end, also when the service follows it', async () => {
    const between = await chainOf('m_inserted', 3);
    const [second, third] = [await stored(between, 2), await stored(between, 3)];
    await entries().deleteOne({ _id: third._id });
    const forged = { ...second, position: 3, previous: second.hash, sequence: 99 };
    await forger.insertAt(between, 3, { ...forged, hash: hashOf(forged) });
    await forger.insertAt(between, 4, { ...third, position: 4 });
    expect((await prove(between)).broken?.position).toBe(3);

    const behind = await chainOf('m_added', 2);
    const last = await stored(behind, 2);
    const added = { ...last, position: 3, previous: last.hash, sequence: 99, action: 'forged' };
    await forger.insertAt(behind, 3, { ...added, hash: hashOf(added) });
    const found = { position: 3, problem: 'the entry is not signed by a key of this service' };
    expect((await prove(behind)).broken).toEqual(found);
    await audit.append(entry(behind, 3));
    expect((await prove(behind)).broken).toEqual(found);
  });

  test('F2: entries that changed places are found', async () => {
    const request = await chainOf('m_reordered', 4);
    const [second, third] = [await stored(request, 2), await stored(request, 3)];
    await entries().updateOne({ _id: second._id }, { $set: { ...third, _id: second._id } });
    await entries().updateOne({ _id: third._id }, { $set: { ...second, _id: third._id } });
    expect((await prove(request)).broken?.position).toBe(2);
    await entries().updateOne({ _id: second._id }, { $set: { position: 2 } });
    await entries().updateOne({ _id: third._id }, { $set: { position: 3 } });
    expect((await prove(request)).broken?.position).toBe(2);
  });

  test('F2: an entry copied in from another request is found', async () => {
    const [request, other] = [await chainOf('m_into', 1), await chainOf('m_from', 1)];
    const copy = await stored(other, 1);
    const end = await heads().findOne({ _id: other });
    await entries().updateOne({ _id: idOf(request, 1) }, { $set: { ...copy, _id: idOf(request, 1) } });
    await heads().replaceOne({ _id: request }, { ...end, _id: request } as ChainEnd);
    expect((await prove(request)).broken).toEqual({
      position: 1,
      problem: 'the entry is of another request',
    });
    // as its own, its hash is another one, which nobody but the service signs
    await forger.rewriteFrom(request, 1, { request });
    expect((await prove(request)).broken?.problem).toContain('not signed');
  });

  test('F2: entries replaced from one on, with all hashes and the end of the chain computed anew, are found', async () => {
    for (const position of [1, 3, 4]) {
      const request = await chainOf(`m_rewritten_${position}`, 4);
      await forger.rewriteFrom(request, position, { action: 'forged' });
      expect((await prove(request)).broken).toEqual({
        position,
        problem: 'the entry is not signed by a key of this service',
      });
      // without a key to look with, the hashes alone cannot tell
      expect((await audit.verifyChain(request, null)).broken).toBeNull();
    }
  });

  test('F2: another key’s signature does not count, an earlier key’s does where it is named', async () => {
    const former = createReportSigner('the secret before');
    const earlier = createAudit(db, former);
    await earlier.append(entry('m_keys', 1));
    await audit.append(entry('m_keys', 2));
    expect((await prove('m_keys')).broken?.position).toBe(1);
    expect(await audit.verifyChain('m_keys', [...KEYS, former.publicKey])).toEqual(whole(2));
  });

  test('F2: signatures that were taken away are found; where all are gone they are counted', async () => {
    const request = await chainOf('m_unsigned', 3);
    await entries().updateOne({ _id: idOf(request, 3) }, { $set: { signature: null } });
    expect((await prove(request)).broken).toEqual({ position: 3, problem: 'the entry is not signed' });
    await entries().updateMany({ request }, { $set: { signature: null } });
    expect((await prove(request)).unsigned).toBe(3);
  });

  test('F2: a chain of which all was removed is found; one never begun is whole', async () => {
    const request = await chainOf('m_emptied', 3);
    await entries().deleteMany({ request });
    expect((await prove(request)).broken?.position).toBe(1);
    expect(await prove('m_nothing')).toEqual(whole(0));
  });
});
