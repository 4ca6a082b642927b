import type { Db } from 'mongodb';
import type { Phase } from '../domain/phase.ts';
import { idsUnder, insertNew, padded } from './database.ts';

/** When a phase was expected to end, as people were told, and when it did. */
export interface Estimate {
  request: string;
  phase: Phase;
  /** of its phase, from 1 */
  number: number;
  toldAt: Date;
  expectedEnd: Date;
  /** what came of it; null while the phase runs */
  endedAt: Date | null;
}

/** B5: the history of estimates, kept to judge them. */
export interface Estimates {
  /** The same number of a phase again is there already. */
  keep(estimate: Omit<Estimate, 'endedAt'>): Promise<void>;
  /** The phase has ended: what was told of it can be judged. */
  settle(request: string, phase: Phase, endedAt: Date): Promise<void>;
  /** A request's, phase by phase in the order in which they were told. */
  list(request: string): Promise<Estimate[]>;
}

export function createEstimates(db: Db): Estimates {
  const estimates = db.collection<Estimate & { _id: string }>('estimates');
  const under = async (prefix: string) =>
    estimates.find({ _id: idsUnder(prefix) }, { sort: { _id: 1 } }).toArray();
  return {
    async keep(estimate) {
      const { request, phase, number } = estimate;
      await insertNew(estimates, {
        _id: `${request}/${phase}/${padded(number)}`,
        ...estimate,
        endedAt: null,
      });
    },
    async settle(request, phase, endedAt) {
      for (const { _id } of await under(`${request}/${phase}/`)) {
        await estimates.updateOne({ _id, endedAt: null }, { $set: { endedAt } });
      }
    },
    async list(request) {
      return (await under(`${request}/`)).map(({ _id, ...estimate }) => estimate);
    },
  };
}
