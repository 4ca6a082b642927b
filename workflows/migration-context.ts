import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { RequestSnapshot } from '../activities/lifecycle-activities.ts';
import { changeState, type State } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import { Journal } from './journal.ts';
import { type MigrationInput, UPDATES, type UpdateArguments } from './messages.ts';
import { type MigrationRecord, newMigrationRecord } from './migration-record.ts';

/** Well before the 2,000 events that a history should not exceed. */
const LONG_HISTORY = 1_500;

/** One request's migration while its workflow runs: its record, its books, and what every part of it needs. */
export class Migration {
  readonly record: MigrationRecord;
  readonly journal: Journal;
  /** number of the latest run of the checks; the result of an earlier one is void */
  checksRun = 0;
  checksUnderWay = false;
  /** the import that was started and has not ended yet; `lost` when it never will, as far as this run hears */
  importing: { phase: Phase; lost: () => void } | null = null;
  readonly #input: MigrationInput;
  #beside = 0;

  constructor(input: MigrationInput) {
    this.#input = input;
    this.record = input.carried ?? newMigrationRecord(input, Date.now());
    this.journal = new Journal(this.record);
  }

  /** The only way from one state to another (the table of states). */
  moveTo(state: State, by: string, action: string, reason: string | null = null): void {
    this.record.state = changeState(this.record.state, state);
    this.journal.note(by, action, reason);
  }

  /** Whether work must halt: the request is paused or being stopped. */
  get interrupted(): boolean {
    return this.record.paused !== null || this.record.stopping !== null;
  }

  /** F1, B2, D2: holds the migration until an operator resumes it. */
  pause(by: string, reason: string, message: 'paused' | 'sourceKeyRefused' = 'paused'): void {
    if (this.record.paused !== null) return;
    this.record.paused = { since: Date.now(), by, reason };
    this.journal.note(by, 'paused', reason);
    this.journal.tell(message, { reason, ...(by === 'system' ? { reasonIsCode: true } : {}) });
  }

  /** Goes on where it was held. */
  resume(by: string, action: string, reason: string | null): void {
    this.record.paused = null;
    this.journal.note(by, action, reason);
    this.journal.tell('resumed');
  }

  /** Whether the history should be cut as soon as nothing is under way. */
  get historyIsLong(): boolean {
    const info = workflowInfo();
    return info.historyLength > LONG_HISTORY || info.continueAsNewSuggested;
  }

  /** Goes on with a new history, the record as it stands. */
  async cutHistory(): Promise<never> {
    await this.settled();
    return continueAsNew<(input: MigrationInput) => Promise<RequestSnapshot>>({
      ...this.#input,
      carried: this.record,
    });
  }

  /** Waits until all commands are answered, the books are written and the mail is taken. */
  async settled(): Promise<void> {
    await condition(() => allHandlersFinished() && this.journal.settled && this.#beside === 0);
  }

  /** Does something that nothing else waits for, except the end of the workflow. It must not throw. */
  beside(work: () => Promise<void>): void {
    this.#beside++;
    void CancellationScope.nonCancellable(async () => {
      await work();
      this.#beside--;
    });
  }

  /**
   * Registers a command.
   * @param permit throws a refusal; synchronous, so that a refused command leaves no trace
   * @param apply changes the record; the answer waits until the change stands in the books
   */
  onCommand<Name extends keyof UpdateArguments>(
    name: Name,
    description: string,
    permit: (argument: UpdateArguments[Name]) => void,
    apply: (argument: UpdateArguments[Name]) => void | Promise<void>,
  ): void {
    setHandler(
      defineUpdate<RequestSnapshot, [UpdateArguments[Name]]>(UPDATES[name]),
      async (argument) => {
        await apply(argument);
        await this.journal.recorded();
        return this.journal.snapshot();
      },
      { validator: permit, description },
    );
  }
}
