import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import { largeOneByOne } from './large-one-by-one.ts';

/** Work that goes on until it is let go. */
function held(): { begun: Promise<void>; letGo: () => void; work: () => Promise<string> } {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    begun: begun.promise,
    letGo: gate.resolve,
    work: async () => {
      begun.resolve();
      await gate.promise;
      return 'done';
    },
  };
}

describe('work on large records', () => {
  test('is done one after the other, in order, also behind work that fails', async () => {
    let under = 0;
    let most = 0;
    const order: number[] = [];
    const ended = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) =>
        largeOneByOne(async () => {
          most = Math.max(most, ++under);
          order.push(n);
          await new Promise(setImmediate);
          under--;
          if (n % 2 === 1) throw new Error(`${n}`);
          return n;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect(ended.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  test('one that is cancelled while it waits ends, and lets nobody pass who waits as well', async () => {
    const first = held();
    const one = largeOneByOne(first.work);
    await first.begun;
    const environment = new MockActivityEnvironment();
    const waiting = environment.run(() => largeOneByOne(() => Promise.resolve('never')));
    let isThirdBegun = false;
    const third = largeOneByOne(async () => {
      isThirdBegun = true;
    });
    environment.cancel();
    await expect(waiting).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(isThirdBegun).toBe(false);
    first.letGo();
    expect(await one).toBe('done');
    await third;
    expect(isThirdBegun).toBe(true);
  }, 20_000);
});
