import type { Limits, Step } from './lifecycle.ts';
import type { Tab } from './tab.ts';

export type Locale = 'ja' | 'en';

/** Who files a migration request (A1). */
export interface Requester {
  name: string;
  mail: string;
  company: string;
  locale: Locale;
  /** IANA name, for example Asia/Tokyo */
  timeZone: string;
}

/** Where the data is now (A1). */
export type SourceChoice = {
  /** the other help desk's name, as the requester calls it */
  system: string;
  /** the source account's short name: the scope of external ids, `[A-Za-z0-9_-]+` */
  scope: string;
} & (
  | { kind: 'files' }
  | {
      kind: 'api';
      /** where its export API begins (docs/source-api.md) */
      address: string;
    }
);

export interface DeskChoice {
  kind: 'embedded';
  /** null until the portal is chosen */
  portal: string | null;
}

/** What a person typed, kept as an immutable revision apart from the workflow's history. */
export interface Draft {
  requester: Requester | null;
  source: SourceChoice | null;
  tabs: Tab[] | null;
  omit: Tab[];
  remarks: string | null;
  desk: DeskChoice | null;
  /** confirmed encodings by file name or `file.zip/entry.csv` */
  encodings: Record<string, string>;
  /** a field mapping (A10), by upload */
  mapping: unknown;
}

export const EMPTY_DRAFT: Draft = {
  requester: null,
  source: null,
  tabs: null,
  omit: [],
  remarks: null,
  desk: null,
  encodings: {},
  mapping: null,
};

/** One uploaded file as the workflow knows it: no name, only its key and size. */
export interface UploadSummary {
  /** derived from the request and the file's name; a second upload of a name replaces the first */
  key: string;
  bytes: number;
}

/** A2: the steps that are done; the files step is what the workflow counts itself. */
export function doneSteps(draft: Draft): Step[] {
  const done: Step[] = [];
  if (draft.requester !== null && draft.source !== null) done.push('basic');
  if (draft.tabs !== null && draft.tabs.length > 0) done.push('tabs');
  if (draft.remarks !== null) done.push('remarks');
  if (draft.desk !== null) done.push('desk');
  if (draft.desk !== null && draft.desk.portal !== null) done.push('portal');
  return done;
}

export type LimitBreach = 'TOO_MANY_FILES' | 'FILE_TOO_LARGE' | 'FILES_TOO_LARGE';

/**
 * A4: which limit the files would break together, or null. A file whose key is there already replaces it.
 * @param present files taken so far
 * @param added files to come
 */
export function limitBreach(
  limits: Limits,
  present: readonly UploadSummary[],
  added: readonly UploadSummary[],
): LimitBreach | null {
  const together = new Map([...present, ...added].map((file) => [file.key, file.bytes]));
  if (added.some((file) => file.bytes > limits.fileBytes)) return 'FILE_TOO_LARGE';
  if (together.size > limits.files) return 'TOO_MANY_FILES';
  let total = 0;
  for (const bytes of together.values()) total += bytes;
  return total > limits.totalBytes ? 'FILES_TOO_LARGE' : null;
}

export type Severity = 'blocking' | 'warning' | 'information';

/** B1: something the automatic checks found: what is wrong, what to do, and where. */
export interface Finding {
  severity: Severity;
  /** stable name, for example TOO_MANY_FILES */
  code: string;
  message: string;
  /** what to do about it */
  remedy: string;
  file?: string;
  column?: string;
  row?: number;
  tab?: Tab;
  /** A4: a blocking finding that an operator's grant lifts */
  grantable?: boolean;
}
