import type { Db } from 'mongodb';
import { type Learned, type Step, STEPS } from '../domain/expected-end.ts';
import type { Tab } from '../domain/tab.ts';
import { idsUnder } from './database.ts';

/** How fast one request's tab was imported, or what followed its tabs. */
export interface SpeedSample {
  what: Tab | 'report';
  request: string;
  records: number;
  bytes: number;
  /** milliseconds of each step that could be measured */
  took: Partial<Record<Step, number>>;
}

/** B5: speeds measured so far. */
export interface Speeds {
  /** The same request's tab again replaces what it told before. */
  record(sample: SpeedSample): Promise<void>;
  /** What the latest imports took together, step by step. */
  of(what: SpeedSample['what']): Promise<Learned>;
}

/** How many of the latest imports count. */
const LATEST = 20;

export function createSpeeds(db: Db): Speeds {
  const speeds = db.collection<SpeedSample & { _id: string }>('speeds');
  return {
    async record(sample) {
      // request ids stand in the order of time
      await speeds.replaceOne({ _id: `${sample.what}/${sample.request}` }, { ...sample }, { upsert: true });
    },
    async of(what) {
      const latest = await speeds
        .find({ _id: idsUnder(`${what}/`) }, { sort: { _id: -1 }, limit: LATEST })
        .toArray();
      const learned: Learned = {};
      for (const step of STEPS) {
        const sum = { records: 0, bytes: 0, milliseconds: 0 };
        for (const { records, bytes, took } of latest) {
          // written by an earlier version, which measured no steps
          const milliseconds = took?.[step];
          if (milliseconds === undefined || milliseconds <= 0) continue;
          sum.records += records;
          sum.bytes += bytes;
          sum.milliseconds += milliseconds;
        }
        if (sum.milliseconds > 0 && sum.records > 0) learned[step] = sum;
      }
      return learned;
    },
  };
}
