import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openZip } from '../sources/open-zip.ts';
import { writeZip, type ZipEntry } from './write-zip.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'write-zip-'));
});
afterAll(() => rm(root, { recursive: true }));

async function contents(file: string, names: readonly string[]): Promise<string[]> {
  const zip = await openZip(file);
  try {
    expect(zip.problems).toEqual([]);
    const texts: string[] = [];
    for (const name of names) {
      const entry = zip.entries.find((each) => each.name === name);
      if (entry === undefined) throw new Error(`no ${name}`);
      const chunks: Uint8Array[] = [];
      for await (const chunk of await zip.read(entry)) chunks.push(chunk);
      texts.push(Buffer.concat(chunks).toString());
    }
    return texts;
  } finally {
    zip.close();
  }
}

test('a ZIP holds what was written, small or streamed, under names in any script', async () => {
  const file = path.join(root, 'mixed.zip');
  const chunk = Buffer.from('0123456789'.repeat(10_000));
  await writeZip(file, [
    { path: '写真 1.txt', bytes: Buffer.from('画像') },
    { path: 'Threads.csv', chunks: [chunk, chunk, Buffer.from('end')] },
    { path: 'folder/empty.txt', bytes: Buffer.alloc(0) },
  ]);
  const [first, second, third] = await contents(file, ['写真 1.txt', 'Threads.csv', 'folder/empty.txt']);
  expect(first).toBe('画像');
  expect(second).toBe(`${chunk.toString().repeat(2)}end`);
  expect(third).toBe('');
});

test('a ZIP can hold more files than two bytes can count', async () => {
  const file = path.join(root, 'many.zip');
  function* many(): Generator<ZipEntry> {
    for (let number = 0; number < 66_000; number++)
      yield { path: `f/${number}`, bytes: Buffer.from(String(number)) };
  }
  await writeZip(file, many());
  expect(await contents(file, ['f/0', 'f/65999'])).toEqual(['0', '65999']);
});

test('what stops an entry stops the ZIP', async () => {
  function* broken(): Generator<Buffer> {
    yield Buffer.from('begun');
    throw new RangeError('no more');
  }
  await expect(writeZip(path.join(root, 'broken.zip'), [{ path: 'a', chunks: broken() }])).rejects.toThrow(
    'no more',
  );
});
