/** B5: when a phase is expected to end, from what is done, what is left, and speeds. All times in milliseconds. */

/** What a step took for so many records and bytes. */
export interface Measured {
  records: number;
  bytes: number;
  milliseconds: number;
}

/**
 * The steps that are measured: reading a tab's source into segments, importing them with the read-back close behind, proving
 * the tab, and what follows when all are proven.
 */
export const STEPS = ['staging', 'importing', 'proving', 'reporting'] as const;
export type Step = (typeof STEPS)[number];
/** Speeds of earlier imports; a step that was never measured is left out. */
export type Learned = Partial<Record<Step, Measured>>;

/** How far a tab is in this run. */
export interface TabRun {
  records: number;
  bytes: number;
  /** records in segments that are closed, and when the first and the last were; null before the first */
  staged: { records: number; ended: boolean; from: number | null; to: number | null };
  /** records imported, and the latest segments among them: how many records, from when to when they were imported */
  imported: { records: number; latest: readonly { records: number; from: number; to: number }[] };
  /** segments under way */
  underWay: readonly { records: number; from: number }[];
  proven: boolean;
}

/** A tab with what earlier imports of its kind have shown. */
export interface TabAhead extends TabRun {
  learned: Learned;
}

/** Before anything was measured: modest, so that people are rather told too late a time than too early a one. */
const UNMEASURED: Required<Learned> = {
  staging: { records: 20_000, bytes: 20_000_000, milliseconds: 1_000 },
  importing: { records: 2_500, bytes: 2_500_000, milliseconds: 1_000 },
  proving: { records: 40_000, bytes: 40_000_000, milliseconds: 1_000 },
  reporting: { records: 20_000, bytes: 20_000_000, milliseconds: 1_000 },
};

/** Staging goes on beside the import, by the same processors: a record takes so much of what importing it takes. */
const STAGING_SHARE = 0.25;
/** What starting and ending a step takes, however little there is to do. */
const STEP_MS = 250;
/** A share that is measured on so many segments counts as much as what was learned before. */
const HALF_TRUST = 1;
/** This run is not taken to be more than so many times faster or slower than those before. */
const MOST_APART = 20;

/** How long a step takes at the speed that was learned: by records or by bytes, whichever is slower. */
function timeFor(step: Step, records: number, bytes: number, learned: Learned): number {
  const { milliseconds, ...measured } = learned[step] ?? UNMEASURED[step];
  return Math.max(ratio(records, measured.records), ratio(bytes, measured.bytes)) * milliseconds;
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

/** A tab of which nothing is done yet. */
export function notBegun(records: number, bytes: number): TabRun {
  return {
    records,
    bytes,
    staged: { records: 0, ended: false, from: null, to: null },
    imported: { records: 0, latest: [] },
    underWay: [],
    proven: false,
  };
}

/**
 * B5: what phase 2 is expected to hold, before it is planned: what failed in phase 1 once more, and what came with the replies, which is
 * taken to be made up as phase 1 was.
 * @param failed records that failed in phase 1
 * @param replied bytes of the replies' files
 */
export function secondRun<Tab extends string>(
  tabs: readonly { tab: Tab; records: number; bytes: number }[],
  failed: Partial<Record<NoInfer<Tab>, number>>,
  replied: number,
): { tab: Tab; records: number; bytes: number }[] {
  const whole = tabs.reduce((sum, { bytes }) => sum + bytes, 0);
  return tabs.map(({ tab, records, bytes }) => {
    const again = Math.min(1, ratio(failed[tab] ?? 0, records)) + ratio(replied, whole);
    return { tab, records: Math.ceil(records * again), bytes: Math.ceil(bytes * again) };
  });
}

/**
 * When a phase under way is expected to end, and each of its tabs. What this run has shown of its speed counts the more, the more of it
 * there is; what has not begun is expected to differ from what was learned before as much as what has.
 * @param tabs in the order of import
 * @param after what was learned of the time behind the last tab
 * @param now epoch milliseconds
 * @returns epoch milliseconds; of a tab that is proven null
 */
export function expectedEnd(
  tabs: readonly TabAhead[],
  after: Learned,
  now: number,
): { end: number; tabs: (number | null)[] } {
  const pace = paceOf(tabs, now);
  // A tab is imported as it is staged, and all are staged one after the other.
  let imports = now;
  let stager = now;
  const ends = tabs.map((tab) => {
    if (tab.proven) return null;
    const staged = tab.staged.ended ? now : stager + stagingLeft(tab, pace, now);
    stager = staged;
    imports = Math.max(imports + importingLeft(tab, tabs, pace, now), staged) + provingLeft(tab, pace, now);
    return imports;
  });
  const records = tabs.reduce((sum, tab) => sum + tab.records, 0);
  const bytes = tabs.reduce((sum, tab) => sum + tab.bytes, 0);
  const whole = STEP_MS + pace * timeFor('reporting', records, bytes, after);
  const proven = tabs.every((tab) => tab.proven);
  return { end: imports + (proven ? stillLeft(whole, lastDone(tabs), now) : whole), tabs: ends };
}

/** How many times longer this run takes than was learned. */
function paceOf(tabs: readonly TabAhead[], now: number): number {
  let took = 0;
  let expected = 0;
  let segments = 0;
  for (const tab of tabs) {
    const lately = importedLately(tab, tabs, now);
    if (lately === null) continue;
    took += lately.took;
    expected += lately.expected;
    segments += tab.imported.latest.length;
  }
  if (took <= 0 || expected <= 0) return 1;
  const pace = Math.min(MOST_APART, Math.max(1 / MOST_APART, took / expected));
  return pace ** trust(segments);
}

/**
 * What the latest segments of a tab took, and what they and all that was staged meanwhile would have taken by what was learned.
 * Of what is under way half is taken to be done.
 * @returns milliseconds; null before the first segment
 */
function importedLately(
  tab: TabAhead,
  tabs: readonly TabAhead[],
  now: number,
): { took: number; expected: number } | null {
  const { latest } = tab.imported;
  if (latest.length === 0) return null;
  const from = latest.reduce((least, each) => Math.min(least, each.from), now);
  const to = tab.underWay.length > 0 ? now : latest.reduce((most, each) => Math.max(most, each.to), from);
  const underWay = tab.underWay.map((each) => ({ from: Math.max(each.from, from), to: now }));
  const records = latest.reduce((sum, each) => sum + each.records, 0) + half(tab.underWay);
  const staging = tabs.reduce((sum, each) => sum + workOf(each, 0, stagedBetween(each, from, to, now)), 0);
  return { took: covered([...latest, ...underWay]), expected: workOf(tab, records, 0) + staging };
}

/** How many records of a tab were staged between two moments, taken to be staged evenly. */
function stagedBetween({ staged }: TabRun, from: number, to: number, now: number): number {
  const end = staged.ended ? staged.to : now;
  if (staged.from === null || end === null || end <= staged.from) return 0;
  const between = Math.max(0, Math.min(to, end) - Math.max(from, staged.from));
  return (staged.records * between) / (end - staged.from);
}

/** What importing some records of a tab and staging others would take by what was learned, where both go on side by side. */
function workOf(tab: TabAhead, imported: number, staged: number): number {
  const records = (imported + STAGING_SHARE * staged) / (1 + STAGING_SHARE);
  return timeFor('importing', records, bytesOf(tab, records), tab.learned);
}

function half(segments: TabRun['underWay']): number {
  return segments.reduce((sum, { records }) => sum + records, 0) / 2;
}

/** How much time spans cover together: segments are imported side by side, and pauses do not count. */
export function covered(spans: readonly { from: number; to: number }[]): number {
  let sum = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

function trust(measured: number): number {
  return measured / (measured + HALF_TRUST);
}

function bytesOf(tab: TabRun, records: number): number {
  return tab.bytes * ratio(records, tab.records);
}

function stagingLeft(tab: TabAhead, pace: number, now: number): number {
  const { records, from, to } = tab.staged;
  const left = Math.max(0, tab.records - records);
  const before = timeFor('staging', left, bytesOf(tab, left), tab.learned) * pace;
  if (from === null || to === null || to <= from) return STEP_MS + before;
  // the first segment was closed when it was read: the time between shows the others
  const own = ((to - from) / Math.max(1, records)) * left;
  return Math.max(0, before / 2 + own / 2 - Math.max(0, now - to) / 2);
}

/** Also what staging the tab takes from the import. */
function importingLeft(tab: TabAhead, tabs: readonly TabAhead[], pace: number, now: number): number {
  const left = Math.max(0, tab.records - tab.imported.records - half(tab.underWay));
  const expected = workOf(tab, left, Math.max(0, tab.records - tab.staged.records));
  const before = expected * pace;
  const lately = importedLately(tab, tabs, now);
  if (lately === null) return before;
  const own = ratio(lately.took, lately.expected) * expected;
  const share = trust(tab.imported.latest.length);
  return own * share + before * (1 - share);
}

function provingLeft(tab: TabAhead, pace: number, now: number): number {
  const whole = STEP_MS + timeFor('proving', tab.records, tab.bytes, tab.learned) * pace;
  return tab.imported.records >= tab.records && tab.underWay.length === 0
    ? stillLeft(whole, lastDone([tab]), now)
    : whole;
}

/** What is left of a step that has begun and of which nothing more is known; it is not over before it is. */
function stillLeft(whole: number, begun: number | null, now: number): number {
  const left = begun === null ? whole : whole - (now - begun);
  return Math.max(left, whole / 10);
}

function lastDone(tabs: readonly TabRun[]): number | null {
  const ends = tabs.flatMap((tab) => tab.imported.latest.map(({ to }) => to));
  return ends.length === 0 ? null : ends.reduce((last, each) => Math.max(last, each));
}
