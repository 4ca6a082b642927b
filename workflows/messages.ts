import type { Limits, Step } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import type { UploadSummary } from '../domain/request.ts';

/** The contract between the API and the workflows: ids, task queues, arguments, updates, signals, queries. */

export const LIFECYCLE_TASK_QUEUE = 'deskferry';
export const IMPORT_TASK_QUEUE = 'deskferry-imports';

export const migrationWorkflowId = (request: string): string => `migration/${request}`;
export const importPhaseWorkflowId = (request: string, phase: Phase): string => `import-phase/${request}/${phase}`;
export const PROCESSING_QUEUE_WORKFLOW_ID = 'processing-queue';

/** Workflow types. */
export const MIGRATION = 'migration';
export const IMPORT_PHASE = 'importPhase';
export const PROCESSING_QUEUE = 'processingQueue';

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
}

/**
 * Updates of a migration. Each has a synchronous validator, so that a refusal leaves no trace in the history; refusals
 * are ApplicationFailures whose type is one of REFUSALS and whose message says what to do.
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

/** Signals between the processing queue and migrations (B4). */
export const QUEUE_SIGNALS = { join: 'join', leave: 'leave', toFront: 'toFront' } as const;
export interface QueueEntry {
  request: string;
  phase: Phase;
  front: boolean;
}
export const TURN_GRANTED = 'turnGranted';
export const PLACE_CHANGED = 'placeChanged';
/** Query of the queue: who runs and who waits, in order. */
export const QUEUE_QUERY = 'line';
export interface QueueLine {
  running: { request: string; phase: Phase; since: number }[];
  waiting: { request: string; phase: Phase; place: number }[];
  turns: number;
}

export interface ImportPhaseInput {
  request: string;
  phase: Phase;
}
