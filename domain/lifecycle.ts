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

export function isFinal(state: State): boolean {
  return TRANSITIONS[state].length === 0;
}

/** The steps of a request, in the order in which the console leads through them (A2). */
export const STEPS = ['basic', 'files', 'tabs', 'remarks', 'desk', 'portal'] as const;
export type Step = (typeof STEPS)[number];

/** Steps without which submitting is refused; remarks may stay empty (A2). */
export const REQUIRED_STEPS = ['basic', 'files', 'tabs', 'desk', 'portal'] as const satisfies readonly Step[];

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
export const EXPIRY_REMINDER_MS = 3 * 24 * 3_600_000;

/**
 * E1: the moments of the two reminders.
 * @param opensAt epoch milliseconds
 * @param windowMs length of the window in milliseconds
 * @returns epoch milliseconds, earliest first
 */
export function reminderMoments(opensAt: number, windowMs: number): number[] {
  return REMINDERS_MS.map((before) => opensAt + windowMs - Math.round((before * windowMs) / REPLY_WINDOW_MS));
}
