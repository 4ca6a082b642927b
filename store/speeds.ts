import type { Db } from 'mongodb';
import type { Tab } from '../domain/tab.ts';
import { idsUnder } from './database.ts';

/** How fast one request's tab was imported. */
export interface SpeedSample {
  tab: Tab;
  request: string;
  records: number;
  bytes: number;
  milliseconds: number;
}

/** B5: speeds measured so far. */
export interface Speeds {
  /** The same request's tab again replaces what it told before. */
  record(sample: SpeedSample): Promise<void>;
  /** Records and bytes per second of a tab over its latest imports, or null when none was measured. */
  of(tab: Tab): Promise<{ recordsPerSecond: number; bytesPerSecond: number } | null>;
}

/** How many of the latest imports count. */
const LATEST = 20;

export function createSpeeds(db: Db): Speeds {
  const speeds = db.collection<SpeedSample & { _id: string }>('speeds');
  return {
    async record(sample) {
      // request ids stand in the order of time
      await speeds.replaceOne({ _id: `${sample.tab}/${sample.request}` }, { ...sample }, { upsert: true });
    },
    async of(tab) {
      const latest = await speeds
        .find({ _id: idsUnder(`${tab}/`) }, { sort: { _id: -1 }, limit: LATEST })
        .toArray();
      let records = 0;
      let bytes = 0;
      let milliseconds = 0;
      for (const each of latest) {
        records += each.records;
        bytes += each.bytes;
        milliseconds += each.milliseconds;
      }
      if (records === 0 || milliseconds <= 0) return null;
      return {
        recordsPerSecond: (records * 1_000) / milliseconds,
        bytesPerSecond: (bytes * 1_000) / milliseconds,
      };
    },
  };
}
