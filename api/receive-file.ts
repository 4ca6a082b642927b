import { randomUUID } from 'node:crypto';
import type { Storage } from '../store/storage.ts';
import { Problem } from './problem.ts';

/** A stored file, not yet part of any request. */
export interface ReceivedFile {
  storageKey: string;
  bytes: number;
  /** hexadecimal */
  sha256: string;
}

/** What a file may weigh, and what to tell whom it is refused (A4). */
export interface ByteCap {
  bytes: number;
  refusal: Problem;
}

async function* capped(body: AsyncIterable<Uint8Array>, cap: ByteCap): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of body) {
    bytes += part.byteLength;
    if (bytes > cap.bytes) throw cap.refusal;
    yield part;
  }
}

/**
 * Streams a file into storage under a key of its own. What is refused or breaks off leaves nothing behind.
 * @param folder where it is kept, `uploads/<request>/<key>`
 * @throws Problem `empty-file`, or the cap's refusal
 */
export async function receiveFile(
  storage: Storage,
  folder: string,
  body: AsyncIterable<Uint8Array>,
  cap: ByteCap,
): Promise<ReceivedFile> {
  const storageKey = `${folder}/${randomUUID()}`;
  const { bytes, sha256 } = await storage.put(storageKey, capped(body, cap));
  if (bytes === 0) {
    await storage.remove(storageKey);
    throw new Problem(
      'empty-file',
      'Send the file with its content; a file of 0 bytes holds nothing to migrate.',
    );
  }
  return { storageKey, bytes, sha256 };
}
