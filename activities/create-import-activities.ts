import { createReportSigner } from '../store/report-signature.ts';
import type { OpenSource } from './ask-source.ts';
import type { ActivityDependencies } from './create-activities.ts';
import { makeDrawSource } from './draw-source.ts';
import { makeFoldImported } from './fold-imported.ts';
import { makeFreezeContext } from './freeze-context.ts';
import type { ImportActivities } from './import-activities.ts';
import { makeImportSegments } from './import-segments.ts';
import { makeOpenSource } from './open-source.ts';
import { makePlanImport } from './plan-import.ts';
import { makePlanPhase } from './plan-phase.ts';
import { makeProveTab } from './prove-tab.ts';
import { makeReconcileSegments } from './reconcile-segments.ts';
import { makeResolveImages } from './resolve-images.ts';
import { makeStageTab } from './stage-tab.ts';
import { tellFaults } from './tell-faults.ts';
import { makeWriteReport } from './write-report.ts';

/** What opens the source of a request for an activity. */
export function openSourceOf({ stores, sourceKeys, settings }: ActivityDependencies): OpenSource {
  return makeOpenSource({ drafts: stores.drafts, sourceKeys, allowed: settings.sourceHosts });
}

/** The activities of import workers (design: From file to desk). */
export function createImportActivities(deps: ActivityDependencies): ImportActivities {
  const { storage, desk } = deps;
  const openSource = openSourceOf(deps);
  const all = { stores: { ...deps.stores, ...deps.importStores }, storage, desk, openSource };
  return tellFaults({
    drawSource: makeDrawSource(all),
    planPhase: makePlanPhase(all),
    freezeContext: makeFreezeContext(all),
    stageTab: makeStageTab(all),
    planImport: makePlanImport(all),
    importSegments: makeImportSegments(all),
    reconcileSegments: makeReconcileSegments(all),
    proveTab: makeProveTab(all),
    resolveImages: makeResolveImages(all),
    foldImported: makeFoldImported(all),
    writeReport: makeWriteReport({ ...all, signer: createReportSigner(deps.settings.linkSecret) }),
  });
}
