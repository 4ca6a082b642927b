/** Why a help desk that is read by an API did not give what it was asked for. */
export type SourceErrorCode =
  /** it answers 401 or 403: the key does not work, or lacks a right (B3) */
  | 'SOURCE_KEY_REFUSED'
  /** no key was given, or none that can be opened */
  | 'SOURCE_KEY_MISSING'
  /** the address may not be read: not https, or it leads into a private network */
  | 'SOURCE_ADDRESS_REFUSED'
  /** no answer, a broken one, or a fault of its own (5xx) */
  | 'SOURCE_UNREACHABLE'
  /** it asks to be left alone for a while (429, 503) */
  | 'SOURCE_BUSY'
  /** it answers, but not as docs/source-api.md says */
  | 'SOURCE_ANSWER_BAD'
  /** it gives another number of records than it says it has (D1) */
  | 'SOURCE_COUNT_DIFFERS';

/** The message says what was asked and what to do; never the key, a record or the address. */
export class SourceError extends Error {
  readonly code: SourceErrorCode;
  /** of SOURCE_BUSY: how long to wait, in milliseconds */
  readonly retryAfterMs: number | null;
  constructor(code: SourceErrorCode, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.name = 'SourceError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
