import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { SweepActivities } from '../activities/control-activities.ts';
import type { ImportActivities } from '../activities/import-activities.ts';
import { IMPORT_TASK_QUEUE } from './messages.ts';

/** The next sweep comes in a minute: what does not succeed now is tried then. */
const SOON: ActivityOptions = {
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumAttempts: 3 },
};

export const sweeping = proxyActivities<SweepActivities>(SOON);

export const lateReports = proxyActivities<Pick<ImportActivities, 'writeReport'>>({
  taskQueue: IMPORT_TASK_QUEUE,
  startToCloseTimeout: '1 hour',
  scheduleToStartTimeout: '1 minute',
  heartbeatTimeout: '20 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});
