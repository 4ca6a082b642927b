import { WorkflowNotFoundError } from '@temporalio/client';
import type { LifecycleActivities } from './lifecycle-activities.ts';
import { QUEUE_STORY, type RestoreLineDependencies, restoreLine } from './restore-line.ts';
import { isRunning } from './temporal-runs.ts';

/**
 * B4: stands in line, starting the processing queue when it does not run: with everyone that an earlier one had, since nobody must
 * get a turn that another still has. The same ticket stands there once.
 */
export function makeJoinQueue(deps: RestoreLineDependencies): LifecycleActivities['joinQueue'] {
  const { client, queue, turns } = deps;
  return async (entry) => {
    if (!(await isRunning(client, queue.workflowId))) await restoreLine(deps);
    await client.workflow.signalWithStart(queue.workflowType, {
      workflowId: queue.workflowId,
      taskQueue: queue.taskQueue,
      args: [{ turns }],
      signal: queue.signals.join,
      signalArgs: [entry, turns],
      ...QUEUE_STORY,
    });
  };
}

/** B4: gives the turn, or the place in line, back. A queue that does not run holds nothing. */
export function makeLeaveQueue({
  client,
  queue,
}: Pick<RestoreLineDependencies, 'client' | 'queue'>): LifecycleActivities['leaveQueue'] {
  return async (place) => {
    try {
      await client.workflow.getHandle(queue.workflowId).signal(queue.signals.leave, place);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
}
