import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** A body somewhere else: its key, what tells one body under this key from the next, and its size. */
export interface Original {
  key: string;
  version: string;
  bytes: number;
}

/** Files of this machine that are copies of what is stored elsewhere. */
export interface LocalCopies {
  /**
   * The file of a copy, fetched where it is not there yet.
   * @param fetch writes the body into a file that does not exist
   * @throws what `fetch` throws; CopyIncomplete
   */
  path(original: Original, fetch: (file: string) => Promise<void>): Promise<string>;
  /** Removes what is here of these keys (F5). */
  drop(keys: readonly string[]): Promise<void>;
}

/** What was fetched is not as long as it is where it comes from. */
class CopyIncomplete extends Error {
  readonly code = 'COPY_INCOMPLETE';
  constructor(key: string) {
    super(`What was fetched of ${key} is not as long as it is stored.`);
    this.name = 'CopyIncomplete';
  }
}

/** So long after it was handed out last a copy is not removed for want of room: someone may be about to open it. */
const IN_USE_MS = 600_000;

/** A copy that was not asked for so long is removed anyway (F5), and what a process that died was fetching. */
const UNUSED_MS = 24 * 3_600_000;

/**
 * Copies in a folder, which the processes of a machine may share. Those that were used least lately go when all together
 * weigh more than they may; those that are in use may weigh more.
 */
export function openLocalCopies(options: { folder: string; bytes: number }): LocalCopies {
  const folder = resolve(options.folder);
  const fetching = new Map<string, Promise<string>>();

  async function found(): Promise<{ path: string; bytes: number; used: number }[]> {
    const names = await readdir(folder).catch((): string[] => []);
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const file = await stat(path).catch(() => null);
        return file === null ? [] : [{ path, bytes: file.size, used: file.mtimeMs }];
      }),
    );
    return files.flat();
  }

  async function makeRoom(coming: number): Promise<void> {
    const files = (await found()).toSorted((a, b) => a.used - b.used);
    let total = coming + files.reduce((sum, file) => sum + file.bytes, 0);
    const now = Date.now();
    for (const { path, bytes, used } of files) {
      const unused = now - used;
      if (unused < UNUSED_MS && (total <= options.bytes || unused < IN_USE_MS)) continue;
      await rm(path, { force: true });
      total -= bytes;
    }
  }

  async function fetched(
    path: string,
    original: Original,
    fetch: (file: string) => Promise<void>,
  ): Promise<string> {
    await mkdir(folder, { recursive: true });
    await makeRoom(original.bytes);
    const coming = join(folder, `${randomUUID()}.coming`);
    try {
      await fetch(coming);
      if ((await stat(coming)).size !== original.bytes) throw new CopyIncomplete(original.key);
      await rename(coming, path);
    } catch (error) {
      await rm(coming, { force: true });
      throw error;
    }
    return path;
  }

  setInterval(() => void makeRoom(0).catch(() => {}), UNUSED_MS / 24).unref();

  return {
    async path(original, fetch) {
      const path = join(folder, `${nameOf(original.key)}-${nameOf(original.version)}`);
      const here = await stat(path).catch(() => null);
      if (here?.size === original.bytes) {
        const now = new Date();
        if (
          await utimes(path, now, now).then(
            () => true,
            () => false,
          )
        )
          return path;
      }
      let running = fetching.get(path);
      if (running === undefined) {
        running = fetched(path, original, fetch).finally(() => fetching.delete(path));
        fetching.set(path, running);
      }
      return running;
    },
    async drop(keys) {
      const names = await readdir(folder).catch((): string[] => []);
      if (names.length === 0) return;
      const gone = new Set(keys.map(nameOf));
      for (const name of names) {
        if (gone.has(name.split('-')[0] ?? '')) await rm(join(folder, name), { force: true });
      }
    },
  };
}

function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
