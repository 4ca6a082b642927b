import { CancellationScope, patched } from '@temporalio/workflow';
import type { PhaseRun } from '../activities/import-activities.ts';
import type { Tab } from '../domain/tab.ts';
import { imports, said } from './activity-calls.ts';
import type { PhasePosition } from './messages.ts';

/** How far a tab is staged. */
export interface StagedSoFar {
  /** segments that are written, from the first on */
  segments: number;
  /** nothing more comes: all is staged, or it failed */
  ended: boolean;
  /** why no more could be staged */
  fault: Error | null;
}

/** A phase that was under way before this change stages each tab whole. */
const IN_PIECES = 'stage-in-pieces';
/** Segments of a tab's first piece; each further piece doubles what is staged, so that what is read again to go on is little. */
const FIRST_PIECE = 8;

/**
 * Stages the tabs of a phase in order, one at a time. What is staged of a tab is imported while the rest of it is staged; the
 * tabs behind it are staged ahead.
 */
export class Stager {
  readonly #run: PhaseRun;
  readonly #position: PhasePosition;
  /** the order of tabs to stage without a stop; null for a phase that began when only the next one was staged ahead */
  readonly #order: readonly Tab[] | null;
  readonly #scope = new CancellationScope();
  readonly #staging = new Map<Tab, { soFar: StagedSoFar; ending: Promise<void> }>();

  constructor(run: PhaseRun, position: PhasePosition, isAhead: boolean) {
    this.#run = run;
    this.#position = position;
    this.#order = isAhead ? position.jobs.map(({ tab }) => tab) : null;
  }

  /** The tab's segments as they come. Staging goes on where an earlier attempt ended. */
  follow(tab: Tab): StagedSoFar {
    const known = this.#staging.get(tab);
    if (known !== undefined) return known.soFar;
    const soFar: StagedSoFar = { segments: 0, ended: false, fault: null };
    const ending = this.#scope
      .run(() => this.#stage(tab, soFar))
      .catch((error: unknown) => {
        // told to whoever imports the tab, when its turn comes
        soFar.fault = error instanceof Error ? error : new Error(String(error));
      })
      .then(() => {
        soFar.ended = true;
        if (soFar.fault !== null) return;
        if (this.#order !== null) this.#stageBehind(tab);
        else if (tab === this.#position.jobs[0]?.tab) this.stageNext();
      });
    this.#staging.set(tab, { soFar, ending });
    return soFar;
  }

  /** Begins with the tab that is imported next. */
  stageNext(): void {
    const next = this.#position.jobs[1];
    if (next !== undefined) this.follow(next.tab);
  }

  #stageBehind(tab: Tab): void {
    const next = this.#order?.[this.#order.indexOf(tab) + 1];
    if (next !== undefined) this.follow(next);
  }

  /** Ends what is under way; it is taken up again by the next run. */
  async stop(): Promise<void> {
    this.#scope.cancel();
    await Promise.all([...this.#staging.values()].map(({ ending }) => ending));
  }

  async #stage(tab: Tab, soFar: StagedSoFar): Promise<void> {
    if (!patched(IN_PIECES)) {
      soFar.segments = (await this.#piece(tab, {})).segments;
      return;
    }
    for (let more: boolean | undefined = true; more === true; ) {
      const until = Math.max(FIRST_PIECE, 2 * soFar.segments);
      const staged = await this.#piece(tab, { until });
      soFar.segments = staged.segments;
      more = staged.more;
    }
  }

  #piece(tab: Tab, piece: { until?: number }) {
    return imports.stageTab.executeWithOptions(said(`stage ${tab}`), [{ ...this.#run, tab, ...piece }]);
  }
}
