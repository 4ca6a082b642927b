import { describe, expect, it } from 'vitest';
import { createUploadLocks } from './upload-locks.ts';

const never = (): AbortSignal => new AbortController().signal;

describe('A4: one call at a time works on an upload', () => {
  it('A4: who comes later asks the one before to end, and waits for it', async () => {
    const locks = createUploadLocks();
    const told: string[] = [];
    const first = locks.newLock('a');
    await first.lock(never(), () => {
      told.push('asked to end');
      void first.unlock().then(() => told.push('ended'));
    });
    const second = locks.newLock('a');
    await second.lock(never(), () => {});
    told.push('begun');
    expect(told).toEqual(['asked to end', 'ended', 'begun']);
  });

  it('A4: of many that wait one goes at a time, and another upload is not waited for', async () => {
    const locks = createUploadLocks();
    let working = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      const lock = locks.newLock('a');
      await lock.lock(never(), () => {});
      working += 1;
      most = Math.max(most, working);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      working -= 1;
      await lock.unlock();
    };
    const holder = locks.newLock('b');
    await holder.lock(never(), () => {});
    await Promise.all(Array.from({ length: 20 }, work));
    expect(most).toBe(1);
  });

  it('A4: who waits too long, or is gone itself, is refused', async () => {
    const locks = createUploadLocks(20);
    await locks.newLock('a').lock(never(), () => {});
    const refused = { code: 'upload-locked', status: 423 };
    await expect(locks.newLock('a').lock(never(), () => {})).rejects.toMatchObject(refused);
    const gone = AbortSignal.abort();
    await expect(locks.newLock('a').lock(gone, () => {})).rejects.toMatchObject(refused);
  });
});
