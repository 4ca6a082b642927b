import type { Collection, Db } from 'mongodb';
import type { Phase } from '../domain/phase.ts';
import { idsUnder } from './database.ts';

/** Forgetting what the import kept of a request. Again is harmless. */
export interface ImportErasure {
  /** F5: everything. @param tick called now and then */
  request(request: string, tick: () => void): Promise<void>;
  /** B6: what one phase kept. */
  phase(request: string, phase: Phase, tick: () => void): Promise<void>;
}

/** Collections whose ids begin with request and phase, those with one document per phase, and those that begin with the request. */
const BY_PHASE = [
  'segments',
  'stagedTabs',
  'frozen',
  'discrepancies',
  'drawnTabs',
  'drawnRounds',
  'drawnPages',
] as const;
const ONE_PER_PHASE = ['plans', 'contexts', 'drawings'] as const;
const BY_REQUEST = [
  'failures',
  'bundledFiles',
  'unpackedUploads',
  'bodyImages',
  'ticketFiles',
  'keptTicketFiles',
] as const;

const PAGE = 1_000;

export function createImportErasure(db: Db): ImportErasure {
  const collection = (name: string): Collection<{ _id: string }> => db.collection<{ _id: string }>(name);

  async function removeUnder(name: string, prefix: string, tick: () => void): Promise<void> {
    const { $gt, $lt } = idsUnder(prefix);
    for (let last = $gt; ; ) {
      const page = await collection(name)
        .find({ _id: { $gt: last, $lt } }, { projection: { _id: 1 }, sort: { _id: 1 }, limit: PAGE })
        .toArray();
      const end = page.at(-1);
      if (end === undefined) return;
      tick();
      await collection(name).deleteMany({ _id: { $in: page.map(({ _id }) => _id) } });
      last = end._id;
    }
  }

  return {
    async request(request, tick) {
      for (const name of [...BY_PHASE, ...ONE_PER_PHASE, ...BY_REQUEST])
        await removeUnder(name, `${request}/`, tick);
    },
    async phase(request, phase, tick) {
      for (const name of BY_PHASE) await removeUnder(name, `${request}/${phase}/`, tick);
      for (const name of ONE_PER_PHASE) await collection(name).deleteOne({ _id: `${request}/${phase}` });
    },
  };
}
