import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const TOUCH_MS = 5_000;
const STALE_MS = 30_000;

/**
 * Makes the folder `target` unless it is there. `build` fills a temporary folder beside it, which is renamed when it
 * is whole, so that a folder called `target` is never half made. Of several processes one builds and the others wait
 * for it; a builder that died (its process gone, or its lock untouched for 30 s) is succeeded by one of the waiting.
 * Throws what `build` throws.
 */
export async function buildOnce(
  target: string,
  build: (temporary: string) => Promise<void>,
  onWaiting: () => void = () => {},
): Promise<void> {
  if (await exists(target)) return;
  await mkdir(dirname(target), { recursive: true });
  const release = await lock(`${target}.lock`, () => exists(target), onWaiting);
  if (release === null) return;
  try {
    if (await exists(target)) return;
    await removeLeftOvers(target);
    const temporary = `${target}.making-${randomBytes(6).toString('hex')}`;
    await mkdir(temporary);
    try {
      await build(temporary);
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await release();
  }
}

/** Takes the lock file; null when `enough` became true while waiting for it. */
async function lock(
  file: string,
  enough: () => Promise<boolean>,
  onWaiting: () => void,
): Promise<(() => Promise<void>) | null> {
  const token = `${process.pid} ${randomBytes(8).toString('hex')}`;
  for (let waits = 0; ; waits++) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(token);
      await handle.close();
      const touch = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => {}), TOUCH_MS);
      touch.unref();
      return async () => {
        clearInterval(touch);
        if ((await readFile(file, 'utf8').catch(() => '')) === token) await rm(file, { force: true });
      };
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
    if (await enough()) return null;
    if (await isStale(file)) {
      // Two waiters may both see the dead lock; only one rename succeeds. Were a fresh lock taken away here, two
      // would build, each in a folder of its own, and the rename of the later one fails: wasted time, no wrong result.
      await rename(file, `${file}.stale-${randomBytes(6).toString('hex')}`)
        .then(() => removeLeftOvers(file))
        .catch(() => {});
      continue;
    }
    if (waits === 0) onWaiting();
    await pause(250);
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    const [content, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    const pid = Number.parseInt(content, 10);
    return Date.now() - mtimeMs > STALE_MS || (pid > 0 && !isAlive(pid));
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function removeLeftOvers(target: string): Promise<void> {
  const prefixes = [`${basename(target)}.making-`, `${basename(target)}.stale-`];
  for (const name of await readdir(dirname(target))) {
    if (prefixes.some((prefix) => name.startsWith(prefix))) {
      await rm(join(dirname(target), name), { recursive: true, force: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
