import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';

/** What a person can press in Temporal's Web UI beside a workflow. */
export const PRESSES = ['Cancel', 'Terminate', 'Reset to the last task', 'Reset to the first task'] as const;
export type Press = (typeof PRESSES)[number];

/** Does to a workflow's latest run what the Web UI does; a reset goes to a workflow task that was completed. */
export async function press(client: Client, what: Press, workflowId: string): Promise<void> {
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  const handle = client.workflow.getHandle(workflowId, runId);
  if (what === 'Cancel') {
    await handle.cancel();
    return;
  }
  if (what === 'Terminate') {
    await handle.terminate('pressed in the Web UI');
    return;
  }
  const { events } = await handle.fetchHistory();
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'pressed in the Web UI',
    workflowTaskFinishEventId:
      (what === 'Reset to the first task' ? tasks[0] : tasks.at(-1))?.eventId ?? null,
    requestId: randomUUID(),
  });
}
