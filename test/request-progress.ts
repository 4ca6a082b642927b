import { DEFAULT_LIMITS } from '../domain/lifecycle.ts';
import type { RequestProgress } from '../store/requests.ts';

/** How a request stands that was just created, as its workflow tells it. @param more what is otherwise */
export function requestProgress(request: string, more: Partial<RequestProgress> = {}): RequestProgress {
  return {
    request,
    runId: 'run',
    sequence: 1,
    revision: 1,
    state: 'PENDING',
    submitted: false,
    paused: null,
    missingSteps: [],
    limits: DEFAULT_LIMITS,
    createdAt: 0,
    submittedAt: null,
    expiresAt: null,
    closedAt: null,
    reason: null,
    placeInLine: null,
    expectedStart: null,
    expectedEnd: null,
    replyWindow: null,
    earlyStart: { requester: false, operator: false },
    phases: [],
    reports: [],
    supportTicket: null,
    replies: [],
    ...more,
  };
}
