import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

const LONGEST = 300;
const STABLE_CODE = /^[A-Z][A-Z0-9_]+$/;

/**
 * What people are told of a fault: its stable code and message. An error without a stable code is named only, since its
 * message may hold anything.
 */
export function faultOf(error: unknown): string {
  if (error instanceof ActivityFailure) return `${error.activityType}: ${faultOf(error.cause)}`;
  if (error instanceof ChildWorkflowFailure) return `${error.workflowType}: ${faultOf(error.cause)}`;
  if (error instanceof ApplicationFailure) {
    const type = error.type ?? 'FAULT';
    return STABLE_CODE.test(type) ? `${type}: ${error.message}`.slice(0, LONGEST) : unnamed(type);
  }
  if (error instanceof TimeoutFailure) {
    // where attempts failed before the time was up, why they did says more
    return error.cause === undefined
      ? 'TIMEOUT: no worker did it in time; see that they run'
      : faultOf(error.cause);
  }
  if (error instanceof CancelledFailure) return 'CANCELLED: ended from outside';
  if (error instanceof TerminatedFailure) return 'TERMINATED: ended from outside';
  return unnamed(error instanceof Error ? error.name : 'FAULT');
}

const unnamed = (name: string): string => `${name}: the log of the workers tells more`;
