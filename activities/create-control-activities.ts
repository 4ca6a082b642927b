import type { SweepActivities } from './control-activities.ts';
import type { ActivityDependencies } from './create-activities.ts';
import { makeFindAstray } from './find-astray.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';
import { makeRestoreLine } from './restore-line.ts';
import { makeSettleRequest } from './settle-request.ts';

/** What lifecycle workers do to look after requests whose own process is over, or was ended in Temporal. */
export function createControlActivities(
  deps: ActivityDependencies,
  lifecycle: Pick<LifecycleActivities, 'leaveQueue' | 'recordRequest' | 'sendMessage'>,
): SweepActivities {
  const { stores, importStores, desk, client, settings, names } = deps;
  const { migration, undo, queue } = names;
  return {
    findAstray: makeFindAstray({ client, stores, migration, undo }),
    settleRequest: makeSettleRequest({ client, stores, importStores, desk, lifecycle, names }),
    restoreLine: makeRestoreLine({ client, queue, migration, turns: settings.concurrentTurns }),
  };
}
