import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileAccess } from './rows.ts';

/**
 * A file held in memory, as tests and previews need it.
 * @param cuts where its chunks end (offsets, any order); default one chunk
 */
export function memoryFile(name: string, bytes: Uint8Array, cuts: readonly number[] = []): FileAccess {
  let path: Promise<string> | null = null;
  return {
    name,
    bytes: bytes.length,
    open: (from = 0, to = bytes.length) => chunks(bytes, from, to, cuts),
    localPath: () => {
      path ??= spool(bytes);
      return path;
    },
  };
}

async function* chunks(
  bytes: Uint8Array,
  from: number,
  to: number,
  cuts: readonly number[],
): AsyncGenerator<Uint8Array> {
  const inside = [...new Set(cuts)].filter((cut) => cut > from && cut < to).toSorted((a, b) => a - b);
  let begin = from;
  for (const end of [...inside, to]) {
    if (end > begin) yield bytes.slice(begin, end);
    begin = end;
  }
}

async function spool(bytes: Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'deskferry-')), 'file');
  await writeFile(path, bytes);
  return path;
}
