import { z } from 'zod';
import { uploadKey } from '../../store/uploads.ts';
import { FILE_TAG } from '../answer-headers.ts';
import { fileAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { withDigests } from '../content-digest.ts';
import { fileName } from '../file-name.ts';
import { filePrecondition, fileTag } from '../preconditions.ts';
import { notFound, Problem } from '../problem.ts';
import { bodyOf, continueIfExpected, mediaType, refuseEncodings } from '../read-body.ts';
import { command, readRequest } from '../read-request.ts';
import { type Answer, type Call, type Route, route } from '../route.ts';
import { requireEditable, takeFile } from '../take-file.ts';

const fileParams = z.strictObject({
  request: z.string().min(1).max(100).meta({ description: 'Id of the request.' }),
  name: z.string().meta({
    description: 'Name of the file, percent-encoded: at most 255 bytes, no slash.',
    example: 'Tickets_01.csv',
  }),
});
const uploadHeaders = z.object({
  'If-Match': z.string().optional().meta({
    description:
      'The ETag of the file of this name; the call is refused (412) when that is another one by now.',
  }),
  'If-None-Match': z.literal('*').optional().meta({
    description: 'Refuses the call (412) when there is a file of this name: nothing is replaced.',
  }),
  'Repr-Digest': z.string().optional().meta({
    description:
      '`sha-256` or `sha-512` of the file (RFC 9530); with another content nothing is kept. `Content-Digest` is the same.',
    example: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
  }),
});
type FileCall = Call<z.output<typeof fileParams>>;

/** Uploading and dropping the request's files (A2, A4). */
export function fileRoutes(api: Api): Route[] {
  return [
    route({
      method: 'put',
      path: '/v1/migrations/{request}/files/{name}',
      operation: 'uploadFile',
      tag: 'Files',
      summary: 'Upload a file',
      description:
        'The body is the file itself, as `curl -T` sends it. A file of the same name is replaced. An upload that breaks off leaves nothing behind.',
      who: ['requester'],
      params: fileParams,
      headers: uploadHeaders,
      streams: {
        'application/octet-stream': z
          .string()
          .meta({ format: 'binary', description: 'The bytes of the file.' }),
      },
      answers: {
        200: {
          description: 'It replaced a file of that name.',
          schema: fileAnswer,
          headers: z.object(FILE_TAG),
        },
        201: {
          description: 'It is part of the request now.',
          schema: fileAnswer,
          headers: z.object(FILE_TAG),
        },
      },
      handle: (call) => uploadFile(api, call),
    }),
    route({
      method: 'delete',
      path: '/v1/migrations/{request}/files/{name}',
      operation: 'dropFile',
      tag: 'Files',
      summary: 'Drop a file',
      who: ['requester'],
      params: fileParams,
      headers: z.object({ 'If-Match': uploadHeaders.shape['If-Match'] }),
      answers: { 204: { description: 'It is no longer part of the request.' } },
      handle: (call) => dropFile(api, call),
    }),
  ];
}

async function uploadFile(api: Api, call: FileCall): Promise<Answer> {
  const { request: sent, response } = call;
  const name = fileName(call.params.name);
  const request = await readRequest(api, call.principal, call.params.request);
  requireEditable(request);
  refuseEncodings(sent);
  refuseParts(sent);
  const length = sent.get('content-length');
  const digested = withDigests(sent);
  const { replaced, ...file } = await takeFile(api, call, request, {
    name,
    allow: filePrecondition(call),
    declared: length === undefined ? undefined : Number(length),
    body() {
      continueIfExpected(sent, response);
      return digested(bodyOf(sent));
    },
  });
  return { status: replaced ? 200 : 201, body: file, headers: { ETag: fileTag(file) } };
}

/** What would be kept as the file and is none: the rest of one that broke off, or a form around it. @throws Problem */
function refuseParts(sent: Call['request']): void {
  if (sent.get('content-range') !== undefined) {
    const detail = 'cannot be sent: a file comes whole, or in parts at /v1/uploads (tus)';
    throw new Problem('invalid-parameter', `The header Content-Range ${detail}.`, {
      errors: [{ parameter: 'Content-Range', detail }],
    });
  }
  if (mediaType(sent).startsWith('multipart/'))
    throw new Problem(
      'unsupported-media-type',
      'Send the bytes of the file as they are, without a form around them.',
    );
}

async function dropFile(api: Api, call: FileCall): Promise<Answer> {
  const name = fileName(call.params.name);
  const request = await readRequest(api, call.principal, call.params.request);
  const key = uploadKey(request.id, name);
  const upload = await api.stores.uploads.get(request.id, key);
  if (upload === null) throw notFound('The request has no file of that name.');
  filePrecondition(call)(upload);
  await command(api, call, request, 'dropFile', { by: call.principal.by, key });
  await api.stores.uploads.remove(request.id, key);
  await api.storage.remove(upload.storageKey);
  return { status: 204 };
}
