import { createReportSigner } from '../store/report-signature.ts';
import type {
  EraseActivities,
  RetentionActivities,
  SampleActivities,
  SweepActivities,
  UndoActivities,
  UndoHoldActivities,
} from './control-activities.ts';
import { type ActivityDependencies, openSourceOf } from './create-activities.ts';
import { makeChooseSample } from './choose-sample.ts';
import { makeClearSample } from './clear-sample.ts';
import { makeDecideUndo } from './decide-undo.ts';
import { makeEraseRequest } from './erase-request.ts';
import { makeFindAstray } from './find-astray.ts';
import { makeFindDueErasures } from './find-due-erasures.ts';
import { makeBeginUndo, makeEndUndo, whileHeld } from './hold-portal.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';
import { makeRemoveRecords } from './remove-records.ts';
import { makeRemoveUnused } from './remove-unused.ts';
import { makeRestoreLine } from './restore-line.ts';
import { makeSettleBeside } from './settle-beside.ts';
import { makeSettleRequest } from './settle-request.ts';
import { tellFaults } from './tell-faults.ts';
import { makeWriteUndoReport } from './write-undo-report.ts';

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

/** What import workers do besides importing: samples, taking back what was imported, and erasing. */
export function createAftercareActivities(
  deps: ActivityDependencies,
): UndoActivities & EraseActivities & SampleActivities {
  const { stores, importStores, incomingMails, storage, desk, settings } = deps;
  return tellFaults({
    eraseRequest: makeEraseRequest({
      stores,
      importStores,
      incomingMails,
      sourceKeys: deps.sourceKeys,
      storage,
      desk,
    }),
    chooseSample: makeChooseSample({ stores: importStores, storage, openSource: openSourceOf(deps) }),
    clearSample: makeClearSample({ stores, importStores, storage, desk }),
    decideUndo: whileHeld({ stores, desk }, makeDecideUndo({ stores: { ...stores, ...importStores }, desk })),
    removeRecords: makeRemoveRecords({ stores, desk }),
    removeUnused: makeRemoveUnused({ stores, storage, desk }),
    writeUndoReport: makeWriteUndoReport({
      stores,
      storage,
      signer: createReportSigner(settings.linkSecret),
    }),
  });
}
