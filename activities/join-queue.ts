import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { LifecycleActivities } from './lifecycle-activities.ts';

interface Dependencies {
  client: Client;
  /** names of the processing queue in Temporal */
  queue: {
    workflowId: string;
    workflowType: string;
    taskQueue: string;
    signals: { join: string; leave: string };
  };
  /** B4: how many phases run at a time */
  turns: number;
}

/** B4: stands in line, starting the processing queue when it does not run. The same ticket stands there once. */
export function makeJoinQueue({ client, queue, turns }: Dependencies): LifecycleActivities['joinQueue'] {
  return async (entry) => {
    await client.workflow.signalWithStart(queue.workflowType, {
      workflowId: queue.workflowId,
      taskQueue: queue.taskQueue,
      args: [{ turns }],
      signal: queue.signals.join,
      signalArgs: [entry, turns],
      staticSummary: 'Whose turn it is',
      staticDetails: 'One turn is one phase run. Phase 2 goes first, then phase 1 in the order of approval.',
    });
  };
}

/** B4: gives the turn, or the place in line, back. A queue that does not run holds nothing. */
export function makeLeaveQueue({ client, queue }: Dependencies): LifecycleActivities['leaveQueue'] {
  return async (place) => {
    try {
      await client.workflow.getHandle(queue.workflowId).signal(queue.signals.leave, place);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
}
