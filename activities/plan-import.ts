import type { ImportStores } from '../store/import-stores.ts';
import type { Segment } from '../store/segments.ts';
import type { ImportActivities, ImportGroups } from './import-activities.ts';

/** An activity's work: consecutive segments until so many records, or so many bytes, are together. */
const GROUP_RECORDS = 4_000;
const GROUP_BYTES = 64_000_000;
/** Of what there is at first, a group is at most this part, so that several workers have something of a small tab, too. */
const SHARES = 4;
const GROUPS_AT_ONCE = 200;
const PAGE = 500;

/** Makes the activity that shares a staged tab out to import activities. */
export function makePlanImport({
  stores,
}: {
  stores: Pick<ImportStores, 'segments'>;
}): ImportActivities['planImport'] {
  return async ({ after, to = Number.POSITIVE_INFINITY, ...run }) => {
    const groups: ImportGroups['groups'] = [];
    const barriers: number[] = [];
    let rank = after === 0 ? null : ((await stores.segments.get(run, after))?.rank ?? null);
    let bytes = 0;
    for (let last = after; ; ) {
      const page = await stores.segments.page(run, last, PAGE);
      const most = last === 0 ? Math.min(GROUP_RECORDS, recordsOf(page) / SHARES) : GROUP_RECORDS;
      for (const segment of page) {
        // what is staged behind it meanwhile has its turn later
        if (segment.number > to) return { groups, barriers, next: null };
        const group = groups.at(-1);
        const fits =
          group !== undefined &&
          rank === segment.rank &&
          group.records < most &&
          group.records + segment.records <= most &&
          bytes + segment.bytes <= GROUP_BYTES;
        if (fits) {
          group.to = segment.number;
          group.records += segment.records;
          bytes += segment.bytes;
          continue;
        }
        if (groups.length === GROUPS_AT_ONCE) return { groups, barriers, next: group?.to ?? null };
        if (rank !== null && rank !== segment.rank) barriers.push(groups.length);
        rank = segment.rank;
        groups.push({ from: segment.number, to: segment.number, records: segment.records });
        bytes = segment.bytes;
      }
      if (page.length < PAGE) return { groups, barriers, next: null };
      last = page.at(-1)?.number ?? last;
    }
  };
}

function recordsOf(segments: readonly Pick<Segment, 'records'>[]): number {
  return segments.reduce((sum, { records }) => sum + records, 0);
}
