import type { Client } from '@temporalio/client';
import type { Desk } from '../desk/desk.ts';
import type { Phase } from '../domain/phase.ts';
import type { MailSender } from '../mail/send-mail.ts';
import type { IncomingMails } from '../store/incoming-mail.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { SourceKeys } from '../store/source-keys.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import { openSourceOf } from './create-import-activities.ts';
import { makeAppendAudit } from './append-audit.ts';
import { makeCheckIntegrations } from './check-integrations.ts';
import { makeCheckSourceKey } from './check-source-key.ts';
import { makeClaimPortal, makeReleasePortal } from './claim-portal.ts';
import { makeClosePortal, makeOpenPortal } from './close-portal.ts';
import { makeEraseUploads } from './erase-uploads.ts';
import { makeEstimatePhase, makeRecordSpeed, makeSettleEstimates } from './estimate-phase.ts';
import { makeJoinQueue, makeLeaveQueue } from './join-queue.ts';
import { makeKeepBooks } from './keep-books.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';
import { makeRecordRequest } from './record-request.ts';
import { makeRunChecks } from './run-checks.ts';
import type { MigrationNames, QueueNames } from './restore-line.ts';
import { makeSendMessage, type SendMessageDependencies } from './send-message.ts';
import { makeCloseSupportTicket, makeOpenSupportTicket } from './support-ticket.ts';
import { tellFaults } from './tell-faults.ts';
import { makeWatchHolders } from './watch-holders.ts';

/** What the activities reach the world by; a worker opens it once and closes it at its end. */
export interface ActivityDependencies {
  stores: Stores;
  importStores: ImportStores;
  incomingMails: IncomingMails;
  sourceKeys: SourceKeys;
  storage: Storage;
  desk: Desk;
  mail: MailSender;
  client: Client;
  /** when the worker stops: what only watches ends then, for another worker to go on */
  stopping: AbortSignal;
  settings: SendMessageDependencies['settings'] & {
    /** whom a request over a limit is sent to (A4) */
    supportAddress: string;
    /** how many phase runs go at a time (B4) */
    concurrentTurns: number;
    /** how long after closing uploads and staged rows are kept (F5), in milliseconds */
    retentionMs: number;
    /** hosts of sources that may be private or speak plain http (B3) */
    sourceHosts: readonly string[];
  };
  names: WorkflowNames;
}

/** What runs beside a request's own process. */
export interface BesideNames {
  workflowType: string;
  workflowIdOf: (request: string) => string;
}

/** Names in Temporal; they are the workflows' own and come from their worker. */
export interface WorkflowNames {
  migration: MigrationNames & {
    /** query that tells a migration as it stands */
    snapshot: string;
    /** signal that tells it that the import it waits for does not run any more */
    importLost: string;
  };
  importPhaseOf: (request: string, phase: Phase) => string;
  undo: BesideNames;
  erase: BesideNames;
  sample: BesideNames;
  queue: QueueNames;
}

/** The activities of lifecycle workers: everything about a request but its import. */
export function createLifecycleActivities(deps: ActivityDependencies): LifecycleActivities {
  const { stores, importStores, storage, desk, mail, client, settings, names } = deps;
  const { migration, queue } = names;
  const { workflowIdOf } = migration;
  const inQueue = { client, queue, migration, turns: settings.concurrentTurns };
  const books = {
    recordRequest: makeRecordRequest({ stores, client, workflowIdOf }),
    appendAudit: makeAppendAudit({ stores }),
  };
  return tellFaults({
    ...books,
    keepBooks: makeKeepBooks(books),
    sendMessage: makeSendMessage({ stores, importStores, storage, desk, mail, settings }),
    runChecks: makeRunChecks({
      stores,
      storage,
      desk,
      openSource: openSourceOf(deps),
      supportAddress: settings.supportAddress,
    }),
    claimPortal: makeClaimPortal({ stores, desk }),
    releasePortal: makeReleasePortal({ stores, desk }),
    closePortal: makeClosePortal({ desk }),
    openPortal: makeOpenPortal({ desk }),
    checkIntegrations: makeCheckIntegrations({ desk, claims: stores.portalClaims }),
    openSupportTicket: makeOpenSupportTicket({ stores }),
    closeSupportTicket: makeCloseSupportTicket({ stores }),
    estimatePhase: makeEstimatePhase({ stores, importStores }),
    recordSpeed: makeRecordSpeed({ stores, importStores }),
    settleEstimates: makeSettleEstimates({ stores }),
    checkSourceKey: makeCheckSourceKey({ openSource: openSourceOf(deps) }),
    eraseSourceKey: ({ request }) => deps.sourceKeys.remove(request),
    eraseUploads: makeEraseUploads({ stores, storage, incomingMails: deps.incomingMails }),
    joinQueue: makeJoinQueue(inQueue),
    leaveQueue: makeLeaveQueue(inQueue),
    watchHolders: makeWatchHolders({ client, workflowIdOf, stopping: deps.stopping }),
  });
}
