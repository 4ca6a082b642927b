import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import busboy from 'busboy';
import type { Request, Response } from 'express';
import type { UploadSummary } from '../domain/request.ts';
import type { RequestDocument } from '../store/requests.ts';
import { uploadKey } from '../store/uploads.ts';
import type { Api } from './app.ts';
import { REPLY_JSON_BYTES, replyBody } from './bodies.ts';
import { fileName } from './file-name.ts';
import { jsonPointer } from './json-pointer.ts';
import { parseJson } from './parse-json.ts';
import { Problem } from './problem.ts';
import { continueIfExpected, mediaType, readJson, refuseEncodings, watchPace } from './read-body.ts';
import { type ReceivedFile, receiveFile } from './receive-file.ts';
import { capOf } from './upload-limits.ts';
import { invalidBody, validBody } from './valid.ts';

/** A reply whose files are stored, not yet taken by the request. */
export interface ReceivedReply {
  text: string;
  mapping: unknown;
  files: (ReceivedFile & UploadSummary & { name: string })[];
}

/** Where a reply's files go, and what they may weigh together with those taken before (A4, E1). */
export interface ReplyRoom {
  request: RequestDocument;
  /** key of the reply */
  reply: string;
  /** files that earlier replies of the window brought */
  taken: readonly UploadSummary[];
}

/** Text fields of a form, in bytes. */
const FIELD_BYTES = 500_000;

async function storeFile(
  api: Api,
  room: ReplyRoom,
  files: ReceivedReply['files'],
  given: string,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const name = fileName(given);
  const key = uploadKey(room.request.id, name, room.reply);
  if (files.some((file) => file.key === key)) {
    throw new Problem('invalid-file-name', `Name the files of a reply differently: "${name}" came twice.`);
  }
  const cap = capOf(api, room.request.limits, [...room.taken, ...files], key, undefined);
  files.push({
    name,
    key,
    ...(await receiveFile(api.storage, `uploads/${room.request.id}/${key}`, body, cap)),
  });
}

/** Removes the files of a reply that is not taken. */
export async function discardReply(api: Api, reply: ReceivedReply): Promise<void> {
  for (const file of reply.files) await api.storage.remove(file.storageKey);
}

/**
 * Receives a reply, as JSON with small files in base64, or as multipart/form-data with files of any size, which are streamed.
 * What is refused leaves nothing behind.
 * @throws Problem for a body that is not valid, or that is over a limit of the window
 */
export async function receiveReply(
  api: Api,
  request: Request,
  response: Response,
  room: ReplyRoom,
): Promise<ReceivedReply> {
  const reply: ReceivedReply = { text: '', mapping: null, files: [] };
  try {
    const type = mediaType(request);
    if (type === 'multipart/form-data') await receiveForm(api, request, response, room, reply);
    else if (type === 'application/json') await receiveJson(api, request, response, room, reply);
    else
      throw new Problem(
        'unsupported-media-type',
        'Send the reply as multipart/form-data or application/json.',
      );
    if (reply.text.trim() === '' && reply.mapping === null && reply.files.length === 0) {
      throw invalidBody([{ pointer: '', detail: 'holds neither a text, nor a mapping, nor files' }]);
    }
    return reply;
  } catch (error) {
    await discardReply(api, reply);
    throw error;
  }
}

async function receiveJson(
  api: Api,
  request: Request,
  response: Response,
  room: ReplyRoom,
  reply: ReceivedReply,
): Promise<void> {
  const { value } = await readJson(request, response, REPLY_JSON_BYTES);
  const body = validBody(replyBody, value);
  reply.text = body.text ?? '';
  reply.mapping = body.mapping ?? null;
  for (const { name, content } of body.files ?? []) {
    await storeFile(api, room, reply.files, name, Readable.from([Buffer.from(content, 'base64')]));
  }
}

/** One field or file of a form, in the order in which they are sent. */
async function receiveForm(
  api: Api,
  request: Request,
  response: Response,
  room: ReplyRoom,
  reply: ReceivedReply,
): Promise<void> {
  refuseEncodings(request);
  let form: busboy.Busboy;
  try {
    form = busboy({
      headers: request.headers,
      defParamCharset: 'utf8',
      // the name is checked by the same rule as everywhere, so it must come as it was sent
      preservePath: true,
      limits: { fields: 2, fieldSize: FIELD_BYTES, fieldNameSize: 100, headerPairs: 20 },
    });
  } catch {
    throw new Problem('malformed-request', 'The form cannot be read: its Content-Type names no boundary.');
  }
  continueIfExpected(request, response);
  const fields = new Map<string, unknown>();
  let storing: Promise<void> = Promise.resolve();
  const received = new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => {
      request.unpipe(form);
      // ends the file that is being stored, too
      form.destroy();
      reject(error instanceof Error ? error : new Error('a form could not be received'));
    };
    form.on('field', (name, value, { valueTruncated }) => {
      if (valueTruncated)
        fail(new Problem('body-too-large', `The field ${name} may have at most ${FIELD_BYTES} bytes.`));
      else if (fields.has(name)) fail(invalidBody([{ pointer: jsonPointer([name]), detail: 'comes twice' }]));
      else fields.set(name, name === 'mapping' ? parsed(value, fail) : value);
    });
    form.on('fieldsLimit', () =>
      fail(invalidBody([{ pointer: '', detail: 'has more fields than text and mapping' }])),
    );
    form.on('file', (field, stream, { filename }) => {
      // told where it is read
      stream.on('error', () => {});
      if (field !== 'files') {
        fail(
          invalidBody([
            { pointer: jsonPointer([field]), detail: 'is not known here; files are sent as "files"' },
          ]),
        );
        return;
      }
      storing = storing.then(() => storeFile(api, room, reply.files, filename ?? '', stream));
      storing.catch(fail);
    });
    form.on('error', () =>
      fail(new Problem('malformed-request', 'The form breaks off or is not well formed; send it again.')),
    );
    form.on('close', () => void storing.then(resolve, fail));
    request.once('close', () => {
      if (!request.complete)
        fail(new Problem('malformed-request', 'The connection was closed before the reply was whole.'));
    });
    const came = watchPace(request);
    request.on('data', (part: Buffer) => {
      try {
        came(part.byteLength);
      } catch (error) {
        fail(error);
      }
    });
    request.pipe(form);
  });
  try {
    await received;
  } finally {
    await Promise.allSettled([storing]);
  }
  const body = validBody(replyBody.omit({ files: true }), Object.fromEntries(fields));
  reply.text = body.text ?? '';
  reply.mapping = body.mapping ?? null;
}

function parsed(json: string, fail: (error: Problem) => void): unknown {
  try {
    return parseJson(json);
  } catch {
    fail(invalidBody([{ pointer: '/mapping', detail: 'is not JSON, or has a name twice' }]));
    return null;
  }
}

/** The key of a new reply. @param call id of the call that brings it: the same call brings the same reply */
export function newReplyKey(call: string = randomUUID()): string {
  return `r_${call}`;
}
