import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';
import type { SystemicFault } from './errors.ts';

export class StorageNotFound extends Error {
  readonly code = 'STORAGE_NOT_FOUND';
  readonly key: string;
  constructor(key: string) {
    super(`There is nothing stored as ${key}.`);
    this.name = 'StorageNotFound';
    this.key = key;
  }
}

/** A body was replaced while it was read, and what is left of it cannot be had. */
export class StorageReplaced extends Error {
  readonly code = 'STORAGE_REPLACED';
  constructor(key: string) {
    super(`What is stored as ${key} was replaced while it was read.`);
    this.name = 'StorageReplaced';
  }
}

/** Nothing can be stored or read just now, whatever the key: one of the three below. */
export class StorageUnavailable extends Error {
  readonly code: 'STORAGE_DENIED' | 'STORAGE_BUCKET_MISSING' | 'STORAGE_UNREACHABLE';
  constructor(code: StorageUnavailable['code'], message: string, cause: Error) {
    super(message, { cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** The storage does not let Deskferry in, or not do this. */
export class StorageDenied extends StorageUnavailable {
  constructor(cause: Error) {
    super('STORAGE_DENIED', `The storage refuses access (${cause.name}).`, cause);
  }
}

/** The bucket that everything is kept in does not exist. */
export class StorageBucketMissing extends StorageUnavailable {
  constructor(bucket: string, cause: Error) {
    super('STORAGE_BUCKET_MISSING', `The storage has no bucket ${bucket}.`, cause);
  }
}

/** The storage does not answer, or says that it cannot just now; it was asked several times. */
export class StorageUnreachable extends StorageUnavailable {
  constructor(cause: Error) {
    super('STORAGE_UNREACHABLE', `The storage does not answer (${cause.name}).`, cause);
  }
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const REFUSED = new Set(['EACCES', 'EPERM', 'EROFS']);

/** What a failure of the disk is called, or null when it is not one. Paths stay out. */
export function faultOfStorage(error: unknown): SystemicFault | null {
  // what the library throws names the disk's own failure as its cause
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    if (each instanceof StorageUnavailable) {
      return { code: each.code, message: `${each.message} Put it right, then resume.` };
    }
    if (!('syscall' in each) || !('code' in each) || typeof each.code !== 'string') continue;
    // a connection has an address
    if ('address' in each || 'port' in each) return null;
    const { code } = each;
    if (NO_ROOM.has(code)) {
      return {
        code: 'STORAGE_FULL',
        message: `there is no room left in the storage (${code}); make room, then resume`,
      };
    }
    if (REFUSED.has(code)) {
      const message = `the storage may not be read or written (${code}); put its rights right, then resume`;
      return { code: 'STORAGE_REFUSED', message };
    }
    return { code: 'STORAGE_FAULT', message: `the storage failed (${code}); put it right, then resume` };
  }
  return null;
}

/** A key that could leave the storage's folder or that not every kind of storage can hold. */
export class StorageBadKey extends Error {
  readonly code = 'STORAGE_BAD_KEY';
  constructor(key: string) {
    super(`"${key}" cannot be a storage key.`);
    this.name = 'StorageBadKey';
  }
}

/**
 * Where files are kept: uploads, segments, attachment files, reports. Keys are parts joined by `/`. A storage that is not a
 * folder of this machine throws StorageUnavailable besides what is named.
 */
export interface Storage {
  /** Stores a body under a key, whole or not at all: a reader never sees half of it, an error leaves nothing behind. */
  put(
    key: string,
    body: Uint8Array | NodeJS.ReadableStream | AsyncIterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string }>;
  /** The body from byte `from` up to, not including, byte `to`. @throws StorageNotFound */
  read(key: string, from?: number, to?: number): Promise<AsyncIterable<Uint8Array>>;
  /** Size in bytes. @throws StorageNotFound */
  bytes(key: string): Promise<number>;
  exists(key: string): Promise<boolean>;
  /** A small body in one piece. @throws StorageNotFound */
  get(key: string): Promise<Buffer>;
  /**
   * A file on this machine with the body, for reading only and soon: where it had to be fetched it is kept for a while.
   * @param alive called again and again while it is fetched; what it throws ends that
   * @throws StorageNotFound
   */
  localPath(key: string, alive?: () => void): Promise<string>;
  /** Removes; nothing there is fine. */
  remove(key: string): Promise<void>;
  /** Removes all under a prefix that ends in `/`; how many there were. */
  removeAll(prefix: string): Promise<number>;
  /** The keys under a prefix that ends in `/`, in order. */
  list(prefix: string): AsyncIterable<string>;
}

/** Beside the keys, on the same disk, so that a rename is one step. */
const INCOMING = '.incoming';

/** A body that nobody wrote to for so long was left by a process that died. */
const ABANDONED_MS = 24 * 3_600_000;

/** No dot at the end: flydrive takes it away. */
const PART = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?$/;

/**
 * Storage in a folder of this machine.
 * @param options.folder made when it is missing
 */
export function openStorage(options: { folder: string }): Storage {
  const root = resolve(options.folder);
  const disk = new Disk(new FSDriver({ location: root, visibility: 'private' }));
  const pathOf = (key: string): string => join(root, checkedKey(key));

  async function sizeOf(key: string): Promise<number> {
    try {
      const found = await stat(pathOf(key));
      if (found.isFile()) return found.size;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    throw new StorageNotFound(key);
  }

  let prepared: Promise<void> | null = null;
  const prepare = (): Promise<void> => {
    prepared ??= prepareIncoming(join(root, INCOMING)).catch((error: unknown) => {
      prepared = null;
      throw error;
    });
    return prepared;
  };

  async function* list(prefix: string): AsyncGenerator<string> {
    const { objects } = await disk.listAll(checkedKey(prefix.replace(/\/$/, '')), { recursive: true });
    const keys: string[] = [];
    for (const each of objects) if (each.isFile) keys.push(each.key);
    yield* keys.toSorted();
  }

  return {
    async put(key, body) {
      const path = pathOf(key);
      const incoming = join(root, INCOMING, randomUUID());
      await prepare();
      try {
        const told =
          body instanceof Uint8Array ? await writeWhole(incoming, body) : await writeStream(incoming, body);
        await mkdir(dirname(path), { recursive: true });
        await rename(incoming, path);
        return told;
      } catch (error) {
        await rm(incoming, { force: true });
        throw error;
      }
    },
    async read(key, from = 0, to = Number.POSITIVE_INFINITY) {
      const size = await sizeOf(key);
      const end = Math.min(to, size);
      if (from >= end) return nothing();
      const stream = createReadStream(pathOf(key), { start: from, end: end - 1, highWaterMark: 256 * 1024 });
      // opened before it is handed out: a file that is removed meanwhile is still read to its end
      await once(stream, 'open');
      return stream as AsyncIterable<Uint8Array>;
    },
    bytes: sizeOf,
    exists: (key) => disk.exists(checkedKey(key)),
    async get(key) {
      await sizeOf(key);
      // not flydrive's getBytes: it answers the whole buffer that the file was read into, bytes of others included
      return readFile(pathOf(key));
    },
    async localPath(key) {
      await sizeOf(key);
      return pathOf(key);
    },
    remove: (key) => disk.delete(checkedKey(key)),
    async removeAll(prefix) {
      let count = 0;
      for await (const _key of list(prefix)) count += 1;
      await disk.deleteAll(checkedKey(prefix.replace(/\/$/, '')));
      return count;
    },
    list,
  };
}

/** Makes the folder, and clears it of what a process that was killed left there. */
async function prepareIncoming(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

async function writeWhole(path: string, body: Uint8Array): Promise<{ bytes: number; sha256: string }> {
  await writeFile(path, body, { flag: 'wx' });
  return { bytes: body.byteLength, sha256: createHash('sha256').update(body).digest('hex') };
}

async function writeStream(
  path: string,
  body: NodeJS.ReadableStream | AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = createWriteStream(path, { flags: 'wx', highWaterMark: 1024 * 1024 });
  const written = finished(file);
  // an error of the file is told by `written`, also when the source has failed before it is awaited
  written.catch(() => {});
  try {
    for await (const piece of body as AsyncIterable<Uint8Array | string>) {
      const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
      hash.update(chunk);
      bytes += chunk.byteLength;
      if (!file.write(chunk)) await Promise.race([once(file, 'drain'), written]);
    }
    file.end();
    await written;
  } catch (error) {
    file.destroy();
    await new Promise<void>((done) => {
      if (file.closed) done();
      else file.once('close', done);
    });
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** The key, if every kind of storage can hold it. @throws StorageBadKey */
export function checkedKey(key: string): string {
  if (key.length > 900 || !key.split('/').every((part) => PART.test(part))) throw new StorageBadKey(key);
  return key;
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

export async function* nothing(): AsyncGenerator<Uint8Array> {}
