import { createReportSigner } from '../store/report-signature.ts';
import { makeChooseSample } from './choose-sample.ts';
import { makeClearSample } from './clear-sample.ts';
import type { EraseActivities, SampleActivities, UndoActivities } from './control-activities.ts';
import type { ActivityDependencies } from './create-activities.ts';
import { openSourceOf } from './create-import-activities.ts';
import { makeDecideUndo } from './decide-undo.ts';
import { makeEraseRequest } from './erase-request.ts';
import { whileHeld } from './hold-portal.ts';
import { makeRemoveRecords } from './remove-records.ts';
import { makeRemoveUnused } from './remove-unused.ts';
import { tellFaults } from './tell-faults.ts';
import { makeWriteUndoReport } from './write-undo-report.ts';

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
