import { randomUUID } from 'node:crypto';
import { access, constants, mkdir } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Storage } from './storage.ts';

/** How long a service may take to answer before it counts as down, in milliseconds. */
const PROBE_MS = 3_000;

export type Standing = 'up' | 'down';

/** Whether what is asked answers, and in time. */
export async function probe(ask: () => Promise<unknown>): Promise<Standing> {
  const abort = new AbortController();
  try {
    return await Promise.race([
      ask().then(() => 'up' as const),
      wait(PROBE_MS, 'down' as const, { signal: abort.signal, ref: false }),
    ]);
  } catch {
    return 'down';
  } finally {
    abort.abort();
  }
}

/**
 * Stores and removes a small object.
 * @param folder where a process keeps its own files, also where the storage is a bucket
 * @throws what keeps it from that
 */
export async function probeStorage(storage: Storage, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await access(folder, constants.W_OK);
  const key = `probes/${randomUUID()}`;
  await storage.put(key, Buffer.from('probe'));
  await storage.remove(key);
}
