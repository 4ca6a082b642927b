import type { Lock, Locker, RequestRelease } from '@tus/server';
import { Problem } from './problem.ts';

/** How long a call waits for another that works on the same upload, in milliseconds. */
const WAIT_MS = 30_000;

interface Held {
  requestRelease: RequestRelease;
  freed: Promise<void>;
  free(): void;
}

/**
 * Locks for uploads, within this process: one call at a time works on an upload, and one that comes later asks the one before it
 * to come to an end (it may be reading from a connection that is gone).
 */
export function createUploadLocks(waitMs: number = WAIT_MS): Locker {
  const held = new Map<string, Held>();

  async function acquire(id: string, signal: AbortSignal, requestRelease: RequestRelease): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    for (let holder = held.get(id); holder !== undefined; holder = held.get(id)) {
      await holder.requestRelease();
      await Promise.race([holder.freed, aborted(deadline)]);
      if (deadline.aborted) {
        throw new Problem('upload-locked', 'Another call works on this upload; try again.', {
          headers: { 'Retry-After': '5' },
        });
      }
    }
    const { promise: freed, resolve: free } = Promise.withResolvers<void>();
    held.set(id, { requestRelease, freed, free });
  }

  return {
    newLock: (id): Lock => ({
      lock: (signal, requestRelease) => acquire(id, signal, requestRelease),
      async unlock() {
        const holder = held.get(id);
        held.delete(id);
        holder?.free();
      },
    }),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
