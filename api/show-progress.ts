import { RESULTS } from '../domain/codes.ts';
import { isFinal } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import { TABS } from '../domain/tab.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { ProgressAnswer } from './answers.ts';
import type { Api } from './app.ts';
import type { TabTally } from './read-progress.ts';

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

/** Tabs that wait are expected to go as fast as the one that moves. */
function underWay(
  pace: Pace,
  request: string,
  phase: Phase,
  tallies: readonly TabTally[],
  now: number,
  held: boolean,
): TabShown[] {
  let expected = now;
  let known = !held;
  let speed: number | null = null;
  return tallies.map(({ tab, total, results }) => {
    const done = RESULTS.reduce((sum, result) => sum + results[result], 0);
    const finished = total !== null && done >= total;
    const measured = finished ? null : pace.measure(`${request}/${phase}/${tab}`, done, now);
    if (measured !== null && measured > 0) speed = measured;
    if (!finished) {
      if (total === null || speed === null) known = false;
      else expected += ((total - done) / speed) * 1_000;
    }
    return {
      tab,
      total,
      done,
      ...results,
      recordsPerSecond: measured,
      expectedEnd: known && !finished ? new Date(expected).toISOString() : null,
    };
  });
}

/** The phase that runs or ran last, tab by tab (H: progress, events). */
export async function showProgress(api: Api, pace: Pace, request: RequestDocument): Promise<ProgressAnswer> {
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
  const over = run.endedAt !== null || isFinal(request.state);
  const tabs = over
    ? ended(run.tabs)
    : underWay(
        pace,
        request.id,
        run.phase,
        await api.progress(request.id, run.phase),
        Date.now(),
        paused !== null,
      );
  return { ...shown, tabs };
}
