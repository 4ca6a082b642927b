/** What the store could not do, by stable code. */
export type StoreErrorCode = 'NOT_FOUND' | 'CONFLICT' | 'BAD_KEY';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** What a person is told of a server or a disk that fails: a stable code, and what to do. */
export interface SystemicFault {
  code: string;
  message: string;
}
