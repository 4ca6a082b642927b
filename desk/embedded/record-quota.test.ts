import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase } from '../../test/database.ts';
import { recordsOf } from './desk-document.ts';
import { createRecordQuota } from './record-quota.ts';

let server: Awaited<ReturnType<typeof startTestDatabase>>;
beforeAll(async () => {
  server = await startTestDatabase();
});
afterAll(() => server.stop());

/** Makes as many tickets in a portal as there is room for. */
const making = (portal: string, name: string) => async (room: number) => {
  const tickets = recordsOf(server.database.db, 'tickets');
  for (let n = 0; n < room; n++) await tickets.insertOne({ _id: `${portal}/files/${name}-${n}` });
  return { made: room, answer: room };
};

test('A5: a writer that is gone is passed over, and what it has made is counted', async () => {
  const { db } = server.database;
  const begun = Promise.withResolvers<void>();
  // as a process that was frozen in the middle of its batch: it gives no sign of life, and does not end
  const frozen = createRecordQuota(db, 3_600_000).admit('gone', 10, 4, async (room) => {
    const made = await making('gone', 'a')(room);
    begun.resolve();
    await new Promise(() => {});
    return made;
  });
  void frozen;
  await begun.promise;
  const other = createRecordQuota(db, 300);
  expect(await other.admit('gone', 10, 8, making('gone', 'b'))).toBe(6);
  expect(await other.admit('gone', 10, 8, making('gone', 'c'))).toBe(0);
});

test('A5: a writer that lives is waited for, however long it takes', async () => {
  const { db } = server.database;
  const slow = createRecordQuota(db, 200);
  const begun = Promise.withResolvers<void>();
  const writing = slow.admit('slow', 10, 7, async (room) => {
    begun.resolve();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return making('slow', 'a')(room);
  });
  await begun.promise;
  const waiting = createRecordQuota(db, 200).admit('slow', 10, 7, making('slow', 'b'));
  expect(await Promise.all([writing, waiting])).toEqual([7, 3]);
});
