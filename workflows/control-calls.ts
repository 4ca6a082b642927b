import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type {
  EraseActivities,
  RetentionActivities,
  SampleActivities,
  SweepActivities,
  UndoActivities,
  UndoHoldActivities,
} from '../activities/control-activities.ts';
import type { ImportActivities } from '../activities/import-activities.ts';
import { IMPORT_TASK_QUEUE } from './messages.ts';

/** The next sweep comes in half a minute: what does not succeed now is tried then. */
const SOON: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumAttempts: 3 },
};

export const sweeping = proxyActivities<SweepActivities>(SOON);

/** Giving back what others wait for never gives up. */
export const giving = proxyActivities<Pick<UndoHoldActivities, 'endUndo'>>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

export const taking = proxyActivities<Pick<UndoHoldActivities, 'beginUndo'>>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumAttempts: 6 },
});

/** An undo that cannot go on is told; ordered again, it goes on with what was decided. */
const THOROUGH: ActivityOptions = {
  taskQueue: IMPORT_TASK_QUEUE,
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '20 seconds',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    maximumAttempts: 12,
  },
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
};

export const undoWork = proxyActivities<UndoActivities>(THOROUGH);

export const erasing = proxyActivities<EraseActivities>(THOROUGH);

export const sampling = proxyActivities<SampleActivities>(THOROUGH);

export const retention = proxyActivities<RetentionActivities>(SOON);

export const lateReports = proxyActivities<Pick<ImportActivities, 'writeReport'>>({
  taskQueue: IMPORT_TASK_QUEUE,
  startToCloseTimeout: '1 hour',
  scheduleToStartTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});
