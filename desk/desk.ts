import type { Fields } from '../domain/canonical.ts';
import type { FailureCode, Result, SkipCode } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';

export type DeskId = string;

/** One tenant of the desk (requirements: words). */
export interface Portal {
  id: string;
  name: string;
  tenant: string;
  plan: 'trial' | 'paid';
  /** A5: most records the portal may hold over all tabs; null = no quota */
  recordQuota: number | null;
  departments: { id: string; name: string; default: boolean }[];
  statuses: string[];
  integrations: { zohoCrm: boolean; salesforce: boolean };
  primaryContact: { agentId: DeskId; name: string; mail: string };
  /** C2: the request that closed the portal to its agents, or null when it is open */
  closedBy: string | null;
  /** B2: the request for which the integrations must stay off, or null when they may be switched */
  integrationsLockedBy: string | null;
}

/** Which run of which request writes (architecture: what makes a re-run harmless). */
export interface ImportStamp {
  portal: string;
  scope: string;
  request: string;
  phase: Phase;
  /** number of the segment the records stand in */
  segment: number;
}

/** A mapped and validated record, ready to be written. */
export interface DeskRecord {
  externalId: string;
  /** as stored, with desk ids in references; without `_id` and `migration` */
  fields: Fields;
  /** digest of the record as the source gave it, before defaults and references */
  source: string;
  /** digest of `fields` */
  written: string;
  /**
   * Whether an earlier phase imported this external id: then a record that is gone was deleted in the desk and is
   * not made again (E3).
   */
  importedBefore: boolean;
}

export interface WriteOutcome {
  result: Result;
  code?: FailureCode | SkipCode;
  message?: string;
  deskId: DeskId | null;
  /** digest of what the desk holds by this import: of the record written, or of the one found unchanged; null when failed or skipped */
  digest: string | null;
}

/** A record read back for reconciliation (D2). */
export interface StoredRecord {
  externalId: string;
  deskId: DeskId;
  /** digest over the record's fields as they stand in the desk now */
  digest: string;
  createdBy: { request: string; phase: Phase } | null;
  fields: Fields;
}

/** An image in a record's body, or a link, and the attachment that it means (C4). */
export interface InlineImage {
  /** as it stands in the body, character by character */
  reference: string;
  attachmentId: DeskId;
}

/** What became of a record that an undo was to take away (F1). `gone`: it was not there any more. */
export type RemoveResult = 'removed' | 'changedSince' | 'notOurs' | 'gone';

export interface RemoveOutcome {
  deskId: DeskId;
  result: RemoveResult;
}

/** Desk ids that cannot be derived from the external id: of records mapped to ones that were there before (C9). */
export interface LinkFinder {
  /** external id -> desk id, for those that are linked */
  find(portal: string, scope: string, tab: Tab, externalIds: readonly string[]): Promise<Map<string, DeskId>>;
}

/** Writing to the place where the data goes. Both the embedded desk and a remote one fit it. */
export interface Desk {
  /** The portals an authorisation opens: here, those of a tenant. */
  portals(tenant: string): Promise<Portal[]>;
  /** @throws PortalNotFound */
  portal(id: string): Promise<Portal>;
  /** C2: closes the portal to its agents for one request; again is harmless. @throws PortalClosed when another request closed it */
  close(portal: string, request: string): Promise<void>;
  /** C2: opens what this request closed; again is harmless. */
  open(portal: string, request: string): Promise<void>;
  /** B2: keeps the integrations off for one request; again is harmless. @throws IntegrationsLocked when another request holds them */
  lockIntegrations(portal: string, request: string): Promise<void>;
  /** B2: ends what this request's lockIntegrations began; again is harmless. */
  unlockIntegrations(portal: string, request: string): Promise<void>;
  /** B6: makes a throw-away copy of the portal (its settings, none of its records) for a sample run; again is harmless. Its id. */
  openSamplePortal(portal: string, request: string): Promise<string>;
  /** B6: removes the request's throw-away copy and all its records; again is harmless. */
  dropSamplePortal(request: string): Promise<void>;
  /** Adds statuses the portal does not have yet (C4, docs/formats.md: unknown values are added). */
  addStatuses(portal: string, statuses: readonly string[]): Promise<void>;
  /** Writes a batch (at most 1,000 records); outcomes in the batch's order. A second write of the same stamp changes nothing and answers the same. */
  write(tab: Tab, batch: readonly DeskRecord[], stamp: ImportStamp): Promise<WriteOutcome[]>;
  /**
   * C4: keeps beside records which attachments the images in their bodies are, so that who shows a body can put them in. Each
   * record's list replaces the one before; an empty one removes it.
   */
  keepInlineImages(
    portal: string,
    tab: Tab,
    records: readonly { deskId: DeskId; images: readonly InlineImage[] }[],
  ): Promise<void>;
  /** C4: what is kept beside these records, for those that have any. */
  inlineImages(portal: string, tab: Tab, deskIds: readonly DeskId[]): Promise<Map<DeskId, InlineImage[]>>;
  /** External id -> desk id for those that exist; both derived ids and links. */
  resolve(
    portal: string,
    scope: string,
    tab: Tab,
    externalIds: readonly string[],
  ): Promise<Map<string, DeskId>>;
  /** Reads records back by external id (derived ids only; links lead to records of others). */
  read(portal: string, scope: string, tab: Tab, externalIds: readonly string[]): Promise<StoredRecord[]>;
  /** How many records stand under the scope (D2). */
  count(portal: string, scope: string, tab: Tab): Promise<number>;
  /** Every record under the scope in id order, in pages: the pass that names extra records (D2). */
  scan(
    portal: string,
    scope: string,
    tab: Tab,
  ): AsyncIterable<{ externalId: string; createdBy: { request: string; phase: Phase } | null }[]>;
  /**
   * Every record of the portal's tab in id order, whoever made it, in pages: what was there before (C3, C9).
   * @param except a request whose own records are left out
   */
  scanPortal(
    portal: string,
    tab: Tab,
    fields: readonly string[],
    except?: string,
  ): AsyncIterable<{ deskId: DeskId; createdBy: { request: string; phase: Phase } | null; fields: Fields }[]>;
  /**
   * F1: deletes records by desk id, but only those that this request created and nobody changed since; outcomes in the
   * order of the ids. Whether others refer to them is the caller's to decide.
   */
  remove(tab: Tab, deskIds: readonly DeskId[], request: string): Promise<RemoveOutcome[]>;
  /** F1: what `remove` would do with these as they stand now; nothing changes. */
  wouldRemove(tab: Tab, deskIds: readonly DeskId[], request: string): Promise<RemoveOutcome[]>;
}
