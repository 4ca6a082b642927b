import { CancellationScope } from '@temporalio/workflow';
import type { PhaseRun, StagedTab } from '../activities/import-activities.ts';
import type { Tab } from '../domain/tab.ts';
import { imports, said } from './activity-calls.ts';
import type { PhasePosition } from './messages.ts';

/** Stages the tabs of a phase in order, one at a time; the next tab is staged while this one is imported. */
export class Stager {
  readonly #run: PhaseRun;
  readonly #position: PhasePosition;
  readonly #scope = new CancellationScope();
  readonly #staging = new Map<Tab, Promise<StagedTab>>();

  constructor(run: PhaseRun, position: PhasePosition) {
    this.#run = run;
    this.#position = position;
  }

  /** The tab's segments, when all are written. Staging goes on where an earlier attempt ended. @throws ActivityFailure */
  staged(tab: Tab): Promise<StagedTab> {
    let staging = this.#staging.get(tab);
    if (staging === undefined) {
      staging = this.#scope.run(() =>
        imports.stageTab.executeWithOptions(said(`stage ${tab}`), [{ ...this.#run, tab }]),
      );
      // Whether it failed is asked when its turn comes.
      staging.catch(() => undefined);
      this.#staging.set(tab, staging);
    }
    return staging;
  }

  /** Begins with the tab that is imported next. */
  stageNext(): void {
    const next = this.#position.jobs[1];
    if (next !== undefined) void this.staged(next.tab);
  }

  /** Ends what is under way; it is taken up again by the next run. */
  async stop(): Promise<void> {
    this.#scope.cancel();
    await Promise.allSettled(this.#staging.values());
  }
}
