import type { Db } from 'mongodb';
import { type Audit, createAudit } from './audit.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import { createErasures, type Erasures } from './erasures.ts';
import { createEstimates, type Estimates } from './estimates.ts';
import { createFindings, type StoredFindings } from './findings.ts';
import { createIdempotency, type Idempotency } from './idempotency.ts';
import { createKeys, type Keys } from './keys.ts';
import { createLinks, type Links } from './links.ts';
import { createMappings, type Mappings } from './mappings.ts';
import { createMessages, type Messages } from './messages.ts';
import { createPortalClaims, type PortalClaims } from './portal-claims.ts';
import { createReplies, type Replies } from './replies.ts';
import type { ReportSigner } from './report-signature.ts';
import { createReports, type Reports } from './reports.ts';
import { createRequests, type Requests } from './requests.ts';
import { createSpeeds, type Speeds } from './speeds.ts';
import { createSupportTickets, type SupportTickets } from './support-tickets.ts';
import { createUndoDecisions, type UndoDecisions } from './undo-decisions.ts';
import { createUploads, type Uploads } from './uploads.ts';

/** Deskferry's own records, but for those of the import. */
export interface Stores {
  audit: Audit;
  drafts: Drafts;
  erasures: Erasures;
  estimates: Estimates;
  findings: StoredFindings;
  idempotency: Idempotency;
  keys: Keys;
  links: Links;
  mappings: Mappings;
  messages: Messages;
  portalClaims: PortalClaims;
  replies: Replies;
  reports: Reports;
  requests: Requests;
  speeds: Speeds;
  supportTickets: SupportTickets;
  undoDecisions: UndoDecisions;
  uploads: Uploads;
}

/** @param signer signs the audit log (F2); null = it is not signed */
export function createStores(db: Db, signer: ReportSigner | null): Stores {
  return {
    audit: createAudit(db, signer),
    drafts: createDrafts(db),
    erasures: createErasures(db),
    estimates: createEstimates(db),
    findings: createFindings(db),
    idempotency: createIdempotency(db),
    keys: createKeys(db),
    links: createLinks(db),
    mappings: createMappings(db),
    messages: createMessages(db),
    portalClaims: createPortalClaims(db),
    replies: createReplies(db),
    reports: createReports(db),
    requests: createRequests(db),
    speeds: createSpeeds(db),
    supportTickets: createSupportTickets(db),
    undoDecisions: createUndoDecisions(db),
    uploads: createUploads(db),
  };
}
