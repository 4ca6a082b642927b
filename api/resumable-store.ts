import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import type { Upload } from '@tus/server';
import { fileName } from './file-name.ts';
import { Problem } from './problem.ts';

/** How long an upload may stay unfinished, in milliseconds. */
export const UNFINISHED_MS = 3 * 24 * 3_600_000;

export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256'] as const;

/** What the bytes of one call have to hash to. */
export interface Checksum {
  algorithm: (typeof CHECKSUM_ALGORITHMS)[number];
  digest: Buffer;
}

/** Bytes of the calls under way whose checksum is not known yet. */
const ASIDE = 'unchecked';

/** An upload as it is kept; `taken` when its file is part of the request and its bytes are no longer needed here. */
interface KeptUpload extends Upload {
  taken?: boolean;
}

/** An upload that was begun and whose file is not part of its request yet. */
export interface UnfinishedUpload {
  id: string;
  /** name of the file, as fileName gives it */
  name: string;
  /** of the whole file */
  bytes: number;
}

/** The folder of unfinished uploads, beside the storage's own keys and on the same disk. */
export function resumableFolder(storageFolder: string): string {
  return join(storageFolder, '.resumable');
}

/** The request an upload belongs to; null for what is no id of an upload. */
export function requestOfUpload(id: string): string | null {
  return /^([A-Za-z0-9_-]{1,100})\.[0-9a-f]{32}$/.exec(id)?.[1] ?? null;
}

/** Keeps uploads that come in several calls, as files, with the checksum extension of tus besides those of its base. */
export class ResumableStore extends FileStore {
  readonly #expected = new AsyncLocalStorage<Checksum | null>();

  constructor(directory: string) {
    super({ directory, expirationPeriodInMilliseconds: UNFINISHED_MS });
    this.extensions = ['creation', 'termination', 'checksum', 'expiration'];
  }

  /** Runs a call whose bytes are taken only when they have this checksum. */
  expecting<T>(checksum: Checksum | null, call: () => Promise<T>): Promise<T> {
    return this.#expected.run(checksum, call);
  }

  override async write(body: Readable, id: string, offset: number): Promise<number> {
    const expected = this.#expected.getStore() ?? null;
    const kept = join(this.directory, id);
    if (expected === null) {
      // not by its base, which hides why a write failed
      const file = createWriteStream(kept, { flags: 'r+', start: offset });
      await pipeline(body, file);
      return offset + file.bytesWritten;
    }
    // aside until they are known to be right: bytes in the upload itself count as received, also after a crash
    const aside = join(this.directory, ASIDE, randomUUID());
    await mkdir(join(this.directory, ASIDE), { recursive: true });
    try {
      const hash = createHash(expected.algorithm);
      await pipeline(
        body,
        async function* (parts: AsyncIterable<Buffer>) {
          for await (const part of parts) {
            hash.update(part);
            yield part;
          }
        },
        createWriteStream(aside, { flags: 'wx' }),
      );
      if (!hash.digest().equals(expected.digest)) {
        throw new Problem('checksum-mismatch', 'The bytes of this call were not kept; send them again.');
      }
      await pipeline(createReadStream(aside), createWriteStream(kept, { flags: 'r+', start: offset }));
      return offset + (await stat(aside)).size;
    } finally {
      await rm(aside, { force: true });
    }
  }

  override async getUpload(id: string): Promise<Upload> {
    const upload = await super.getUpload(id);
    const kept: KeptUpload | undefined = await this.configstore.get(id);
    return kept?.taken === true ? Object.assign(upload, { offset: upload.size ?? 0 }) : upload;
  }

  /** @returns null when there is no such upload, or when its file was taken */
  async unfinished(id: string): Promise<(UnfinishedUpload & { complete: boolean }) | null> {
    const kept: KeptUpload | undefined = await this.configstore.get(id);
    if (kept === undefined || kept.taken === true) return null;
    const { metadata, size, offset } = await super.getUpload(id);
    return { id, name: fileName(metadata?.['filename'] ?? ''), bytes: size ?? 0, complete: offset === size };
  }

  /** The unfinished uploads of a request. */
  async ofRequest(request: string): Promise<UnfinishedUpload[]> {
    const found: UnfinishedUpload[] = [];
    for (const entry of await entries(this.directory)) {
      const id = basename(entry, '.json');
      if (entry === id || requestOfUpload(id) !== request) continue;
      const upload = await this.unfinished(id).catch(() => null);
      if (upload !== null) found.push(upload);
    }
    return found;
  }

  /** The file is part of its request: only that it was is kept, so that a client that missed the answer learns it. */
  async taken(id: string): Promise<void> {
    const kept: KeptUpload | undefined = await this.configstore.get(id);
    if (kept === undefined) return;
    await this.configstore.set(id, Object.assign(kept, { taken: true }));
    await truncate(join(this.directory, id));
  }
}

/**
 * Removes the uploads that are past their time, and what a process that was killed left between.
 * @returns how many files were removed
 */
export async function removeExpiredUploads(folder: string, now: number = Date.now()): Promise<number> {
  let removed = 0;
  for (const entry of [
    ...(await entries(folder)),
    ...(await entries(join(folder, ASIDE))).map((each) => join(ASIDE, each)),
  ]) {
    const path = join(folder, entry);
    const found = await stat(path).catch(() => null);
    if (found === null || !found.isFile()) continue;
    const begun = (await begunAt(entry.endsWith('.json') ? path : `${path}.json`)) ?? found.mtimeMs;
    if (now - begun <= UNFINISHED_MS) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}

/** When an upload was begun, as its record says; null where that cannot be read. */
async function begunAt(record: string): Promise<number | null> {
  try {
    const kept = JSON.parse(await readFile(record, 'utf8')) as { creation_date?: string };
    const begun = Date.parse(kept.creation_date ?? '');
    return Number.isNaN(begun) ? null : begun;
  } catch {
    return null;
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
