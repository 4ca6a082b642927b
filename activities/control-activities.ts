import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import type { UndoCounts, UndoStep } from '../domain/undo.ts';
import type { WrittenReport } from './import-activities.ts';

/** What became of a request that was looked at. */
export type Settled =
  /** its document and its process agree */
  | 'sound'
  /** its process ended without a word, and its document, portal and place in line say so now */
  | 'ended'
  /** another run took over (reset in Temporal), and its document tells what that run knows */
  | 'takenOver'
  /** a run took over whose portal belongs to another request by now: it was told to end */
  | 'dismissed'
  /** Temporal has never heard of it, or not kept it; an operator has to look */
  | 'unknown';

/** The activities of the sweep (requirements B4, C2, F2): what Temporal's own Cancel, Terminate and Reset leave behind is put right. */
export interface SweepActivities {
  /**
   * The requests whose document and process seem not to agree.
   * @param input.since epoch milliseconds: only what closed or began in Temporal since; null = look at everything
   * @returns `more`: there are others, for the next sweep
   */
  findAstray(input: { since: number | null }): Promise<{ requests: string[]; more: boolean }>;
  /**
   * Puts one request right. Again is harmless.
   * @returns what was wrong, and the phase that was begun but is not reported yet
   */
  settleRequest(input: { request: string }): Promise<{ outcome: Settled; unreported: Phase | null }>;
  /** B4: lets the queue, starting it when it is gone, and the migrations agree on who has a turn and who waits. */
  restoreLine(): Promise<{ restored: number }>;
  /** F2: notes which undos, erasures and samples were terminated in Temporal, and takes away what a sample left (B6). Again is harmless. */
  settleBeside(input: { since: number | null }): Promise<{ ended: number }>;
}

export interface UndoStepRun {
  request: string;
  step: UndoStep;
}

/** The activities of an undo (F1), on the task queue of the import workers. */
export interface UndoActivities {
  /** Decides which of the records that the request created are removed, and keeps the decisions; again answers what was decided. */
  decideUndo(run: UndoStepRun): Promise<{ created: number }>;
  /** Removes what was decided; a record that was changed in the last moment is kept. Again is harmless. */
  removeRecords(run: UndoStepRun): Promise<UndoCounts>;
  /** Removes the request's links, and its attachment files that no record has any more. */
  removeUnused(input: { request: string }): Promise<{ links: number; files: number }>;
  /** Writes the undo's report: per tab what was removed or kept and why. */
  writeUndoReport(input: {
    request: string;
    /** epoch milliseconds */
    startedAt: number;
    links: number;
    files: number;
  }): Promise<WrittenReport>;
}

/** What an undo holds while it runs, on the task queue of the lifecycle workers. */
export interface UndoHoldActivities {
  /** A8: claims the portal for the undo and closes it to its agents. `taken`: another request holds it. */
  beginUndo(input: { request: string }): Promise<{ portal: string | null; taken: boolean }>;
  /** Gives back what beginUndo took. */
  endUndo(input: { request: string }): Promise<void>;
}

/** F5: the activities of an erasure. */
export interface EraseActivities {
  /** Deletes uploaded files and staged rows of a request that is over, and notes what was erased; again is harmless. */
  eraseRequest(input: {
    request: string;
    /** epoch milliseconds */
    at: number;
    by: string;
    reason: string;
  }): Promise<Erased>;
}

/** What was erased, as it is told. */
export interface Erased {
  files: number;
  bytes: number;
  segments: number;
  records: number;
  mails: number;
  attachmentFiles: number;
}

/** F5: on the task queue of the lifecycle workers. */
export interface RetentionActivities {
  /** Requests that were closed longer ago than the retention time and are not erased yet; the longest ago first, at most 100. */
  findDueErasures(input: { now: number }): Promise<{ requests: string[]; days: number }>;
}

/** What of a tab a sample takes. */
export interface ChosenTab {
  tab: Tab;
  chosen: number;
}

/** The activities of a sample run besides those of an import (B6), on the task queue of the import workers. */
export interface SampleActivities {
  /** Chooses the first records of each staged tab and everything they refer to; the others are marked NOT_IN_SAMPLE. */
  chooseSample(input: { request: string; records: number }): Promise<{ tabs: ChosenTab[] }>;
  /** Removes the throw-away portal and all that a sample run kept but its report; again is harmless. */
  clearSample(input: { request: string }): Promise<void>;
}
