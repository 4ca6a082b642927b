import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BucketForTests, startBucket } from '../test/bucket.ts';
import { startCutLine } from '../test/cut-line.ts';
import type { S3Place } from './s3-storage.ts';
import { faultOfStorage, type Storage } from './storage.ts';

const MEGABYTE = 1024 * 1024;

let bucket: BucketForTests;
let place: S3Place;
let storage: Storage;

beforeAll(async () => {
  bucket = await startBucket();
});
afterAll(() => bucket.stop());
beforeEach(() => {
  place = bucket.place();
  storage = bucket.open(place);
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What each way to use a storage ends with. */
async function outcomes(of: Storage): Promise<string[]> {
  const ways = [
    of.put('a/new', Buffer.from('new')),
    of.read('a/b'),
    of.get('a/b'),
    of.bytes('a/b'),
    of.localPath('a/b'),
    of.removeAll('a/'),
    all(of.list('a/')),
  ];
  const ended = await Promise.allSettled(ways);
  return ended.map((end) => {
    if (end.status === 'fulfilled') return 'done';
    const error = end.reason as Error & { code?: string };
    expect(`${error.message} ${error.stack}`).not.toContain(bucket.server.credentials.secretAccessKey);
    expect(faultOfStorage(error)?.code).toBe(error.code);
    return error.code ?? error.name;
  });
}

describe('D3: a body of several parts', () => {
  test('is seen by nobody before it is whole, and what was there stays until then', async () => {
    await storage.put('x', Buffer.from('before'));
    const half = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    async function* halting(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 12; i++) yield Buffer.alloc(MEGABYTE, i);
      half.resolve();
      await go.promise;
      throw new Error('the line is cut');
    }
    const putting = storage.put('x', halting());
    putting.catch(() => {});
    await half.promise;
    await expect.poll(() => bucket.openUploads(place.prefix), { timeout: 20_000 }).toHaveLength(1);
    expect(String(await storage.get('x'))).toBe('before');
    expect(await bucket.objects(place.prefix)).toEqual([`${place.prefix}x`]);
    go.resolve();
    await expect(putting).rejects.toThrow('the line is cut');
    expect(await bucket.openUploads(place.prefix)).toEqual([]);
    expect(String(await storage.get('x'))).toBe('before');
  });

  test('is read to its end over a line that breaks, from where it broke', async () => {
    const body = randomBytes(24 * MEGABYTE);
    await storage.put('x', body);
    const line = await startCutLine(bucket.server.port);
    try {
      const far = bucket.open({ ...place, endpoint: `http://127.0.0.1:${line.port}` });
      let cuts = 0;
      const read: Uint8Array[] = [];
      for await (const piece of await far.read('x', 5)) {
        read.push(piece);
        if (cuts < 2 && read.length % 3 === 0) cuts += line.cut();
      }
      expect(cuts).toBeGreaterThanOrEqual(2);
      expect(Buffer.concat(read).equals(body.subarray(5))).toBe(true);

      await expect(
        (async () => {
          for await (const _piece of await far.read('x')) {
            await storage.put('x', Buffer.from('another'));
            line.cut();
          }
        })(),
        'never the beginning of one body and the end of another',
      ).rejects.toMatchObject({ code: 'STORAGE_REPLACED' });
    } finally {
      line.close();
    }
  });
});

describe('the storage refuses, or is not there', () => {
  test('wrong credentials', async () => {
    await storage.put('a/b', Buffer.from('x'));
    for (const credentials of [
      { accessKeyId: 'stranger', secretAccessKey: 'x' },
      { ...bucket.server.credentials, secretAccessKey: 'wrong' },
    ]) {
      const refused = await outcomes(bucket.open({ ...place, credentials }));
      expect(new Set(refused)).toEqual(new Set(['STORAGE_DENIED']));
    }
    expect(await all(storage.list('a/'))).toEqual(['a/b']);
  });

  test('no such bucket', async () => {
    const missing = await outcomes(bucket.open({ ...place, bucket: 'another-bucket' }));
    expect(new Set(missing)).toEqual(new Set(['STORAGE_BUCKET_MISSING']));
  });

  test('F1: a server that is away, and works again with the same storage when it is back', async () => {
    await storage.put('a/b', Buffer.from('x'));
    await bucket.away();
    expect(new Set(await outcomes(storage))).toEqual(new Set(['STORAGE_UNREACHABLE']));
    await bucket.back();
    expect(String(await storage.get('a/b'))).toBe('x');
    await storage.put('a/c', Buffer.from('y'));
    expect(await all(storage.list('a/'))).toEqual(['a/b', 'a/c']);
  });
});

test('F5: more keys than S3 gives at a time are listed in order and all removed, and no neighbours', async () => {
  const names = Array.from({ length: 1_100 }, (_, n) => `many/1/${n}`);
  const lying = join(bucket.folder, place.prefix);
  for (const folder of ['many/1', 'many/10']) await mkdir(join(lying, folder), { recursive: true });
  for (const name of [...names, 'many/10/0']) await writeFile(join(lying, name), 'x');
  expect(await all(storage.list('many/1/'))).toEqual(names.toSorted());
  expect(await storage.removeAll('many/1/')).toBe(1_100);
  expect(await all(storage.list('many/'))).toEqual(['many/10/0']);
});

describe('a local copy', () => {
  const copies = async (): Promise<string[]> =>
    (await readdir(bucket.copies)).map((name) => join(bucket.copies, name)).toSorted();
  const unusedFor = async (path: string, ms: number): Promise<void> => {
    const then = new Date(Date.now() - ms);
    await utimes(path, then, then);
  };
  beforeEach(() => mkdir(bucket.copies, { recursive: true }));

  test('is fetched once, and again when the body is another one', async () => {
    await storage.put('x', Buffer.from('first'));
    const [path, same] = await Promise.all([storage.localPath('x'), storage.localPath('x')]);
    const { ino } = await stat(path);
    expect(same).toBe(path);
    expect(await storage.localPath('x')).toBe(path);
    expect((await stat(path)).ino).toBe(ino);
    await storage.put('x', Buffer.from('other'));
    expect(String(await readFile(await storage.localPath('x')))).toBe('other');
    await writeFile(await storage.localPath('x'), 'damaged');
    expect(String(await readFile(await storage.localPath('x')))).toBe('other');
  });

  test('F5: goes with its original, and when nobody asked for it for a day', async () => {
    await storage.put('a/1', Buffer.from('1'));
    await storage.put('a/2', Buffer.from('2'));
    await storage.put('b', Buffer.from('3'));
    const [one, two, three] = await Promise.all(['a/1', 'a/2', 'b'].map((key) => storage.localPath(key)));
    await storage.remove('a/1');
    expect(await copies()).not.toContain(one);
    expect(await copies()).toContain(two);
    await storage.removeAll('a/');
    expect(await copies()).not.toContain(two);
    await unusedFor(three ?? '', 25 * 3_600_000);
    await storage.put('c', Buffer.from('4'));
    await storage.localPath('c');
    expect(await copies()).not.toContain(three);
  });

  test('makes room for the next: the one that was used least lately goes, those in use stay', async () => {
    const small = bucket.open(place, 25);
    const paths: string[] = [];
    for (const key of ['1', '2', '3']) {
      await small.put(key, Buffer.alloc(10, key));
      paths.push(await small.localPath(key));
      await unusedFor(paths.at(-1) ?? '', 3_600_000 - Number(key));
    }
    const [first, second, third] = paths;
    expect(await copies()).not.toContain(first);
    await small.localPath('2');
    await small.put('4', Buffer.alloc(20, '4'));
    const fourth = await small.localPath('4');
    expect(await copies()).not.toContain(third);
    expect(await copies()).toEqual(expect.arrayContaining([second, fourth]));
  });

  test('F1: whose fetching is ended leaves nothing', async () => {
    await storage.put('x', Buffer.from('x'));
    const before = await copies();
    const ended = storage.localPath('x', () => {
      throw new Error('cancelled');
    });
    await expect(ended).rejects.toThrow('cancelled');
    expect(await copies()).toEqual(before);
  });
});

test('memory stays flat while 200 MB pass through', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--max-old-space-size=64',
      '--max-semi-space-size=8',
      join(import.meta.dirname, '../test/pass-through-s3.ts'),
    ],
    { env: { ...process.env, S3_PLACE: JSON.stringify(place) } },
  );
  const told = JSON.parse(stdout) as { bytes: number; same: boolean; grownMb: number };
  expect(told).toMatchObject({ bytes: 200 * MEGABYTE, same: true });
  expect(told.grownMb).toBeLessThan(100);
}, 300_000);
