import { CancellationScope, condition, patched, setCurrentDetails } from '@temporalio/workflow';
import type { PhaseRun, TabProof } from '../activities/import-activities.ts';
import type { Tab } from '../domain/tab.ts';
import { imports, said } from './activity-calls.ts';
import type { TabJob } from './messages.ts';
import type { StagedSoFar } from './stager.ts';

/** How much of a tab is under way at a time. */
interface Pace {
  /** import activities; as many as keep two workers busy while the next one is on its way to them */
  imports: number;
  /** segments that one activity reads back */
  readBack: number;
}

const PACE: Pace = { imports: 4, readBack: 5 };

/** Phases that began before have fewer and larger shares under way, and fold what was imported when all is proven. */
const MORE_AT_A_TIME = 'more-at-a-time';
const FORMER_PACE: Pace = { imports: 2, readBack: 10 };

/** How many activities read back what is left of a tab when its import has ended, or has gone far ahead. */
const READ_BACKS = 2;

/**
 * Phases that began before import only what pieces that are staged to their end hold, and read back one range at a time until the
 * import has ended.
 */
const AS_CLOSED = 'import-as-closed';

/**
 * Phases that began before waited for what nothing depends on: a freeze of contacts that freezes nothing, how fast a tab was, and the
 * images, which can be resolved when all is imported.
 */
export const FEWER_WAITS = 'fewer-waits';

/** What becomes of the jobs as they are done. */
interface Told {
  /** asked between groups: whether to end early, at a segment boundary */
  mustLeave(): boolean;
  /** what stands in the Web UI when another tab has its turn (F3) */
  details(): string;
  /** all tabs are imported; what is left is read back and proven meanwhile. Not told in phases that began at the former pace */
  imported?(): void;
  /** a tab is read back and proven; its job is done when this ends */
  proven(job: TabJob, proof: TabProof): Promise<void>;
}

/**
 * Imports tabs in their order (A3), each as far as it is staged, reads them back close behind, and proves them (D1, D2). A tab
 * waits until the one before is imported, since its records may refer to those; that one is read back and proven meanwhile.
 * `jobs` always says what is left, without a gap.
 * @param follow gives a tab's segments as they are staged
 * @returns false when it ended early; nothing of it runs any more
 * @throws ActivityFailure, CancelledFailure, also of staging; nothing of it runs any more
 */
export async function importTabs(
  run: PhaseRun,
  jobs: TabJob[],
  follow: (tab: Tab) => StagedSoFar,
  told: Told,
): Promise<boolean> {
  const asClosed = patched(AS_CLOSED);
  const pace = patched(MORE_AT_A_TIME) ? PACE : FORMER_PACE;
  const frozenAfter: How['frozenAfter'] = patched(FEWER_WAITS) ? ['agents'] : ['agents', 'contacts'];
  const faults: unknown[] = [];
  const unproven = new Set<TabJob>();
  const mustLeave = (): boolean => faults.length > 0 || told.mustLeave();
  const how: How = { mustLeave, asClosed, pace, frozenAfter };

  const prove = async (job: TabJob, progress: Progress): Promise<void> => {
    await readBack(run, job, progress, how);
    job.spent = Date.now() - progress.begun;
    if (!progress.isWhole) return;
    const { tab } = job;
    const proof = await imports.proveTab.executeWithOptions(said(`proof of ${tab}`), [{ ...run, tab }]);
    await told.proven(job, proof);
    jobs.splice(jobs.indexOf(job), 1);
  };

  const last = jobs.at(-1);
  for (const job of jobs.slice()) {
    const progress = { begun: Date.now() - job.spent, ended: false, isWhole: false };
    setCurrentDetails(told.details());
    unproven.add(job);
    void prove(job, progress)
      .catch((error: unknown) => faults.push(error))
      .then(() => unproven.delete(job));
    try {
      progress.isWhole = await importTab(run, job, follow(job.tab), how);
    } catch (error) {
      faults.push(error);
    }
    progress.ended = true;
    if (faults.length > 0 || !progress.isWhole) break;
    if (job === last && pace === PACE) told.imported?.();
  }
  await CancellationScope.nonCancellable(() => condition(() => unproven.size === 0));
  if (faults.length > 0) throw faults[0];
  return jobs.length === 0;
}

/** How the import of a tab stands, for who follows it. */
interface Progress {
  /** when it would have begun without a pause; epoch milliseconds */
  begun: number;
  ended: boolean;
  /** all of it is imported, and what others look up in it is frozen */
  isWhole: boolean;
}

interface How {
  mustLeave: () => boolean;
  asClosed: boolean;
  pace: Pace;
  /** tabs after which the context is frozen further */
  frozenAfter: readonly ('agents' | 'contacts')[];
}

/** @returns whether all of the tab is imported */
async function importTab(run: PhaseRun, job: TabJob, staged: StagedSoFar, how: How): Promise<boolean> {
  const { tab } = job;
  await condition(() => job.work === 'import' || staged.ended);
  if (job.work === 'prove' && staged.fault === null) job.imported = staged.segments;
  if (!(await importStaged(run, job, staged, how))) return false;
  const after = how.frozenAfter.find((each) => each === tab);
  if (job.work === 'import' && after !== undefined)
    await imports.freezeContext.executeWithOptions(said(`the ${tab} as they are now`), [{ ...run, after }]);
  return true;
}

/**
 * Shares out what is staged as it comes, until all is: a few groups at a time, in order; across a barrier only when all before it
 * are done. After a fault no group is begun, and those under way come to their end.
 */
async function importStaged(
  run: PhaseRun,
  job: TabJob,
  staged: StagedSoFar,
  { mustLeave, asClosed, pace }: How,
): Promise<boolean> {
  const { tab } = job;
  const groups = new RangesUnderWay(job.imported, (end) => {
    job.imported = end;
  });
  const mustStop = (): boolean => groups.faults.length > 0 || mustLeave();

  /** @returns the last segment that is shared out; null when it has to stop */
  const shareOut = async (shared: number, to?: number): Promise<number | null> => {
    let last = shared;
    for (let after: number | null = shared; after !== null && after < (to ?? Number.POSITIVE_INFINITY); ) {
      const page = await imports.planImport.executeWithOptions(said(`groups of ${tab} after ${after}`), [
        { ...run, tab, after, ...(to === undefined ? {} : { to }) },
      ]);
      for (const [index, { from, to: end }] of page.groups.entries()) {
        await groups.atMost(page.barriers.includes(index) ? 0 : pace.imports - 1);
        if (mustStop()) return null;
        groups.start(from, end, () =>
          imports.importSegments.executeWithOptions(said(`import ${tab} ${from}-${end}`), [
            { ...run, tab, from, to: end },
          ]),
        );
        last = end;
      }
      after = page.next;
    }
    return last;
  };

  const shareOutPieces = async (): Promise<void> => {
    for (let shared = job.imported; ; ) {
      await condition(() => staged.ended || staged.segments > shared || mustStop());
      if (staged.fault !== null) throw staged.fault;
      if (shared >= staged.segments || mustStop()) return;
      const [to, isAll] = [staged.segments, staged.ended];
      if ((await shareOut(shared, isAll ? undefined : to)) === null) return;
      shared = to;
    }
  };

  /** A segment that is closed never changes: what the piece under way has closed is looked for whenever a group is done. */
  const shareOutClosed = async (): Promise<void> => {
    await condition(() => staged.ended || staged.segments > job.imported || mustStop());
    for (let shared: number | null = job.imported; ; ) {
      if (staged.fault !== null) throw staged.fault;
      if ((staged.ended && shared >= staged.segments) || mustStop()) return;
      const done = groups.done;
      shared = await shareOut(shared);
      if (shared === null) return;
      const known = shared;
      await condition(() => staged.ended || staged.segments > known || groups.done > done || mustStop());
    }
  };
  await groups.allOf(asClosed ? shareOutClosed() : shareOutPieces());
  return staged.ended && job.imported >= staged.segments;
}

/** Reads back what the import has finished, until it has ended; what is then left by several at a time. */
async function readBack(
  run: PhaseRun,
  job: TabJob,
  progress: Progress,
  { asClosed, pace }: How,
): Promise<void> {
  const { tab } = job;
  const { readBack } = pace;
  const ranges = new RangesUnderWay(job.reconciled, (end) => {
    job.reconciled = end;
  });

  const isBehind = (begun: number): boolean => job.imported - begun >= 2 * readBack;
  const follow = async (): Promise<void> => {
    for (let begun = job.reconciled; ; ) {
      await condition(() => progress.ended || job.imported - begun >= readBack);
      if (!asClosed) await ranges.atMost(progress.ended ? READ_BACKS - 1 : 0);
      else await condition(() => ranges.count < (progress.ended || isBehind(begun) ? READ_BACKS : 1));
      if (begun >= job.imported || ranges.faults.length > 0) return;
      const left = job.imported - begun;
      const share = progress.ended ? Math.ceil(left / (READ_BACKS - ranges.count)) : readBack;
      const [from, to] = [begun + 1, begun + Math.min(left, share, readBack)];
      ranges.start(from, to, () =>
        imports.reconcileSegments.executeWithOptions(said(`read back ${tab} ${from}-${to}`), [
          { ...run, tab, from, to },
        ]),
      );
      begun = to;
    }
  };
  await ranges.allOf(follow());
}

/** Work on ranges of segments that are begun in order and may end in another one. */
class RangesUnderWay {
  readonly faults: unknown[] = [];
  readonly #underWay = new Set<number>();
  readonly #done = new Map<number, number>();
  readonly #reached: (end: number) => void;
  #end: number;
  #ended = 0;

  /**
   * @param end the last segment that is done already
   * @param reached told the last segment up to which all are done
   */
  constructor(end: number, reached: (end: number) => void) {
    this.#end = end;
    this.#reached = reached;
  }

  get count(): number {
    return this.#underWay.size;
  }

  /** how many have come to their end so far */
  get done(): number {
    return this.#ended;
  }

  start(from: number, to: number, work: () => Promise<unknown>): void {
    this.#underWay.add(from);
    void work()
      .then(
        () => this.#isDone(from, to),
        (error: unknown) => this.faults.push(error),
      )
      .then(() => {
        this.#underWay.delete(from);
        this.#ended++;
      });
  }

  atMost(count: number): Promise<void> {
    return condition(() => this.#underWay.size <= count);
  }

  /** Waits for who starts work, and then for all the work. @throws the first fault of either */
  async allOf(starting: Promise<void>): Promise<void> {
    try {
      await starting;
    } catch (error) {
      this.faults.push(error);
    }
    await CancellationScope.nonCancellable(() => this.atMost(0));
    if (this.faults.length > 0) throw this.faults[0];
  }

  #isDone(from: number, to: number): void {
    this.#done.set(from, to);
    for (let end = this.#done.get(this.#end + 1); end !== undefined; end = this.#done.get(this.#end + 1)) {
      this.#end = end;
      this.#reached(end);
    }
  }
}
