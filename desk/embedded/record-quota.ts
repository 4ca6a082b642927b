import type { Db } from 'mongodb';
import { TABS } from '../../domain/tab.ts';
import { countRecords } from './read-records.ts';

/** A5: how many records a portal may still take. */
export interface RecordQuota {
  /**
   * Runs one writer at a time for a portal. It is given how many new records may be made now, and answers how many it made.
   * @param wanted how many new records there may be at most
   */
  admit<T>(
    portal: string,
    quota: number,
    wanted: number,
    write: (room: number) => Promise<{ made: number; answer: T }>,
  ): Promise<T>;
}

interface Room {
  /** new records that may be made before counting again */
  left: number;
  /** ends when the writer before has ended */
  turn: Promise<void>;
}

/**
 * A5: keeps portals within their quota without a counter that could drift: what the portal holds is counted anew.
 * Of the room found, half may be filled before the next count, so that a count is needed only as often as the logarithm of
 * the room, and two processes that write at the same time cannot exceed it together until the last records. A portal
 * has one open request (A8); with more than two import workers a quota may be passed by what they write in the same moment.
 */
export function createRecordQuota(db: Db): RecordQuota {
  const rooms = new Map<string, Room>();
  return {
    async admit(portal, quota, wanted, write) {
      const room = rooms.get(portal) ?? { left: 0, turn: Promise.resolve() };
      rooms.set(portal, room);
      const before = room.turn;
      const { promise, resolve: done } = Promise.withResolvers<void>();
      room.turn = promise;
      await before;
      try {
        let allowed = wanted;
        if (wanted > room.left) {
          const free = Math.max(0, quota - (await countRecords(db, portal, TABS)));
          room.left = Math.floor(free / 2);
          allowed = Math.min(wanted, free);
        }
        const { made, answer } = await write(allowed);
        room.left = Math.max(0, room.left - made);
        return answer;
      } finally {
        done();
      }
    },
  };
}
