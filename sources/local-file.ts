import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FileAccess } from './rows.ts';

const CHUNK_BYTES = 256 * 1024;

/** Access to a file on the local disk. @throws the file system's error when it is not there */
export async function localFile(path: string, name: string = basename(path)): Promise<FileAccess> {
  const { size } = await stat(path);
  return {
    name,
    bytes: size,
    open: (from = 0, to = size) =>
      to <= from ? none() : createReadStream(path, { start: from, end: to - 1, highWaterMark: CHUNK_BYTES }),
    localPath: async () => path,
  };
}

async function* none(): AsyncGenerator<Uint8Array, void, undefined> {}
