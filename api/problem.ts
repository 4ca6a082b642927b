import { faultOfDatabase } from '../store/database.ts';
import type { Refusal } from '../workflows/messages.ts';

/** One fault of a request: where it stands and what is wrong with it. */
export interface Fault {
  /** JSON pointer into the body (RFC 6901) */
  pointer?: string;
  /** name of the query parameter, path parameter or header */
  parameter?: string;
  detail: string;
}

/** Every problem the API answers with, by its stable code: the status and the title that never change. */
export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'invalid-parameter': { status: 400, title: 'A parameter is not valid' },
  'digest-mismatch': { status: 400, title: 'The bytes do not have the digest that was sent' },
  unauthenticated: { status: 401, title: 'An API key is needed' },
  'not-allowed': { status: 403, title: 'This key may not do that' },
  'link-not-valid': { status: 403, title: 'The link is not valid' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This address does not take that method' },
  'body-too-slow': { status: 408, title: 'The body comes too slowly' },
  'headers-too-slow': { status: 408, title: 'The headers come too slowly' },
  'wrong-state': { status: 409, title: 'The request is in a state in which this cannot be done' },
  'already-submitted': { status: 409, title: 'The request is submitted already' },
  'not-submitted': { status: 409, title: 'The request is not submitted yet' },
  'portal-taken': { status: 409, title: 'The portal has an open request already' },
  'portal-locked': { status: 409, title: 'A migration locks the integrations of the portal' },
  'no-portal': { status: 409, title: 'There is no portal to authorise' },
  'blocking-findings': { status: 409, title: 'Blocking findings have to be mended first' },
  'window-closed': { status: 409, title: 'The reply window is closed' },
  'not-possible': { status: 409, title: 'This cannot be done now' },
  'already-paused': { status: 409, title: 'The request is paused already' },
  'not-paused': { status: 409, title: 'The request is not paused' },
  'concurrent-change': { status: 409, title: 'Somebody else changed the request at the same time' },
  'upload-offset-conflict': { status: 409, title: 'The upload does not stand where this call begins' },
  'request-in-progress': { status: 409, title: 'The same call is still under way' },
  'upload-expired': { status: 410, title: 'The upload was not finished in time' },
  'link-expired': { status: 410, title: 'The link has expired' },
  'tus-version': { status: 412, title: 'This version of tus is not spoken here' },
  'revision-changed': { status: 412, title: 'The request has changed since it was read' },
  'file-changed': { status: 412, title: 'The file is not the one that was meant' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'too-many-files': { status: 413, title: 'The request holds as many files as it may' },
  'file-too-large': { status: 413, title: 'The file is larger than a file may be' },
  'files-too-large': { status: 413, title: 'The files are larger together than they may be' },
  'unsupported-media-type': { status: 415, title: 'The body has a type this address does not take' },
  'invalid-body': { status: 422, title: 'The body is not valid' },
  'invalid-file-name': { status: 422, title: 'The file name is not valid' },
  'empty-file': { status: 422, title: 'The file is empty' },
  'step-missing': { status: 422, title: 'A step is missing' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used for another call' },
  'upload-locked': { status: 423, title: 'Another call works on the upload' },
  'too-many-requests': { status: 429, title: 'Too many calls in a short time' },
  'headers-too-large': { status: 431, title: 'The address and the headers are too large' },
  'checksum-mismatch': { status: 460, title: 'The bytes do not have the checksum that was sent' },
  'internal-error': { status: 500, title: 'Something went wrong here' },
  unavailable: { status: 503, title: 'A service Deskferry needs does not answer' },
  'storage-full': { status: 507, title: 'The storage is full' },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemCode = keyof typeof PROBLEMS;

/** The stable `type` of a problem: a name, not an address, so that it is the same wherever Deskferry runs. */
export function problemType(code: ProblemCode): string {
  return `urn:deskferry:problem:${code}`;
}

export interface ProblemMore {
  errors?: readonly Fault[];
  headers?: Readonly<Record<string, string>>;
  /** members of this problem's own */
  members?: Readonly<Record<string, unknown>>;
}

/** What becomes a problem document (RFC 9457); `detail` says what is wrong and what to do about it. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly errors: readonly Fault[] | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, detail: string, more: ProblemMore = {}) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.errors = more.errors ?? null;
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }

  /** The problem document. @param instance names this very occurrence: the id the log has, too */
  document(instance: string): Record<string, unknown> {
    return {
      type: problemType(this.code),
      title: PROBLEMS[this.code].title,
      status: this.status,
      detail: this.message,
      instance,
      ...(this.errors === null ? {} : { errors: this.errors }),
      ...this.members,
    };
  }
}

/** The problem each refusal of a migration becomes. */
export const REFUSAL_PROBLEMS: Readonly<Record<Refusal, ProblemCode>> = {
  STEP_MISSING: 'step-missing',
  WRONG_STATE: 'wrong-state',
  ALREADY_SUBMITTED: 'already-submitted',
  NOT_SUBMITTED: 'not-submitted',
  TOO_MANY_FILES: 'too-many-files',
  FILE_TOO_LARGE: 'file-too-large',
  FILES_TOO_LARGE: 'files-too-large',
  PORTAL_TAKEN: 'portal-taken',
  BLOCKING_FINDINGS: 'blocking-findings',
  WINDOW_CLOSED: 'window-closed',
  ALREADY_PAUSED: 'already-paused',
  NOT_PAUSED: 'not-paused',
  NOT_ALLOWED: 'not-possible',
  UNKNOWN_FILE: 'not-found',
};

export function unavailable(detail: string): Problem {
  return new Problem('unavailable', `${detail} Try again in a few seconds.`, {
    headers: { 'Retry-After': '5' },
  });
}

/** What a disk, a quota or a database without room is told as; null for any other error. */
export function storageFull(error: unknown): Problem | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || faultOfDatabase(error)?.code === 'DATABASE_FULL';
  if (!isFull) return null;
  return new Problem(
    'storage-full',
    'There is no room for what you sent; nothing of it was kept. Try again later: the team has to make room.',
    { headers: { 'Retry-After': '300' } },
  );
}

export function notFound(what: string): Problem {
  return new Problem('not-found', `${what} Check the address.`);
}
