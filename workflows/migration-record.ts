import type { PhasePlan } from '../activities/import-activities.ts';
import type { ChecksResult, RequestSnapshot } from '../activities/lifecycle-activities.ts';
import { expiryMoments, type Limits, missingSteps, type State, type Step } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import type { UploadSummary } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import type { Command, MigrationInput, PhasePosition, Turn } from './messages.ts';

type PhaseRecord = RequestSnapshot['phases'][number];

/**
 * A request as its workflow knows it: ids, counts and times, no personal data. Plain values only, so that it goes
 * through continue-as-new as it is.
 */
export interface MigrationRecord {
  request: string;
  replyWindowMs: number;
  failureShare: number;
  limits: Limits;
  /** number of the latest snapshot, audit entry, message and turn */
  sequence: number;
  audited: number;
  messages: number;
  tickets: number;

  state: State;
  revision: number;
  done: Step[];
  portal: string | null;
  source: string | null;
  /** B3: the source is read by its API, and whether a key of it was given */
  readsApi?: boolean;
  sourceKeyGiven?: boolean;
  files: UploadSummary[];
  createdAt: number;
  submittedAt: number | null;
  /** A9; null while submitted and ever after approval */
  expiresAt: number | null;
  remindAt: number | null;
  closedAt: number | null;
  /** why it was sent back, rejected, cancelled or stopped */
  reason: string | null;

  /** B1: null = not run since what they look at changed */
  checks: ChecksResult | null;
  approvedAt: number | null;
  paused: { since: number; by: string; reason: string } | null;
  stopping: Command | null;
  /** `leaving`: it is being given back; `placeTold`: the place in line was mailed (B4) */
  turn: (Turn & { granted: boolean; leaving?: boolean; placeTold?: boolean }) | null;
  /** B4: a paused request that had its turn comes next when resumed */
  comesNext: boolean;
  /** C2: closed by this request */
  portalClosed: boolean;
  placeInLine: number | null;
  expectedStart: number | null;
  expectedEnd: number | null;

  phases: (PhaseRecord & {
    /** what there is to import, counted apart */
    plan: PhasePlan['tabs'];
    /** where to go on after a pause */
    position: PhasePosition | null;
    /** B5: the requester was told the expected completion */
    told: boolean;
    /** B5: how many estimates of its end were told, and when the last one was; absent before the first */
    estimates?: { count: number; at: number };
    /** D2: the operator lets the report go out as it is */
    accept: boolean;
  })[];
  reports: RequestSnapshot['reports'];
  supportTicket: string | null;
  replyWindow: { opensAt: number; endsAt: number } | null;
  remindersSent: number;
  earlyStart: { requester: boolean; operator: boolean };
  replies: string[];
  /** those that came after the window; each is told so once (E2) */
  lateReplies: string[];
  replyFiles: UploadSummary[];
  /** F1: tabs whose failed records are to be tried again in the window */
  retries: Tab[];
}

export type PhaseInRecord = MigrationRecord['phases'][number];

/** A request as it is created. */
export function newMigrationRecord(input: MigrationInput, now: number): MigrationRecord {
  return {
    request: input.request,
    replyWindowMs: input.replyWindowMs,
    failureShare: input.failureShare,
    limits: input.limits,
    sequence: 0,
    audited: 0,
    messages: 0,
    tickets: 0,
    state: 'PENDING',
    revision: input.steps.revision,
    // the portal counts as chosen when its claim succeeded (A8)
    done: input.steps.done.filter((step) => step !== 'portal'),
    portal: null,
    source: input.steps.source ?? null,
    readsApi: input.steps.readsApi ?? false,
    sourceKeyGiven: input.sourceKeyGiven ?? false,
    files: [],
    createdAt: now,
    submittedAt: null,
    expiresAt: expiryMoments(now).expiresAt,
    remindAt: expiryMoments(now).remindAt,
    closedAt: null,
    reason: null,
    checks: null,
    approvedAt: null,
    paused: null,
    stopping: null,
    turn: null,
    comesNext: false,
    portalClosed: false,
    placeInLine: null,
    expectedStart: null,
    expectedEnd: null,
    phases: [],
    reports: [],
    supportTicket: null,
    replyWindow: null,
    remindersSent: 0,
    earlyStart: { requester: false, operator: false },
    replies: [],
    lateReplies: [],
    replyFiles: [],
    retries: [],
  };
}

/** A2: the steps without which the request is not submitted. */
export function stepsMissing(record: MigrationRecord): Step[] {
  const done: Step[] = record.sourceKeyGiven === true ? [...record.done, 'sourceKey'] : record.done;
  return missingSteps(done, record.files.length, record.readsApi);
}

/** The phase's own entry; undefined before it began. */
export function phaseOf(record: MigrationRecord, phase: Phase): PhaseInRecord | undefined {
  return record.phases.find((each) => each.phase === phase);
}

/** The latest report of a phase; undefined before there is one. */
export function reportOf(
  record: MigrationRecord,
  phase: Phase,
): { name: string; version: number } | undefined {
  const last = record.reports.filter((report) => report.name === phase).at(-1);
  return last && { name: last.name, version: last.version };
}

/** Records that failed in the latest phase (F3). */
export function failedRecords(record: MigrationRecord): number {
  let failed = 0;
  for (const counts of Object.values(record.phases.at(-1)?.tabs ?? {})) failed += counts.failed;
  return failed;
}

/** What lists and reads show of a request. */
export function snapshotOf(record: MigrationRecord, runId: string): RequestSnapshot {
  return {
    request: record.request,
    runId,
    sequence: record.sequence,
    revision: record.revision,
    state: record.state,
    submitted: record.submittedAt !== null,
    paused: record.paused && { ...record.paused },
    missingSteps: stepsMissing(record),
    files: record.files.map((file) => file.key),
    limits: { ...record.limits },
    createdAt: record.createdAt,
    submittedAt: record.submittedAt,
    expiresAt: record.expiresAt,
    closedAt: record.closedAt,
    reason: record.reason,
    placeInLine: record.placeInLine,
    expectedStart: record.expectedStart,
    expectedEnd: record.expectedEnd,
    replyWindow: record.replyWindow && { ...record.replyWindow },
    earlyStart: { ...record.earlyStart },
    phases: record.phases.map(({ phase, startedAt, endedAt, tabs }) => ({
      phase,
      startedAt,
      endedAt,
      tabs: { ...tabs },
    })),
    reports: record.reports.map((report) => ({ ...report })),
    supportTicket: record.supportTicket,
    replies: [...record.replies],
  };
}
