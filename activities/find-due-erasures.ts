import type { Erasures } from '../store/erasures.ts';
import { type RequestStanding, requestIdsBefore, type Requests } from '../store/requests.ts';
import { beat } from './beat.ts';
import type { RetentionActivities } from './control-activities.ts';

const PAGE = 500;
const MOST = 100;
const DAY_MS = 86_400_000;

/** F5: makes the activity that finds the requests whose retention time is over. */
export function makeFindDueErasures({
  stores,
  retentionMs,
}: {
  stores: { requests: Pick<Requests, 'page'>; erasures: Pick<Erasures, 'among'> };
  /** how long after closing uploads and staged rows are kept, in milliseconds */
  retentionMs: number;
}): RetentionActivities['findDueErasures'] {
  return async ({ now }) => {
    const before = now - retentionMs;
    // who was closed before was created before, and ids stand in the order of time
    const end = requestIdsBefore(before + 1);
    const due: RequestStanding[] = [];
    for (let after = ''; due.length < MOST; ) {
      beat();
      const page = await stores.requests.page(after, PAGE);
      const closed = page.filter(({ closedAt }) => closedAt !== null && closedAt.getTime() <= before);
      const erased = await stores.erasures.among(closed.map(({ id }) => id));
      due.push(...closed.filter(({ id }) => !erased.has(id)));
      after = page.at(-1)?.id ?? end;
      if (page.length < PAGE || after >= end) break;
    }
    return {
      requests: due.slice(0, MOST).map(({ id }) => id),
      days: Math.round((retentionMs / DAY_MS) * 100) / 100,
    };
  };
}
