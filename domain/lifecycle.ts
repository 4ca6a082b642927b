/** The states of a request (requirements: States). */
export const STATES = [
  'PENDING',
  'VERIFYING',
  'QUEUED',
  'PHASE_1',
  'REPLY_WINDOW',
  'PHASE_2',
  'COMPLETED',
  'CANCELLED',
  'EXPIRED',
  'REJECTED',
  'STOPPED',
] as const;
export type State = (typeof STATES)[number];

/** Which state may follow which; final states have no successor. */
export const TRANSITIONS: Readonly<Record<State, readonly State[]>> = {
  PENDING: ['VERIFYING', 'CANCELLED', 'EXPIRED'],
  VERIFYING: ['QUEUED', 'REJECTED', 'PENDING'],
  QUEUED: ['PHASE_1', 'STOPPED'],
  PHASE_1: ['REPLY_WINDOW', 'STOPPED'],
  REPLY_WINDOW: ['PHASE_2', 'STOPPED'],
  PHASE_2: ['COMPLETED', 'STOPPED'],
  COMPLETED: [],
  CANCELLED: [],
  EXPIRED: [],
  REJECTED: [],
  STOPPED: [],
};

/** The label shown for a state, in the requester's language. */
export const STATE_LABELS: Readonly<Record<State, { ja: string; en: string }>> = {
  PENDING: { ja: '送信待ち', en: 'Pending' },
  VERIFYING: { ja: '確認中', en: 'Verifying' },
  QUEUED: { ja: '順番待ち', en: 'Queued' },
  PHASE_1: { ja: '1回目の移行中', en: 'Phase 1' },
  REPLY_WINDOW: { ja: '返信受付中', en: 'Reply window' },
  PHASE_2: { ja: '2回目の移行中', en: 'Phase 2' },
  COMPLETED: { ja: '完了', en: 'Completed' },
  CANCELLED: { ja: 'キャンセル', en: 'Cancelled' },
  EXPIRED: { ja: '期限切れ', en: 'Expired' },
  REJECTED: { ja: '却下', en: 'Rejected' },
  STOPPED: { ja: '停止', en: 'Stopped' },
};

export class TransitionError extends Error {
  readonly code = 'TRANSITION';
  readonly from: State;
  readonly to: State;
  constructor(from: State, to: State) {
    super(`a request that is ${from} does not become ${to}`);
    this.name = 'TransitionError';
    this.from = from;
    this.to = to;
  }
}

/**
 * Every change of state goes through here.
 * @returns `to`
 * @throws TransitionError for a change that the table of states does not know
 */
export function changeState(from: State, to: State): State {
  if (!TRANSITIONS[from].includes(to)) throw new TransitionError(from, to);
  return to;
}

export function isFinal(state: State): boolean {
  return TRANSITIONS[state].length === 0;
}

/** From approval to the end a migration can be paused and stopped (F1). */
export const UNDER_WAY: readonly State[] = ['QUEUED', 'PHASE_1', 'REPLY_WINDOW', 'PHASE_2'];

/** Where a request goes when its process is ended in Temporal itself: no state may claim that it still runs. */
export function endedOutside(state: State): State {
  switch (state) {
    case 'PENDING':
      return 'CANCELLED';
    case 'VERIFYING':
      return 'REJECTED';
    case 'QUEUED':
    case 'PHASE_1':
    case 'REPLY_WINDOW':
    case 'PHASE_2':
      return 'STOPPED';
    default:
      return state;
  }
}

/** The steps of a request, in the order in which the console leads through them (A2). */
export const STEPS = ['basic', 'files', 'sourceKey', 'tabs', 'remarks', 'desk', 'portal'] as const;
export type Step = (typeof STEPS)[number];

/** Steps without which submitting is refused; remarks may stay empty (A2). */
const REQUIRED_STEPS = ['basic', 'files', 'tabs', 'desk', 'portal'] as const satisfies readonly Step[];
/** B3: of a source that is read by its API the key stands in the place of files. */
const REQUIRED_FOR_API = ['basic', 'sourceKey', 'tabs', 'desk', 'portal'] as const satisfies readonly Step[];

/**
 * A2: the required steps that are not done; the step `files` is done when there is one.
 * @param readsApi whether the source is read by its API (B3)
 */
export function missingSteps(done: readonly Step[], files: number, readsApi = false): Step[] {
  const required: readonly Step[] = readsApi ? REQUIRED_FOR_API : REQUIRED_STEPS;
  return required.filter((step) => (step === 'files' ? files === 0 : !done.includes(step)));
}

/** Limits of A4, in files and bytes; GB = 10^9 bytes. */
export interface Limits {
  files: number;
  fileBytes: number;
  totalBytes: number;
}
export const DEFAULT_LIMITS: Limits = { files: 5, fileBytes: 2_000_000_000, totalBytes: 10_000_000_000 };

/** A5: what a trial portal may migrate, in unpacked bytes. */
export const TRIAL_BYTES = 2_000_000_000;

/** E1: fourteen times twenty-four hours, in milliseconds. */
export const REPLY_WINDOW_MS = 14 * 24 * 3_600_000;

/** E1: reminders go out this long before the end of a whole window; a shorter window scales them. */
const REMINDERS_MS = [7 * 24 * 3_600_000, 24 * 3_600_000] as const;

/** A9: an unsubmitted request expires after 30 days, with a reminder 3 days before. */
export const EXPIRY_MS = 30 * 24 * 3_600_000;
const EXPIRY_REMINDER_MS = 3 * 24 * 3_600_000;

/**
 * E1: the moments of the two reminders.
 * @param opensAt epoch milliseconds
 * @param windowMs length of the window in milliseconds
 * @returns epoch milliseconds, earliest first
 */
export function reminderMoments(opensAt: number, windowMs: number): number[] {
  return REMINDERS_MS.map((before) => opensAt + windowMs - Math.round((before * windowMs) / REPLY_WINDOW_MS));
}

/**
 * A9: when a request left unsubmitted since a moment is reminded and expires.
 * @param since epoch milliseconds: its creation, or its being sent back
 * @returns epoch milliseconds
 */
export function expiryMoments(since: number): { remindAt: number; expiresAt: number } {
  return { remindAt: since + EXPIRY_MS - EXPIRY_REMINDER_MS, expiresAt: since + EXPIRY_MS };
}
