import { asyncLocalStorage } from '@temporalio/activity';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/** F2: adds one line to the audit log; the same number of the same run again is there already. */
export function makeAppendAudit({
  stores,
}: {
  stores: Pick<Stores, 'audit'>;
}): LifecycleActivities['appendAudit'] {
  return async (entry) => {
    await stores.audit.append(entry, asyncLocalStorage.getStore()?.info.workflowExecution?.runId);
  };
}
