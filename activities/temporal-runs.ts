import { type Client, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';

/** The latest run of a workflow, as Temporal itself tells it. */
export interface LatestRun {
  runId: string;
  status: WorkflowExecutionStatusName;
  /** epoch milliseconds: when it ended, or while it runs, when it began */
  at: number;
}

/** @param runId one run of it; without it, the latest. Null when Temporal knows of none */
export async function describeRun(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<LatestRun | null> {
  try {
    const found = await client.workflow.getHandle(workflowId, runId).describe();
    const at = (found.closeTime ?? found.startTime).getTime();
    return { runId: found.runId, status: found.status.name, at };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Whether a workflow runs now. */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  return (await describeRun(client, workflowId))?.status === 'RUNNING';
}
