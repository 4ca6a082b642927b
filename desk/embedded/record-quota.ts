import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { TABS } from '../../domain/tab.ts';
import { countRecords } from './read-records.ts';

/** A5: how many records a portal may still take. */
export interface RecordQuota {
  /**
   * Runs one writer at a time for a portal, of all processes. It is given how many new records may be made now, and answers how
   * many it made.
   * @param wanted how many new records there may be at most
   */
  admit<T>(
    portal: string,
    quota: number,
    wanted: number,
    write: (room: number) => Promise<{ made: number; answer: T }>,
  ): Promise<T>;
}

/** Who writes into a portal, and who waits for it. */
interface QuotaLine {
  _id: string;
  /** the first one writes */
  line: string[];
  /** new records that may be made before counting again */
  left: number;
  /** raised while the first one lives, and when it leaves */
  moves: number;
}

const LOOK_MS = 15;
/** Less than an import activity may be silent: who waits for a writer that is gone goes on in the same attempt, or in the next. */
const GONE_MS = 12_000;

/**
 * A5: keeps portals within their quota, neither over nor under, without a counter that could drift: what the portal holds is counted
 * anew while nobody writes. Of the room found, half may be filled before the next count, so that a count is needed only as often as
 * the logarithm of the room, and what agents add or delete meanwhile is seen.
 * A writer whose process was killed or frozen is passed over; it is the one that may exceed the quota, by the batch that it was
 * writing, if it goes on later.
 * @param goneMs after so long without a sign of life it is
 */
export function createRecordQuota(db: Db, goneMs = GONE_MS): RecordQuota {
  const lines = db.collection<QuotaLine>('quotaLines');

  /** @returns new records that may be made before counting again */
  async function untilFirst(portal: string, me: string): Promise<number> {
    let seen = { first: '', moves: -1, at: 0 };
    for (;;) {
      const now = await lines.findOne({ _id: portal });
      const [first = ''] = now?.line ?? [];
      // passed over while it waited: its process was frozen
      if (now === null || !now.line.includes(me)) await join(portal, me);
      else if (first === me) return now.left;
      else if (first !== seen.first || now.moves !== seen.moves) {
        seen = { first, moves: now.moves, at: performance.now() };
      } else if (performance.now() - seen.at > goneMs) {
        await lines.updateOne(
          { _id: portal, moves: now.moves },
          { $pull: { line: first }, $set: { left: 0 }, $inc: { moves: 1 } },
        );
      }
      await pause(LOOK_MS);
    }
  }

  async function join(portal: string, me: string): Promise<void> {
    await lines.updateOne(
      { _id: portal },
      { $push: { line: me }, $setOnInsert: { left: 0, moves: 0 } },
      { upsert: true },
    );
  }

  return {
    async admit(portal, quota, wanted, write) {
      const me = randomUUID();
      let left = 0;
      let living: NodeJS.Timeout | undefined;
      await join(portal, me);
      try {
        const known = await untilFirst(portal, me);
        living = setInterval(() => {
          // where it cannot be said the writing itself fails
          lines.updateOne({ _id: portal, line: me }, { $inc: { moves: 1 } }).catch(() => {});
        }, goneMs / 4);
        const free = wanted > known ? Math.max(0, quota - (await countRecords(db, portal, TABS))) : null;
        const { made, answer } = await write(free === null ? wanted : Math.min(wanted, free));
        left = Math.max(0, (free === null ? known : Math.floor(free / 2)) - made);
        return answer;
      } finally {
        clearInterval(living);
        await lines.updateOne(
          { _id: portal, line: me },
          { $pull: { line: me }, $set: { left }, $inc: { moves: 1 } },
        );
      }
    },
  };
}
