import type { RetentionActivities, SweepActivities, UndoHoldActivities } from './control-activities.ts';
import type { ActivityDependencies } from './create-activities.ts';
import { makeFindAstray } from './find-astray.ts';
import { makeFindDueErasures } from './find-due-erasures.ts';
import { makeBeginUndo, makeEndUndo } from './hold-portal.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';
import { makeRestoreLine } from './restore-line.ts';
import { makeSettleBeside } from './settle-beside.ts';
import { makeSettleRequest } from './settle-request.ts';
import { tellFaults } from './tell-faults.ts';

/** What lifecycle workers do to look after requests whose own process is over, or was ended in Temporal. */
export function createControlActivities(
  deps: ActivityDependencies,
  lifecycle: Pick<LifecycleActivities, 'eraseSourceKey' | 'leaveQueue' | 'recordRequest' | 'sendMessage'>,
): SweepActivities & UndoHoldActivities & RetentionActivities {
  const { stores, importStores, storage, desk, client, settings, names } = deps;
  const { migration, undo, queue } = names;
  return tellFaults({
    findAstray: makeFindAstray({ client, stores, migration, undo }),
    settleRequest: makeSettleRequest({ client, stores, importStores, desk, lifecycle, names }),
    restoreLine: makeRestoreLine({ client, queue, migration, turns: settings.concurrentTurns }),
    settleBeside: makeSettleBeside({ client, stores, importStores, storage, desk, names }),
    beginUndo: makeBeginUndo({ stores, desk }),
    endUndo: makeEndUndo({ stores, desk }),
    findDueErasures: makeFindDueErasures({ stores, retentionMs: settings.retentionMs }),
  });
}
