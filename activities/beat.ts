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
