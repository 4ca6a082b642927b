import type { Phase } from '../domain/phase.ts';

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
   */
  findAstray(input: { since: number | null }): Promise<{ requests: string[] }>;
  /**
   * Puts one request right. Again is harmless.
   * @returns what was wrong, and the phase that was begun but is not reported yet
   */
  settleRequest(input: { request: string }): Promise<{ outcome: Settled; unreported: Phase | null }>;
  /** B4: tells the queue, starting it when it is gone, of everyone who has a turn or waits and whom it does not know. */
  restoreLine(): Promise<{ restored: number }>;
}
