import { asyncLocalStorage, CancelledFailure } from '@temporalio/activity';

/**
 * Tells the server that the activity lives, and ends it when it was cancelled; outside of an activity it does nothing.
 * @throws CancelledFailure
 */
export function beat(): void {
  const context = asyncLocalStorage.getStore();
  if (context === undefined) return;
  if (context.cancellationSignal.aborted) {
    const reason: unknown = context.cancellationSignal.reason;
    throw reason instanceof Error ? reason : new CancelledFailure('the activity was cancelled');
  }
  context.heartbeat();
}

const EVERY_MS = 3_000;

/**
 * `beat` while something is waited for that gives no sign of life itself.
 * @returns what it gives
 * @throws what it throws; CancelledFailure, leaving it behind, when the activity is cancelled
 */
export async function beatWhile<T>(work: Promise<T>): Promise<T> {
  const cancelled = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    try {
      beat();
    } catch (error) {
      cancelled.reject(error instanceof Error ? error : new CancelledFailure('the activity was cancelled'));
    }
  }, EVERY_MS);
  try {
    return await Promise.race([work, cancelled.promise]);
  } finally {
    clearInterval(timer);
  }
}

/** Says whether the activity under way, if there is one, is to end. */
export function cancellation(): AbortSignal | undefined {
  return asyncLocalStorage.getStore()?.cancellationSignal;
}

/**
 * When this attempt was scheduled by the server, in epoch milliseconds; outside of an activity, now. Of two attempts it tells
 * the newer one, which attempt numbers do not: they restart.
 */
export function attemptTime(): number {
  return asyncLocalStorage.getStore()?.info.currentAttemptScheduledTimestampMs ?? Date.now();
}
