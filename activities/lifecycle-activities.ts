import type { TabCounts } from '../domain/codes.ts';
import type { Limits, State, Step } from '../domain/lifecycle.ts';
import type { MessageKind } from '../domain/message.ts';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import type { QueueEntry, QueueLeave } from '../workflows/messages.ts';

/** Everything about a request that its workflow knows; what people typed stands in the drafts. */
export interface RequestSnapshot {
  request: string;
  /** Temporal's run, so that a writer of a run that was reset or replaced is refused */
  runId: string;
  /** grows with every snapshot of the request; an older one never overwrites a newer one */
  sequence: number;
  /** which draft holds what was typed */
  revision: number;
  state: State;
  submitted: boolean;
  paused: { since: number; by: string; reason: string } | null;
  missingSteps: Step[];
  /** keys of uploaded files */
  files: string[];
  limits: Limits;
  /** all times in epoch milliseconds */
  createdAt: number;
  submittedAt: number | null;
  expiresAt: number | null;
  closedAt: number | null;
  reason: string | null;
  placeInLine: number | null;
  expectedStart: number | null;
  expectedEnd: number | null;
  replyWindow: { opensAt: number; endsAt: number } | null;
  earlyStart: { requester: boolean; operator: boolean };
  phases: {
    phase: Phase;
    startedAt: number;
    endedAt: number | null;
    tabs: Partial<Record<Tab, TabCounts & { digestsMatch: boolean; warnings: number }>>;
  }[];
  reports: { name: string; version: number; at: number }[];
  supportTicket: string | null;
  /** keys of replies taken, in order */
  replies: string[];
}

/** F2: one line of the audit log. `by` is `role:key name` or `system`, never a person's name or address. */
export interface AuditEntry {
  request: string;
  sequence: number;
  at: number;
  by: string;
  action: string;
  reason: string | null;
  /** who numbers: the request's own process (absent) or another */
  writer?: string;
}

export interface MessageOrder {
  request: string;
  /** numbered by the workflow: the same number is the same message (sent once) */
  sequence: number;
  kind: MessageKind;
  /** epoch milliseconds, workflow time */
  at: number;
  /** of the request when it was told; absent in orders of an earlier version */
  state?: State;
  /** what the message says besides the request's own records; no personal data */
  facts: {
    reason?: string;
    /** the reason is the service's own: a code and words for the team */
    reasonIsCode?: boolean;
    phase?: Phase;
    /** B4, B5: place in line, and when its turn is expected */
    place?: number;
    expectedStart?: number;
    expectedEnd?: number;
    windowEndsAt?: number;
    report?: { name: string; version: number };
    /** which reminder of the window, 1 or 2 */
    reminder?: number;
    /** E1: key of the reply that is acknowledged or came too late */
    reply?: string;
    /** it is paused, whatever else the message tells */
    paused?: boolean;
    /** A9: when an unsubmitted request expires */
    expiresAt?: number;
    counts?: Partial<Record<Tab, TabCounts>>;
  };
}

/** B1: what the automatic checks found, in numbers; the findings themselves are kept for the API. */
export interface ChecksResult {
  /** findings that forbid approval, limits not granted among them */
  blocking: number;
  /** of those: limits that an operator can grant */
  ungranted: number;
  warnings: number;
  /** unpacked */
  bytes: number;
  records: number;
  tabs: { tab: Tab; records: number; bytes: number }[];
}

export interface LifecycleActivities {
  /** Writes the request document that lists and reads show; an older sequence or another run changes nothing. */
  recordRequest(snapshot: RequestSnapshot): Promise<void>;
  /** F2; the same sequence again is done already. */
  appendAudit(entry: AuditEntry): Promise<void>;
  /** F2: adds the entries in their order, then writes the request document; what of it is done already is done. */
  keepBooks(input: { entries: AuditEntry[]; snapshot: RequestSnapshot }): Promise<void>;
  /** Sends one message to the primary contact (requester in copy when another person) and puts it on the support ticket; once per sequence. */
  sendMessage(order: MessageOrder): Promise<void>;
  /** B1's automatic checks over a revision; findings are kept for the API. */
  runChecks(input: { request: string; revision: number; limits: Limits; at: number }): Promise<ChecksResult>;
  /** A8: claims the portal for a request; false when another holds it. */
  claimPortal(input: { request: string; portal: string }): Promise<{ claimed: boolean }>;
  /** A8: gives up a request's claim; another's claim is left alone. */
  releasePortal(input: { request: string; portal: string }): Promise<void>;
  /** C2 */
  closePortal(input: { request: string; portal: string }): Promise<void>;
  openPortal(input: { request: string; portal: string }): Promise<void>;
  /** B2: names of integrations that are on. */
  checkIntegrations(input: { request: string; portal: string }): Promise<{ on: string[] }>;
  /** C1: opens the support ticket in the migration team's own portal; again answers the same id. */
  openSupportTicket(input: { request: string; at: number }): Promise<{ ticket: string }>;
  closeSupportTicket(input: { request: string; at: number }): Promise<void>;
  /** B5: milliseconds until these tabs are done and reported; `told` keeps what people are told of a phase that runs. */
  estimatePhase(input: {
    request: string;
    tabs: { tab: Tab; records: number; bytes: number }[];
    /** of which phase, the how many-th of it, and when (epoch milliseconds) */
    told?: { phase: Phase; number: number; at: number };
  }): Promise<{ milliseconds: number }>;
  /** B5: keeps how fast a tab was imported. */
  recordSpeed(input: {
    request: string;
    tab: Tab;
    /** absent in requests of an earlier version: phase 1 */
    phase?: Phase;
    records: number;
    bytes: number;
    milliseconds: number;
  }): Promise<void>;
  /** B5: a phase has ended: what was told of it is judged, and how long its report took is kept. */
  settleEstimates(input: {
    request: string;
    phase: Phase;
    at: number;
    records: number;
    bytes: number;
    reporting: number;
  }): Promise<void>;
  /** Deletes what was uploaded (A9, F5). */
  eraseUploads(input: { request: string }): Promise<void>;
  /** B3: whether the source takes the request's key. */
  checkSourceKey(input: { request: string }): Promise<{ works: boolean }>;
  /** B3: forgets the key of a request that is over; again is harmless. */
  eraseSourceKey(input: { request: string }): Promise<void>;
  /** B4: stands in the processing queue, starting it when it is not there. */
  joinQueue(entry: QueueEntry): Promise<void>;
  leaveQueue(input: QueueLeave): Promise<void>;
  /** For the queue: which of these migrations no longer run. Beats while it watches; returns when one is gone or after an hour. */
  watchHolders(input: { requests: string[] }): Promise<{ gone: string[] }>;
}
