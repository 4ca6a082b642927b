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
          : { tabs: ['tickets'], parts: [{ tab: 'tickets', records: 25, bytes: 250, carried: null }] },
    },
    segments: {
      findStaged: async () => null,
      page: async (_key, after, limit) => {
        read.push(after);
        return Array.from({ length: Math.min(limit, segments - after) }, (_, index) => {
          const number = after + index + 1;
          return {
            number,
            records: 10,
            finished: finished.has(number) ? done : null,
            stagedAt: number,
            begunAt: 100 * number,
            finishedAt: finished.has(number) ? 100 * number + 90 : null,
          };
        });
      },
    },
  };
}

describe('H: progress from the ledger', () => {
  it('H: adds up what is finished, whatever the order in which segments were finished', async () => {
    const progress = createReadProgress(ledgerOf(4, new Set([1, 3]), []));
    const results = { created: 18, updated: 0, unchanged: 0, skipped: 0, failed: 2 };
    for (let look = 1; look <= 2; look++) {
      expect(await progress('m_1', 'phase-1')).toEqual([
        { tab: 'tickets', total: 25, results, run: expect.anything() as unknown },
      ]);
    }
    expect(await progress('unplanned', 'phase-1')).toEqual([]);
  });

  it('B5: tells what was staged, when the latest segments were imported, and what is under way', async () => {
    const finished = new Set([1, 3]);
    const progress = createReadProgress(ledgerOf(4, finished, []));
    const [first] = await progress('m_1', 'phase-1');
    expect(first?.run).toEqual({
      records: 25,
      bytes: 250,
      staged: { records: 40, ended: false, from: 1, to: 4 },
      imported: {
        records: 20,
        latest: [
          { records: 10, from: 100, to: 190 },
          { records: 10, from: 300, to: 390 },
        ],
      },
      underWay: [
        { records: 10, from: 200 },
        { records: 10, from: 400 },
      ],
    });
    for (const number of [2, 4]) finished.add(number);
    const [second] = await progress('m_1', 'phase-1');
    expect(second?.run).toMatchObject({ staged: { records: 40 }, imported: { records: 40 }, underWay: [] });
  });

  it('A3: tells the tabs in the order of import, whatever the order in the plan', async () => {
    const tabs: Tab[] = ['articles', 'products', 'tickets', 'agents', 'contacts'];
    const ledger: ProgressLedger = {
      ...ledgerOf(0, new Set(), []),
      plans: {
        find: async () => ({
          tabs,
          parts: tabs.map((tab) => ({ tab, records: 1, bytes: 1, carried: null })),
        }),
      },
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
