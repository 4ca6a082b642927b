import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BucketForTests, startBucket } from '../test/bucket.ts';
import type { S3Place } from './s3-storage.ts';
import { openStorage, type Storage } from './storage.ts';

let folder: string;
let bucket: BucketForTests;
let storage: Storage;

beforeAll(async () => {
  bucket = await startBucket();
});
afterAll(() => bucket.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-storage-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Names of all files in the folder, whole or not. */
async function filesThere(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

interface Kind {
  kind: string;
  open: () => Storage;
  /** what lies there, finished or not, by the last part of its name */
  left: () => Promise<string[]>;
}
let place: S3Place;
const KINDS: readonly Kind[] = [
  { kind: 'a folder', open: () => openStorage({ folder }), left: filesThere },
  {
    kind: 'S3',
    open: () => {
      place = bucket.place();
      return bucket.open(place);
    },
    left: async () =>
      [...(await bucket.objects(place.prefix)), ...(await bucket.openUploads(place.prefix))].map((key) =>
        basename(key),
      ),
  },
];

describe.each(KINDS)('storage in $kind', ({ open, left }) => {
  beforeEach(() => {
    storage = open();
  });

  test('D2: a body is stored as it came, with its size and SHA-256, from bytes, streams and generators', async () => {
    const body = randomBytes(3_000_001);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < body.length; i += 70_001) yield body.subarray(i, i + 70_001);
    }
    const told = { bytes: body.length, sha256: sha256(body) };
    expect(await storage.put('blobs/m_1/a', body)).toEqual(told);
    expect(await storage.put('blobs/m_1/b', Readable.from(pieces()))).toEqual(told);
    expect(await storage.put('blobs/m_1/c', pieces())).toEqual(told);
    for (const name of ['a', 'b', 'c']) {
      expect(await storage.bytes(`blobs/m_1/${name}`)).toBe(body.length);
      expect(sha256(await storage.get(`blobs/m_1/${name}`))).toBe(told.sha256);
      expect(sha256(await whole(await storage.read(`blobs/m_1/${name}`)))).toBe(told.sha256);
      expect(sha256(await readFile(await storage.localPath(`blobs/m_1/${name}`)))).toBe(told.sha256);
    }
    expect(await storage.put('empty', new Uint8Array())).toEqual({
      bytes: 0,
      sha256: sha256(new Uint8Array()),
    });
    expect(await whole(await storage.read('empty'))).toHaveLength(0);
  });

  test('a part of a body is read by its bytes', async () => {
    await storage.put('x', Buffer.from('0123456789'));
    expect(String(await whole(await storage.read('x', 3)))).toBe('3456789');
    expect(String(await whole(await storage.read('x', 3, 5)))).toBe('34');
    expect(String(await whole(await storage.read('x', 8, 50)))).toBe('89');
    expect(String(await whole(await storage.read('x', 10)))).toBe('');
    expect(String(await whole(await storage.read('x', 5, 5)))).toBe('');
  });

  test('D3: a put that breaks off leaves nothing behind, and what was there stays', async () => {
    await storage.put('segments/m_1/1.ndjson', Buffer.from('before'));
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield randomBytes(2_000_000);
      throw new Error('the line is cut');
    }
    await expect(storage.put('segments/m_1/1.ndjson', broken())).rejects.toThrow('the line is cut');
    await expect(storage.put('segments/m_1/2.ndjson', Readable.from(broken()))).rejects.toThrow(
      'the line is cut',
    );
    expect(String(await storage.get('segments/m_1/1.ndjson'))).toBe('before');
    expect(await storage.exists('segments/m_1/2.ndjson')).toBe(false);
    expect(await left()).toEqual(['1.ndjson']);
  });

  test('D3: a reader of a body that is being replaced or removed sees the whole old one', async () => {
    const old = randomBytes(2_000_000);
    await storage.put('x', old);
    const reading = await storage.read('x');
    const replaced = await storage.read('x');
    await storage.put('x', Buffer.from('new'));
    await storage.remove('x');
    expect(sha256(await whole(reading))).toBe(sha256(old));
    expect(sha256(await whole(replaced))).toBe(sha256(old));
  });

  test('D3: several writers of one key leave one whole body', async () => {
    const bodies = [1, 2, 3, 4].map((n) => Buffer.alloc(1_000_000, n));
    await Promise.all(bodies.map((body) => storage.put('x', Readable.from([body]))));
    const now = await storage.get('x');
    expect(bodies.some((body) => body.equals(now))).toBe(true);
    expect(await left()).toEqual(['x']);
  });

  test('F5: keys are listed and removed by prefix, and no others', async () => {
    for (const key of ['uploads/m_1/b/1', 'uploads/m_1/a/1', 'uploads/m_10/a/1']) {
      await storage.put(key, Buffer.from(key));
    }
    const list = async (prefix: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const key of storage.list(prefix)) keys.push(key);
      return keys;
    };
    expect(await list('uploads/m_1/')).toEqual(['uploads/m_1/a/1', 'uploads/m_1/b/1']);
    expect(await storage.removeAll('uploads/m_1/')).toBe(2);
    expect(await storage.removeAll('uploads/m_1/')).toBe(0);
    expect(await list('uploads/')).toEqual(['uploads/m_10/a/1']);
    await storage.remove('uploads/m_10/a/1');
    await storage.remove('uploads/m_10/a/1');
    expect(await list('uploads/')).toEqual([]);
  });

  test('bad input: what is not there is told, and no key leaves the folder', async () => {
    for (const ask of [
      (key: string) => storage.bytes(key),
      (key: string) => storage.get(key),
      (key: string) => storage.localPath(key),
      (key: string) => storage.read(key),
    ]) {
      await expect(ask('nothing/here')).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' });
    }
    expect(await storage.exists('nothing/here')).toBe(false);
    for (const key of ['../x', 'a/../../x', '/x', 'a//b', '', 'a\\b', 'a/\0', '.incoming/x', 'a b']) {
      await expect(storage.put(key, Buffer.from('x'))).rejects.toMatchObject({ code: 'STORAGE_BAD_KEY' });
      await expect(storage.read(key)).rejects.toMatchObject({ code: 'STORAGE_BAD_KEY' });
    }
    expect(await left()).toEqual([]);
  });
});

test('F5: what a killed process left half written is cleared away, what is being written is not', async () => {
  const incoming = join(folder, '.incoming');
  await mkdir(incoming);
  for (const name of ['left', 'running']) await writeFile(join(incoming, name), 'half');
  const longAgo = new Date(Date.now() - 25 * 3_600_000);
  await utimes(join(incoming, 'left'), longAgo, longAgo);
  await openStorage({ folder }).put('x', Buffer.from('x'));
  expect((await filesThere()).toSorted()).toEqual(['running', 'x']);
});
