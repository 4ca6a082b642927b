/** Why an activity of the import cannot go on; what is wrong with single records is data, not an error. */
export type ImportErrorCode =
  | 'REQUEST_INCOMPLETE'
  | 'REQUEST_OPEN'
  | 'MAPPING_FAULTY'
  | 'PLAN_MISSING'
  | 'PLAN_TOO_LARGE'
  | 'CONTEXT_MISSING'
  | 'SEGMENT_MISSING'
  | 'SEGMENT_TAKEN'
  | 'SEGMENT_DAMAGED'
  | 'SOURCE_NOT_READ'
  | 'SOURCE_UNREADABLE'
  | 'REPORT_TAKEN'
  | 'REPORT_UNREADABLE';

export class ImportError extends Error {
  readonly code: ImportErrorCode;
  constructor(code: ImportErrorCode, message: string) {
    super(message);
    this.name = 'ImportError';
    this.code = code;
  }
}
