import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities, RequestSnapshot } from './lifecycle-activities.ts';

interface Dependencies {
  stores: Pick<Stores, 'requests' | 'drafts' | 'uploads'>;
  client: Client;
  /** the workflow id of a request */
  workflowIdOf: (request: string) => string;
}

class RequestNotOwned extends Error {
  readonly code = 'REQUEST_NOT_OWNED';
}

/**
 * Writes the request document that lists and reads show. An older snapshot changes nothing; neither does a snapshot of a
 * run whose place another run took (reset, started again): Temporal is asked which one is current.
 */
export function makeRecordRequest({
  stores,
  client,
  workflowIdOf,
}: Dependencies): LifecycleActivities['recordRequest'] {
  return async (snapshot) => {
    const typed = await typedOf(stores, snapshot);
    const put = await stores.requests.put(snapshot, typed);
    if (put.result !== 'otherRun') return;
    if ((await currentRun(client, workflowIdOf(snapshot.request))) !== snapshot.runId) return;
    await stores.requests.put(snapshot, typed, put.runId);
  };
}

async function typedOf(stores: Dependencies['stores'], { request, revision, files }: RequestSnapshot) {
  const [tenant, draft, uploads] = await Promise.all([
    stores.requests.tenantOf(request),
    stores.drafts.get(request, revision),
    stores.uploads.list(request, null),
  ]);
  if (tenant === null) throw new RequestNotOwned('nobody is noted as the owner of the request');
  return { tenant, draft, files: uploads.filter((upload) => files.includes(upload.key)) };
}

async function currentRun(client: Client, workflowId: string): Promise<string | null> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).runId;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
