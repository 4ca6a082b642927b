/** Why the local stack could not be had. Stable: callers and documents name these codes. */
export type StackErrorCode =
  | 'TOOLS_MISSING'
  | 'BUILD_FAILED'
  | 'START_FAILED'
  | 'STOP_FAILED'
  | 'OTHER_SERVERS_DATA';

/** A server of the local stack could not be found, built, started or stopped. The message says what to do. */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly code: StackErrorCode;

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
