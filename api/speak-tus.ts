import { Server } from '@tus/server';
import type { Request } from 'express';
import { notFound, Problem, storageFull } from './problem.ts';
import { bodyOf } from './read-body.ts';
import type { Checksum, ResumableStore } from './resumable-store.ts';
import type { Answer } from './route.ts';
import { createUploadLocks } from './upload-locks.ts';

/** The version of tus that is spoken; on every answer of its addresses. */
export const TUS_RESUMABLE = '1.0.0';
export const UPLOADS_PATH = '/v1/uploads';
export const PATCH_TYPE = 'application/offset+octet-stream';

/** What of a call the protocol is about. */
const HEADERS = [
  'content-length',
  'tus-resumable',
  'upload-concat',
  'upload-defer-length',
  'upload-length',
  'upload-metadata',
  'upload-offset',
];

export interface TusCall {
  /** of an upload that is created */
  newId?: string;
  /** what the body has to hash to */
  checksum?: Checksum | null;
}

/** Speaks tus 1.0: gives what a call is answered with. @throws Problem */
export type SpeakTus = (request: Request, call?: TusCall) => Promise<Answer>;

/** A call while it is answered. */
interface UnderWay {
  newId: string;
  /** told as it is, not as what becomes of it on its way through the protocol */
  problem: Problem | null;
}

/**
 * The tus protocol over a store. Who may call, and what a file may weigh, is looked at before.
 * @param largest told as Tus-Max-Size, in bytes
 */
export function createSpeakTus(store: ResumableStore, largest: number): SpeakTus {
  const calls = new WeakMap<globalThis.Request, UnderWay>();
  const server = new Server({
    path: UPLOADS_PATH,
    datastore: store,
    relativeLocation: true,
    locker: createUploadLocks(),
    allowedOrigins: [],
    maxSize: (request) => (request.method === 'OPTIONS' ? largest : 0),
    namingFunction: (request) => calls.get(request)?.newId ?? '',
    onResponseError(request, error) {
      const call = calls.get(request);
      if (call !== undefined) call.problem ??= error instanceof Problem ? error : storageFull(error);
      return undefined;
    },
  });

  return async (request, { newId = '', checksum = null } = {}) => {
    const call: UnderWay = { newId, problem: null };
    const said = protocolRequest(request, call);
    calls.set(said, call);
    const answer = await store.expecting(checksum, () => server.handleWeb(said));
    if (answer.status < 400) return { status: answer.status, headers: protocolHeaders(answer) };
    throw call.problem ?? (await problemOf(answer));
  };
}

function protocolRequest(request: Request, call: UnderWay): globalThis.Request {
  const headers = new Headers();
  for (const name of HEADERS) {
    const value = request.get(name);
    if (value !== undefined) headers.set(name, value);
  }
  const { method } = request;
  const address = `http://tus${request.path}`;
  if (method !== 'PATCH') return new globalThis.Request(address, { method, headers });
  headers.set('content-type', PATCH_TYPE);
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      yield* bodyOf(request);
    } catch (error) {
      if (error instanceof Problem) call.problem = error;
      throw error;
    }
  }
  return new globalThis.Request(address, {
    method,
    headers,
    body: ReadableStream.from(body()),
    duplex: 'half',
  });
}

/** The protocol's own headers; which pages may read them is not its business. */
function protocolHeaders(answer: Response): Record<string, string> {
  const kept = [...answer.headers].filter(([name]) => name === 'location' || /^(?:tus|upload)-/.test(name));
  return Object.fromEntries(kept);
}

async function problemOf(answer: Response): Promise<Problem> {
  switch (answer.status) {
    case 404:
      return noSuchUpload();
    case 409:
      return new Problem(
        'upload-offset-conflict',
        'Ask with HEAD how much was received, and go on from that Upload-Offset.',
      );
    case 410:
      return new Problem('upload-expired', 'Begin the upload anew.');
    case 413:
      return new Problem('body-too-large', 'Send no more bytes than Upload-Length announced.');
    case 400:
    case 403:
    case 501:
      return new Problem('malformed-request', `Correct the call: ${(await answer.text()).trim()}`);
    default:
      throw new UploadNotStored();
  }
}

/** A call in another version must do nothing. @throws Problem `tus-version` */
export function requireVersion(request: Request): void {
  if (request.get('tus-resumable') === TUS_RESUMABLE) return;
  throw new Problem('tus-version', `Send the header Tus-Resumable: ${TUS_RESUMABLE}.`, {
    headers: { 'Tus-Version': TUS_RESUMABLE },
  });
}

export function noSuchUpload(): Problem {
  return notFound('There is no such upload.');
}

class UploadNotStored extends Error {
  readonly code = 'UPLOAD_NOT_STORED';
  constructor() {
    super('the bytes of an upload could not be stored');
    this.name = 'UploadNotStored';
  }
}
