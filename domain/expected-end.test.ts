import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covered, expectedEnd, type Learned, notBegun, secondRun, type TabAhead } from './expected-end.ts';

const SEGMENT = 2_000;
const RECORD_BYTES = 500;
const SIDE_BY_SIDE = 2;
/** what staging takes of the processors while it goes on */
const STAGING_PART = 0.4;

/** What a record of a tab costs in a simulated phase, in milliseconds of all processors; staging as a share of importing. */
interface Costs {
  records: number;
  staging: number;
  importing: number;
  proving: number;
}

interface Simulated {
  begun: number;
  end: number;
  /** the phase as its ledger tells it at a moment */
  at: (moment: number) => Omit<TabAhead, 'learned'>[];
  /** when a share of all records is imported */
  done: (share: number) => number;
}

/**
 * A phase as it runs: all tabs are staged, one after the other; meanwhile each is imported as far as it is staged, two segments at a time, with
 * the processors that staging leaves, then proven. A report comes at the end.
 */
function simulate(tabs: readonly Costs[], reporting: number, begun: number): Simulated {
  let stager = begun;
  const sized = tabs.map((tab) => {
    const sizes = Array.from({ length: Math.ceil(tab.records / SEGMENT) }, (_, index) =>
      Math.min(SEGMENT, tab.records - index * SEGMENT),
    );
    const each = (tab.staging * tab.importing) / STAGING_PART;
    return { ...tab, sizes, staged: sizes.map((records) => (stager += records * each)) };
  });
  const allStaged = stager;
  /** when work that begins at a moment is done, with what staging leaves until it has ended */
  const after = (from: number, work: number): number => {
    const beside = Math.max(0, allStaged - from) * (1 - STAGING_PART);
    return work <= beside ? from + work / (1 - STAGING_PART) : Math.max(from, allStaged) + work - beside;
  };
  let imports = begun;
  const all = sized.map((tab) => {
    const begins = imports;
    const lanes = Array.from({ length: SIDE_BY_SIDE }, () => begins);
    const spans = tab.sizes.map((records, index) => {
      const lane = lanes.indexOf(Math.min(...lanes));
      const from = Math.max(lanes[lane] ?? begins, tab.staged[index] ?? begins);
      const to = after(from, records * tab.importing * Math.min(SIDE_BY_SIDE, tab.sizes.length));
      lanes[lane] = to;
      return { records, from, to };
    });
    imports = Math.max(...lanes) + tab.records * tab.proving;
    return { ...tab, spans, proven: imports };
  });
  const total = tabs.reduce((sum, { records }) => sum + records, 0);
  const spans = all.flatMap((tab) => tab.spans).toSorted((a, b) => a.to - b.to);
  return {
    begun,
    end: imports + total * reporting,
    at: (moment) =>
      all.map((tab) => {
        const closed = tab.staged.filter((at) => at <= moment);
        const finished = tab.spans.filter(({ to }) => to <= moment);
        return {
          records: tab.records,
          bytes: tab.records * RECORD_BYTES,
          staged: {
            records: tab.sizes.slice(0, closed.length).reduce((sum, each) => sum + each, 0),
            ended: closed.length === tab.sizes.length,
            from: closed[0] ?? null,
            to: closed.at(-1) ?? null,
          },
          imported: {
            records: finished.reduce((sum, { records }) => sum + records, 0),
            latest: finished.slice(-50),
          },
          underWay: tab.spans.filter(({ from, to }) => from <= moment && to > moment),
          proven: tab.proven <= moment,
        };
      }),
    done(share) {
      let sum = 0;
      return spans.find(({ records }) => (sum += records) >= share * total)?.to ?? imports;
    },
  };
}

/** What earlier phases would have taught, had they run so many times faster. */
function learnedFrom({ records, staging, importing, proving }: Costs, times: number): Learned {
  const of = (cost: number) => ({
    records,
    bytes: records * RECORD_BYTES,
    milliseconds: (records * cost) / times,
  });
  return {
    staging: of((staging * importing) / STAGING_PART),
    // what was learned of importing holds the staging that went on meanwhile
    importing: of(importing * (1 + staging)),
    proving: of(proving),
    reporting: of(0),
  };
}

const SMALL: Costs = { records: 1, staging: 1, importing: 1, proving: 1 };
const cost = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const costs = fc.record({
  records: fc.integer({ min: 100, max: 200_000 }),
  staging: cost(0.15, 0.4),
  importing: cost(0.1, 2),
  proving: cost(0.001, 0.05),
});
/** A phase with a tab large enough that its speed shows: small ones are over before anybody asks. */
const phases = fc
  .tuple(fc.array(costs, { maxLength: 4 }), costs, fc.nat(4))
  .map(([others, large, place]) =>
    others.toSpliced(place, 0, { ...large, records: large.records + 400_000 }),
  );

function ask(phase: Simulated, learned: readonly Learned[], report: Learned, moment: number): number {
  const tabs = phase.at(moment).map((tab, index) => ({ ...tab, learned: learned[index] ?? {} }));
  return expectedEnd(tabs, report, moment).end;
}

describe('B5: the expected end of a phase', () => {
  test('B5: after a tenth is imported it is within a quarter of the truth, in all but one of a hundred phases, and within a third in all, however much slower or faster this run is than those before', () => {
    const runs = fc.sample(fc.tuple(phases, cost(0.005, 0.1), cost(0.25, 4), cost(0.1, 0.99)), 400);
    const apart = runs.map(([tabs, reporting, times, share]) => {
      const phase = simulate(tabs, reporting, 1_000_000);
      const learned = tabs.map((tab) => learnedFrom(tab, times));
      const records = tabs.reduce((sum, tab) => sum + tab.records, 0);
      const bytes = records * RECORD_BYTES;
      const report = { reporting: { records, bytes, milliseconds: (records * reporting) / times } };
      const end = ask(phase, learned, report, phase.done(share) + 1);
      return Math.abs(end - phase.end) / (phase.end - phase.begun);
    });
    expect(apart.filter((each) => each >= 0.25).length).toBeLessThanOrEqual(runs.length / 100);
    expect(Math.max(...apart)).toBeLessThan(1 / 3);
  });

  test('B5: at the speeds that were learned the whole is told rightly before anything is done', () => {
    fc.assert(
      fc.property(phases, (tabs) => {
        const phase = simulate(tabs, 0, 0);
        const ahead = tabs.map((tab) => ({
          ...notBegun(tab.records, tab.records * RECORD_BYTES),
          learned: learnedFrom(tab, 1),
        }));
        const { end } = expectedEnd(ahead, { reporting: { records: 1, bytes: 1, milliseconds: 0 } }, 0);
        expect(Math.abs(end - phase.end) / phase.end).toBeLessThan(0.1);
      }),
    );
  });

  test('B5: it is never in the past, and every tab ends before the phase', () => {
    fc.assert(
      fc.property(phases, cost(0, 1.2), cost(0.05, 20), (tabs, share, times) => {
        const phase = simulate(tabs, 0.01, 1_000);
        const moment = phase.begun + share * (phase.end - phase.begun);
        const ahead = phase
          .at(moment)
          .map((tab, index) => ({ ...tab, learned: learnedFrom(tabs[index] ?? SMALL, times) }));
        const told = expectedEnd(ahead, {}, moment);
        expect(told.end).toBeGreaterThan(moment);
        expect(told.tabs.map((end) => end === null)).toEqual(ahead.map(({ proven }) => proven));
        for (const end of told.tabs.filter((each) => each !== null)) {
          expect(end).toBeGreaterThan(moment);
          expect(end).toBeLessThanOrEqual(told.end);
        }
      }),
    );
  });

  test('B5: nothing was ever measured: a modest speed is taken, and a run corrects it', () => {
    const tabs = [{ records: 400_000, staging: 0.3, importing: 0.05, proving: 0.001 }];
    const phase = simulate(tabs, 0.005, 0);
    const before = ask(phase, [], {}, 0);
    expect(before).toBeGreaterThan(phase.end);
    const halfway = ask(phase, [], {}, phase.done(0.5) + 1);
    expect(Math.abs(halfway - phase.end)).toBeLessThan(0.25 * phase.end);
  });

  test('B5: time is counted once where segments run side by side, and a pause between them not at all', () => {
    expect(covered([])).toBe(0);
    const pause = { from: 1_000, to: 1_010 };
    expect(covered([pause, { from: 0, to: 10 }, { from: 5, to: 20 }, { from: 6, to: 7 }])).toBe(30);
  });
});

describe('B5: what phase 2 is expected to hold', () => {
  const tabs = [
    { tab: 'contacts', records: 1_000, bytes: 100_000 },
    { tab: 'tickets', records: 3_000, bytes: 900_000 },
  ] as const;

  test('what failed in phase 1, and nothing else where nothing was replied', () => {
    expect(secondRun(tabs, { tickets: 150 }, 0)).toEqual([
      { tab: 'contacts', records: 0, bytes: 0 },
      { tab: 'tickets', records: 150, bytes: 45_000 },
    ]);
  });

  test('a whole new export is as large as phase 1; a small file counts as its share', () => {
    expect(secondRun(tabs, {}, 1_000_000)).toEqual(tabs);
    expect(secondRun(tabs, { contacts: 10 }, 10_000)).toEqual([
      { tab: 'contacts', records: 20, bytes: 2_000 },
      { tab: 'tickets', records: 30, bytes: 9_000 },
    ]);
  });

  test('where phase 1 held nothing, there is nothing to tell from', () => {
    expect(secondRun([{ tab: 'agents', records: 0, bytes: 0 }], { agents: 3 }, 500)).toEqual([
      { tab: 'agents', records: 0, bytes: 0 },
    ]);
  });
});
