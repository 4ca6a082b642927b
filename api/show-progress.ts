import { RESULTS } from '../domain/codes.ts';
import { isFinal } from '../domain/lifecycle.ts';
import { TABS } from '../domain/tab.ts';
import type { Forecast } from '../store/forecast.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { ProgressAnswer } from './answers.ts';
import type { Api } from './app.ts';
import type { TabTally } from '../store/read-progress.ts';

/** Over how long records/s are measured, in milliseconds. */
const WINDOW_MS = 60_000;
/** Below this the measured time says nothing. */
const LEAST_MS = 1_000;
/** requests whose pace is remembered */
const REMEMBERED = 1_000;

interface Look {
  at: number;
  done: number;
}

/** Measures how fast tabs move, from one look at them to the next. */
export interface Pace {
  /** @returns records a second over the last minute, or null when it is not known yet */
  measure(key: string, done: number, now: number): number | null;
}

export function createPace(): Pace {
  const looks = new Map<string, Look[]>();
  return {
    measure(key, done, now) {
      const kept = (looks.get(key) ?? []).filter((look) => now - look.at <= WINDOW_MS && look.done <= done);
      const first = kept[0];
      looks.delete(key);
      looks.set(key, [...kept, { at: now, done }].slice(-WINDOW_MS / LEAST_MS));
      const oldest = looks.keys().next();
      if (looks.size > REMEMBERED && oldest.done !== true) looks.delete(oldest.value);
      if (first === undefined || now - first.at < LEAST_MS) return null;
      return Math.round(((done - first.done) * 10_000) / (now - first.at)) / 10;
    },
  };
}

const told = (time: Date | null): string | null => (time === null ? null : time.toISOString());

type TabShown = ProgressAnswer['tabs'][number];

function ended(counts: RequestDocument['phases'][number]['tabs']): TabShown[] {
  return TABS.flatMap((tab): TabShown[] => {
    const of = counts[tab];
    if (of === undefined) return [];
    const { source, created, updated, unchanged, skipped, failed } = of;
    return [
      {
        tab,
        total: source,
        done: source,
        created,
        updated,
        unchanged,
        skipped,
        failed,
        recordsPerSecond: null,
        expectedEnd: null,
      },
    ];
  });
}

function underWay(
  pace: Pace,
  key: string,
  tallies: readonly TabTally[],
  expected: readonly (number | null)[],
  now: number,
): TabShown[] {
  return tallies.map(({ tab, total, results }, index) => {
    const done = RESULTS.reduce((sum, result) => sum + results[result], 0);
    const finished = total !== null && done >= total;
    const end = expected[index] ?? null;
    return {
      tab,
      total,
      done,
      ...results,
      recordsPerSecond: finished ? null : pace.measure(`${key}/${tab}`, done, now),
      expectedEnd: end === null ? null : new Date(end).toISOString(),
    };
  });
}

/** The phase that runs or ran last, tab by tab (H: progress, events). */
export async function showProgress(
  api: Pick<Api, 'progress'>,
  { pace, forecast }: { pace: Pace; forecast: Forecast },
  request: RequestDocument,
): Promise<ProgressAnswer> {
  const run = request.phases.at(-1) ?? null;
  const paused =
    request.paused === null ? null : { ...request.paused, since: request.paused.since.toISOString() };
  const shown: ProgressAnswer = {
    state: request.state,
    label: request.stateLabel,
    paused,
    phase: run?.phase ?? null,
    startedAt: told(run?.startedAt ?? null),
    endedAt: told(run?.endedAt ?? null),
    expectedEnd: told(request.expectedEnd),
    placeInLine: request.placeInLine,
    tabs: [],
  };
  if (run === null) return shown;
  if (run.endedAt !== null || isFinal(request.state)) return { ...shown, tabs: ended(run.tabs) };
  const tallies = await api.progress(request.id, run.phase);
  const now = Date.now();
  const phase = tallies.map(({ tab, run: ofTab }) => ({
    tab,
    run: ofTab,
    proven: run.tabs[tab] !== undefined,
  }));
  // nobody can tell when a paused one is resumed, nor a phase that is not planned yet
  const known = paused === null && tallies.length > 0;
  const expected = known ? await forecast(phase, now) : null;
  return {
    ...shown,
    expectedEnd: expected === null ? null : new Date(expected.end).toISOString(),
    tabs: underWay(pace, `${request.id}/${run.phase}`, tallies, expected?.tabs ?? [], now),
  };
}
