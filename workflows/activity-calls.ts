import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { ImportActivities } from '../activities/import-activities.ts';
import type { LifecycleActivities } from '../activities/lifecycle-activities.ts';
import { IMPORT_TASK_QUEUE } from './messages.ts';

/** How long an import worker may be silent before its work is given to another, and before its turn is passed on (B4). */
export const IMPORT_HEARTBEAT_MS = 20_000;

/** What must be done however long it takes: books that lag behind are caught up when their store is back. */
const UNTIL_DONE: ActivityOptions = {
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
};
/** What an operator should hear of when it does not succeed: about six minutes, then the request is paused. */
const BOUNDED: ActivityOptions = {
  startToCloseTimeout: '1 minute',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    maximumAttempts: 12,
  },
};
const IMPORT: ActivityOptions = {
  ...BOUNDED,
  taskQueue: IMPORT_TASK_QUEUE,
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: IMPORT_HEARTBEAT_MS,
  // A phase has ended only when nothing of it writes any more.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

export const books =
  proxyActivities<Pick<LifecycleActivities, 'recordRequest' | 'appendAudit' | 'keepBooks'>>(UNTIL_DONE);

/** What gives back something that others wait for; it never gives up. */
export const releases =
  proxyActivities<
    Pick<
      LifecycleActivities,
      'releasePortal' | 'openPortal' | 'leaveQueue' | 'closeSupportTicket' | 'eraseUploads' | 'eraseSourceKey'
    >
  >(UNTIL_DONE);

export const lifecycle =
  proxyActivities<
    Pick<
      LifecycleActivities,
      'claimPortal' | 'closePortal' | 'checkIntegrations' | 'openSupportTicket' | 'joinQueue'
    >
  >(BOUNDED);

/** B5 is a courtesy: what it does not learn in a minute it does without. */
export const estimates = proxyActivities<
  Pick<LifecycleActivities, 'estimatePhase' | 'recordSpeed' | 'settleEstimates'>
>({
  startToCloseTimeout: '20 seconds',
  scheduleToCloseTimeout: '1 minute',
});

export const checks = proxyActivities<Pick<LifecycleActivities, 'runChecks'>>({
  ...BOUNDED,
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '1 minute',
});

/** B3: what is not learned in some minutes is tried again with the next reminder. */
export const sourceChecks = proxyActivities<Pick<LifecycleActivities, 'checkSourceKey'>>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '10 seconds', backoffCoefficient: 2, maximumAttempts: 4 },
});

/** A message waits a day for a mail server that is away. */
export const post = proxyActivities<Pick<LifecycleActivities, 'sendMessage'>>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '24 hours',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '10 minutes' },
});

/** The phase 1 report waits an hour; then an operator hears of it (E1: the window opens when it is taken). */
export const reportPost = proxyActivities<Pick<LifecycleActivities, 'sendMessage'>>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '1 hour',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '2 minutes' },
});

export const holders = proxyActivities<Pick<LifecycleActivities, 'watchHolders'>>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

export const imports = proxyActivities<ImportActivities>(IMPORT);

/** Gives one call of an activity the line that the Web UI shows for it (F3). */
export const said = (summary: string): ActivityOptions => ({ summary });
