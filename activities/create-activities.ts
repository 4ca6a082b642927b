import type { Client } from '@temporalio/client';
import type { Configuration } from '../configuration/read-configuration.ts';
import type { Desk } from '../desk/desk.ts';
import type { MailSender } from '../mail/send-mail.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import { makeFoldImported } from './fold-imported.ts';
import { makeFreezeContext } from './freeze-context.ts';
import type { ImportActivities } from './import-activities.ts';
import { makeImportSegments } from './import-segments.ts';
import { makePlanImport } from './plan-import.ts';
import { makePlanPhase } from './plan-phase.ts';
import { makeProveTab } from './prove-tab.ts';
import { makeReconcileSegments } from './reconcile-segments.ts';
import { makeStageTab } from './stage-tab.ts';
import { makeWriteReport } from './write-report.ts';

/** What the activities reach the world by; a worker opens it once and closes it at its end. */
export interface ActivityDependencies {
  stores: Stores;
  importStores: ImportStores;
  storage: Storage;
  desk: Desk;
  mail: MailSender;
  client: Client;
  configuration: Configuration;
}

/** The activities of import workers (design: From file to desk). */
export function createImportActivities(deps: ActivityDependencies): ImportActivities {
  const { storage, desk } = deps;
  const all = { stores: { ...deps.stores, ...deps.importStores }, storage, desk };
  return {
    planPhase: makePlanPhase(all),
    freezeContext: makeFreezeContext(all),
    stageTab: makeStageTab(all),
    planImport: makePlanImport(all),
    importSegments: makeImportSegments(all),
    reconcileSegments: makeReconcileSegments(all),
    proveTab: makeProveTab(all),
    foldImported: makeFoldImported(all),
    writeReport: makeWriteReport(all),
  };
}
