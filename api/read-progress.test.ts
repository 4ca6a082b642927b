import { describe, expect, it } from 'vitest';
import type { Tab } from '../domain/tab.ts';
import { createReadProgress, type ProgressLedger } from './read-progress.ts';

/** A ledger of segments with 10 records each; those finished have one failed record. */
function ledgerOf(segments: number, finished: Set<number>, read: number[]): ProgressLedger {
  const counts = { source: 10, created: 9, updated: 0, unchanged: 0, skipped: 0, failed: 1 };
  const done = { generation: 1, counts, warnings: 0, sourceDigest: '', fingerprint: '', failedParts: [] };
  return {
    plans: {
      find: async (request) =>
        request === 'unplanned'
          ? null
          : { tabs: ['tickets'], parts: [{ tab: 'tickets', records: 25, carried: null }] },
    },
    segments: {
      findStaged: async () => null,
      page: async (_key, after, limit) => {
        read.push(after);
        return Array.from({ length: Math.min(limit, segments - after) }, (_, index) => {
          const number = after + index + 1;
          return { number, finished: finished.has(number) ? done : null };
        });
      },
    },
  };
}

describe('H: progress from the ledger', () => {
  it('H: adds up what is finished, whatever the order in which segments were finished', async () => {
    const progress = createReadProgress(ledgerOf(4, new Set([1, 3]), []));
    const results = { created: 18, updated: 0, unchanged: 0, skipped: 0, failed: 2 };
    expect(await progress('m_1', 'phase-1')).toEqual([{ tab: 'tickets', total: 25, results }]);
    expect(await progress('m_1', 'phase-1')).toEqual([{ tab: 'tickets', total: 25, results }]);
    expect(await progress('unplanned', 'phase-1')).toEqual([]);
  });

  it('A3: tells the tabs in the order of import, whatever the order in the plan', async () => {
    const tabs: Tab[] = ['articles', 'products', 'tickets', 'agents', 'contacts'];
    const ledger: ProgressLedger = {
      ...ledgerOf(0, new Set(), []),
      plans: { find: async () => ({ tabs, parts: tabs.map((tab) => ({ tab, records: 1, carried: null })) }) },
    };
    const told = await createReadProgress(ledger)('m_1', 'phase-2');
    expect(told.map(({ tab }) => tab)).toEqual(['agents', 'contacts', 'products', 'tickets', 'articles']);
  });

  it('H: a second look reads only segments behind the last that was finished without a gap', async () => {
    const read: number[] = [];
    const finished = new Set([1, 2, 4]);
    const progress = createReadProgress(ledgerOf(5, finished, read));
    await progress('m_1', 'phase-1');
    finished.add(3);
    const [tally] = await progress('m_1', 'phase-1');
    expect(read).toEqual([0, 2]);
    expect(tally?.results.created).toBe(36);
  });
});
