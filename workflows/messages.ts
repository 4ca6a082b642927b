import type { PhasePlan, TabProof, WrittenReport } from '../activities/import-activities.ts';
import type { Limits, Step } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import type { UploadSummary } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import type { MigrationRecord } from './migration-record.ts';
import type { SamplePosition } from './sample-run.ts';

/** The contract between the API and the workflows: ids, task queues, arguments, updates, signals, queries. */

export const LIFECYCLE_TASK_QUEUE = 'deskferry';
export const IMPORT_TASK_QUEUE = 'deskferry-imports';

export const migrationWorkflowId = (request: string): string => `migration/${request}`;
export const importPhaseWorkflowId = (request: string, phase: Phase): string =>
  `import-phase/${request}/${phase}`;
export const PROCESSING_QUEUE_WORKFLOW_ID = 'processing-queue';
export const undoWorkflowId = (request: string): string => `undo/${request}`;
export const eraseWorkflowId = (request: string): string => `erase/${request}`;
export const sampleWorkflowId = (request: string): string => `sample/${request}`;

/** Workflow types. */
export const MIGRATION = 'migration';
export const IMPORT_PHASE = 'importPhase';
export const PROCESSING_QUEUE = 'processingQueue';
export const UNDO = 'undo';
export const ERASE = 'erase';
export const ERASE_DUE = 'eraseDue';
export const SWEEP = 'sweep';
export const SAMPLE_RUN = 'sampleRun';

export interface MigrationInput {
  request: string;
  /** length of the reply window in milliseconds (E1) */
  replyWindowMs: number;
  /** share of failed records of a tab above which it is flagged to the operator (C5), 0..1 */
  failureShare: number;
  limits: Limits;
  /** `role:key name` of who created it */
  by: string;
  /** what the creating call brought already: revision 1 of the draft */
  steps: StepInput;
  /** B3: a key of the source was given with it */
  sourceKeyGiven?: boolean;
  /** the request as it stood when its history was cut short; only the workflow itself gives it */
  carried?: MigrationRecord;
}

/** Who gives a command: `requester:<key name>` or `operator:<key name>`. */
export interface Command {
  by: string;
  reason?: string;
}

/** A2: a step was redone; what was typed stands in `drafts/<request>/<revision>`. */
export interface StepInput {
  revision: number;
  done: Step[];
  portal: string | null;
  /** the source account's short name, for the search attribute (F3) */
  source?: string | null;
  /** B3: the source is read by its API */
  readsApi?: boolean;
  /** B3: it is another source than before, for which no key was given */
  sourceChanged?: boolean;
}

/**
 * Updates of a migration. Each has a synchronous validator, so that a refusal leaves no trace in the history; refusals
 * are ApplicationFailures whose type is one of REFUSALS and whose message says what to do. Every update answers the
 * RequestSnapshot as it stands when the change has been recorded.
 */
export const UPDATES = {
  redoSteps: 'redoSteps',
  addFile: 'addFile',
  dropFile: 'dropFile',
  submit: 'submit',
  cancel: 'cancel',
  take: 'take',
  approve: 'approve',
  reject: 'reject',
  sendBack: 'sendBack',
  grantLimits: 'grantLimits',
  precheck: 'precheck',
  pause: 'pause',
  resume: 'resume',
  stop: 'stop',
  reply: 'reply',
  startPhase2: 'startPhase2',
  sourceKey: 'sourceKey',
  retryTab: 'retryTab',
} as const;

export interface UpdateArguments {
  redoSteps: Command & StepInput;
  addFile: Command & UploadSummary;
  dropFile: Command & { key: string };
  submit: Command;
  cancel: Command;
  take: Command;
  approve: Command;
  reject: Command & { reason: string };
  sendBack: Command & { reason: string };
  grantLimits: Command & { limits: Partial<Limits>; reason: string };
  precheck: Command;
  pause: Command;
  resume: Command & { accept?: boolean };
  stop: Command;
  /** E1: text, mapping and files stand in `replies/<key>`; bytes count against the window's limits */
  reply: Command & { key: string; files: UploadSummary[] };
  startPhase2: Command;
  /** B3: the new key is kept sealed in the store; only its arrival is told */
  sourceKey: Command;
  /** F1: a tab's failed records once more */
  retryTab: Command & { tab: string };
}

/** Stable types of refusals; the API turns them into problem types. */
export const REFUSALS = [
  'STEP_MISSING',
  'WRONG_STATE',
  'ALREADY_SUBMITTED',
  'NOT_SUBMITTED',
  'TOO_MANY_FILES',
  'FILE_TOO_LARGE',
  'FILES_TOO_LARGE',
  'PORTAL_TAKEN',
  'BLOCKING_FINDINGS',
  'WINDOW_CLOSED',
  'ALREADY_PAUSED',
  'NOT_PAUSED',
  'NOT_ALLOWED',
  'UNKNOWN_FILE',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** Query of a migration: its RequestSnapshot as it stands. */
export const SNAPSHOT_QUERY = 'snapshot';

/** E1: signal of a migration: a reply came by mail. Its text, mapping and files stand in `replies/<key>`; the same key again is the same reply. */
export const MAIL_REPLY = 'mailReply';
export interface MailReply {
  by: string;
  key: string;
  files: UploadSummary[];
}

/** Argument of what an operator orders for a request beside its own process: an undo (F1), an erasure (F5). */
export interface ControlInput {
  request: string;
  /** `operator:<key name>`, or `system` */
  by: string;
  reason: string;
}

/** Argument of a sample run (B6). */
export interface SampleRunInput {
  request: string;
  /** `role:<key name>` */
  by: string;
  /** how many records of each tab, 1 to 100 */
  records: number;
  /** the source is read by its API first (B3) */
  draw?: boolean;
  /** where to go on with a new history; only the workflow itself gives it */
  position?: SamplePosition;
}

/** Query of a migration: what it holds, so that what was lost outside of it can be given back. */
export const STANDING_QUERY = 'standing';
export interface Standing {
  /** A8: the portal it has claimed */
  portal: string | null;
  /** C2: whether it has closed its portal */
  portalClosed: boolean;
  /** B4: its turn or its place in line; null when it has none or is giving it back */
  turn: (QueueEntry & { granted: boolean }) | null;
  /** B2: from approval to the end its portal's integrations stay off */
  underWay: boolean;
  /** the phase whose import it has started and waits for */
  importing: Phase | null;
}

/** Signal of a migration: the import that it waits for does not run any more and will not say so; it is started again. */
export const IMPORT_LOST = 'importLost';
export interface ImportLost {
  phase: Phase;
}

/**
 * Signals to the processing queue (B4): `join` takes a QueueEntry, `leave` a QueueLeave, `toFront` a QueueToFront, `holds` a
 * QueueEntry that has its turn already.
 */
export const QUEUE_SIGNALS = { join: 'join', leave: 'leave', toFront: 'toFront', holds: 'holds' } as const;
export interface QueueEntry {
  request: string;
  phase: Phase;
  front: boolean;
  /** numbers the request's turns, so that a late grant of an earlier one is not taken for this one */
  ticket: number;
  /** epoch milliseconds from which its place counts: the approval of a phase 1, the end of the window of a phase 2 */
  since: number;
  /** B5: how long the phase is expected to take; null = not known */
  milliseconds: number | null;
}
export interface QueueLeave {
  request: string;
  phase: Phase;
  /** only the turn or place of this number */
  ticket?: number;
}
/** An operator moves a waiting request ahead of all others; it is told and writes the audit entry (F2). */
export interface QueueToFront {
  request: string;
  /** `operator:<key name>` */
  by: string;
  reason?: string;
}
/** Signals from the processing queue to a migration: its Turn, its Place. */
export const TURN_GRANTED = 'turnGranted';
export interface Turn {
  phase: Phase;
  ticket: number;
}
export const PLACE_CHANGED = 'placeChanged';
export interface Place {
  /** 1 = next */
  place: number;
  /** B5: epoch milliseconds, from those ahead; null = not known */
  expectedStart: number | null;
  /** the operator who moved it to the front, and why */
  moved?: { by: string; reason?: string };
}
/** Argument of the processing queue. */
export interface ProcessingQueueInput {
  /** B4: how many phases run at a time */
  turns: number;
  /** the line as it stood when the queue's history was cut short; only the workflow itself gives it */
  carried?: QueueState;
}
export interface Lease extends Turn {
  request: string;
  /** epoch milliseconds */
  since: number;
  milliseconds: number | null;
}
export interface QueueState {
  running: Lease[];
  waiting: (QueueEntry & { told: number | null })[];
}
/** Query of the queue: who runs and who waits, in order. */
export const QUEUE_QUERY = 'line';
export interface QueueLine {
  running: (Turn & { request: string; since: number })[];
  waiting: (Turn & { request: string; place: number })[];
  turns: number;
}

/** What is left to do for one tab; a phase works through its jobs in order. */
export interface TabJob {
  tab: Tab;
  /** `prove`: read back and prove again what is imported already (D2) */
  work: 'import' | 'prove';
  /** segments imported and read back so far, counted from the first without a gap */
  imported: number;
  reconciled: number;
  /** time spent so far, in milliseconds */
  spent: number;
}

/** Where an import phase stands: all it needs to go on after a pause or with a new history. */
export interface PhasePosition {
  /** null until the phase is planned */
  plan: PhasePlan['tabs'] | null;
  jobs: TabJob[];
  /** D2: tabs whose proof failed */
  unproven: { tab: Tab; discrepancies: number }[];
}

export interface ImportPhaseInput {
  request: string;
  phase: Phase;
  /** E1: keys of the replies that were taken, for phase 2 */
  replies?: string[];
  /** the source is read by its API first (B3) */
  draw?: boolean;
  /** where to go on; absent = at the beginning */
  position?: PhasePosition;
  /** D2: the report goes out although proofs failed */
  accept?: boolean;
}

/** How an import phase ended; nothing of it runs any more. */
export type PhaseOutcome =
  | { ended: 'done'; report: WrittenReport }
  /** told to halt (no fault), or an activity's retries are used up */
  | { ended: 'halted'; position: PhasePosition; fault: string | null }
  /** D2: everything is imported, but not proven; no report was written */
  | { ended: 'unproven'; position: PhasePosition };

/** Signal to an import phase: end at the next segment boundary. */
export const HALT_PHASE = 'haltPhase';
/** Signals of an import phase to its migration. */
export const PHASE_PLANNED = 'phasePlanned';
export interface PhasePlanned {
  phase: Phase;
  tabs: PhasePlan['tabs'];
}
export const PHASE_PROGRESS = 'phaseProgress';
export interface PhaseProgress {
  phase: Phase;
  tab: Tab;
  proof: TabProof;
}
