/** Why a record failed (G). */
export const FAILURE_CODES = [
  'MALFORMED_ROW',
  'BAD_ENCODING',
  'MISSING_REQUIRED',
  'BAD_FORMAT',
  'TOO_LONG',
  'TOO_LARGE',
  'MISSING_REFERENCE',
  'PARENT_FAILED',
  'DUPLICATE_ID',
  'FILE_MISSING',
  'CHECKSUM_MISMATCH',
  'DESK_FULL',
  'DESK_REFUSED',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** Why a record was skipped (G). */
export const SKIP_CODES = ['EDITED_IN_DESK', 'DELETED_IN_DESK', 'NOT_IN_SAMPLE', 'DUPLICATE_ROW'] as const;
export type SkipCode = (typeof SKIP_CODES)[number];

/** What to know of a record that was migrated (G). */
export const WARNING_CODES = [
  'OWNER_FALLBACK',
  'AUTHOR_FALLBACK',
  'DEPARTMENT_FALLBACK',
  'STATUS_ADDED',
  'TIME_DEFAULTED',
  'VALUE_DEFAULTED',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** What became of a record in a phase (D1). */
export const RESULTS = ['created', 'updated', 'unchanged', 'skipped', 'failed'] as const;
export type Result = (typeof RESULTS)[number];

/** The five results of one tab in one phase and what they are proved against (C7, D1, D2). */
export interface TabCounts {
  source: number;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
}

export function noCounts(): TabCounts {
  return { source: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 };
}
