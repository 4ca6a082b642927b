import { beatWhile } from './beat.ts';

let last = Promise.resolve();

/**
 * Does what holds a record of many megabytes several times over when no other such work of this process is under way: so the memory of a
 * worker does not grow with how many activities it takes.
 * @throws what the work throws; CancelledFailure when the activity is cancelled while it waits
 */
export async function largeOneByOne<T>(work: () => Promise<T>): Promise<T> {
  const before = last;
  const ended = Promise.withResolvers<void>();
  last = ended.promise;
  try {
    await beatWhile(before);
    return await work();
  } finally {
    // who was cancelled while waiting lets nobody pass who waits as well
    void before.then(ended.resolve);
  }
}
