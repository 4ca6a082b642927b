import type { LifecycleActivities } from './lifecycle-activities.ts';

/** F2: what was decided stands in the audit log before lists and reads show it. */
export function makeKeepBooks({
  appendAudit,
  recordRequest,
}: Pick<LifecycleActivities, 'appendAudit' | 'recordRequest'>): LifecycleActivities['keepBooks'] {
  return async ({ entries, snapshot }) => {
    for (const entry of entries) await appendAudit(entry);
    await recordRequest(snapshot);
  };
}
