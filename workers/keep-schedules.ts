import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  type ScheduleOptions,
} from '@temporalio/client';
import { ERASE_DUE, LIFECYCLE_TASK_QUEUE, SWEEP } from '../workflows/messages.ts';

type Kept = Pick<ScheduleOptions, 'scheduleId' | 'spec' | 'policies'> & {
  action: ScheduleOptions['action'];
  memo: string;
};

/** What Temporal starts by itself. */
const SCHEDULES: readonly Kept[] = [
  {
    scheduleId: 'sweep',
    // what is wrong is right within a minute, with what the sweep itself takes
    spec: { intervals: [{ every: '30 seconds' }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '30 seconds' },
    action: {
      type: 'startWorkflow',
      workflowType: SWEEP,
      workflowId: SWEEP,
      taskQueue: LIFECYCLE_TASK_QUEUE,
      args: [],
      workflowExecutionTimeout: '30 minutes',
      staticSummary: 'Documents, portals and the line say the truth',
    },
    memo: 'Puts right what Cancel, Terminate and Reset in Temporal leave behind.',
  },
  {
    scheduleId: 'erase-due',
    spec: { intervals: [{ every: '1 hour' }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 hour' },
    action: {
      type: 'startWorkflow',
      workflowType: ERASE_DUE,
      workflowId: 'erase-due',
      taskQueue: LIFECYCLE_TASK_QUEUE,
      args: [],
      staticSummary: 'Erases what its retention time is over for',
    },
    memo: 'Erases uploaded files and staged rows of requests that were closed long enough ago (F5).',
  },
];

/** Makes the schedules that the service needs, and brings those that are there already up to date. Again is harmless. */
export async function keepSchedules(client: Client): Promise<void> {
  for (const { memo, ...schedule } of SCHEDULES) {
    const { scheduleId, spec, policies, action } = schedule;
    try {
      await client.schedule.create({ ...schedule, state: { note: memo } });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule
        .getHandle(scheduleId)
        .update(({ state }) => ({ spec, action, state, ...(policies === undefined ? {} : { policies }) }));
    }
  }
}
