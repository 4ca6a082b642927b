import { Context } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { LifecycleActivities } from './lifecycle-activities.ts';

const EVERY_MS = 10_000;
const WATCH_MS = 3_600_000;

/**
 * B4: watches the migrations that have a turn, asking Temporal about each every ten seconds.
 * @param stopping when the worker stops: then another one is to watch
 * @returns those that no longer run, as soon as there is one; nobody after an hour, or when the worker stops
 */
export function makeWatchHolders({
  client,
  workflowIdOf,
  stopping,
}: {
  client: Client;
  workflowIdOf: (request: string) => string;
  stopping: AbortSignal;
}): LifecycleActivities['watchHolders'] {
  return async ({ requests }) => {
    const context = Context.current();
    const until = Date.now() + WATCH_MS;
    for (;;) {
      const states = await Promise.all(
        requests.map(async (request) => ({ request, runs: await runs(client, workflowIdOf(request)) })),
      );
      const gone = states.filter((state) => !state.runs).map((state) => state.request);
      if (gone.length > 0 || stopping.aborted || Date.now() >= until) return { gone };
      context.heartbeat();
      await Promise.race([context.sleep(EVERY_MS), aborted(stopping)]);
    }
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function runs(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
