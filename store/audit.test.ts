import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonical } from '../domain/canonical.ts';
import { startTestDatabase } from '../test/database.ts';
import { type Audit, type AuditEntry, type ChainedAuditEntry, createAudit } from './audit.ts';

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let audit: Audit;
beforeAll(async () => {
  server = await startTestDatabase();
  audit = createAudit(server.database.db);
});
afterAll(() => server.stop());

const collection = () => server.database.db.collection<ChainedAuditEntry & { _id: string }>('audit');

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

async function chainOf(request: string, length: number): Promise<string> {
  for (let n = 1; n <= length; n++) await audit.append(entry(request, n));
  expect(await audit.verifyChain(request)).toEqual({ entries: length, broken: null });
  return request;
}

const idOf = (request: string, position: number): string => `${request}/${String(position).padStart(8, '0')}`;

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
  expect(await audit.verifyChain('m_many')).toEqual({ entries: 5, broken: null });
});

test('F2: verified while it is written, a log is whole', async () => {
  const writing = { goesOn: true };
  const written = (async () => {
    for (let n = 1; n <= 60; n++) await audit.append(entry('m_busy', n));
    writing.goesOn = false;
  })();
  const broken = new Set<string | null>();
  while (writing.goesOn) broken.add((await audit.verifyChain('m_busy')).broken?.problem ?? null);
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
  expect((await audit.verifyChain(request)).broken).toBeNull();
});

test.each([
  ['at', { at: 5 }],
  ['by', { by: 'operator:x' }],
  ['action', { action: 'act-9' }],
  ['reason', { reason: 'none' }],
  ['sequence', { sequence: 7 }],
])('F2: a changed %s is found by verifyChain', async (name, change) => {
  const request = await chainOf(`m_changed_${name}`, 4);
  await collection().updateOne({ _id: idOf(request, 2) }, { $set: change });
  expect((await audit.verifyChain(request)).broken?.position).toBe(2);
});

test('F2: a removed entry is found by verifyChain, wherever it stood', async () => {
  for (const position of [1, 2, 4]) {
    const request = await chainOf(`m_removed_${position}`, 4);
    await collection().deleteOne({ _id: idOf(request, position) });
    expect((await audit.verifyChain(request)).broken?.position).toBe(position);
  }
});

test('F2: a last entry rewritten together with its hash is found by verifyChain', async () => {
  const request = await chainOf('m_rewritten', 2);
  const last = (await audit.list(request))[1];
  if (last === undefined) throw new Error('there are two entries');
  const { hash: _hash, ...forged } = { ...last, action: 'forged' };
  const hash = createHash('sha256').update(canonical(forged)).digest('hex');
  await collection().updateOne({ _id: idOf(request, 2) }, { $set: { action: 'forged', hash } });
  expect((await audit.verifyChain(request)).broken).toEqual({
    position: 2,
    problem: 'the entry was replaced',
  });
});

test('F2: a chain of which all was removed is found by verifyChain; one never begun is whole', async () => {
  const request = await chainOf('m_emptied', 3);
  await collection().deleteMany({ request });
  expect((await audit.verifyChain(request)).broken?.position).toBe(1);
  expect(await audit.verifyChain('m_nothing')).toEqual({ entries: 0, broken: null });
});
