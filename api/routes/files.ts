import { z } from 'zod';
import type { RequestDocument } from '../../store/requests.ts';
import { type Upload, uploadKey } from '../../store/uploads.ts';
import { fileAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { fileName } from '../file-name.ts';
import { notFound, Problem } from '../problem.ts';
import { continueIfExpected, refuseEncodings } from '../read-body.ts';
import { command, readRequest } from '../read-request.ts';
import { type ReceivedFile, receiveFile } from '../receive-file.ts';
import { type Answer, type Call, type Route, route } from '../route.ts';
import { capOf, overLimit } from '../upload-limits.ts';

const fileParams = z.strictObject({
  request: z.string().min(1).max(100).meta({ description: 'Id of the request.' }),
  name: z.string().meta({
    description: 'Name of the file, percent-encoded: at most 255 bytes, no slash.',
    example: 'Tickets_01.csv',
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
      streams: {
        'application/octet-stream': z
          .string()
          .meta({ format: 'binary', description: 'The bytes of the file.' }),
      },
      answers: {
        200: { description: 'It replaced a file of that name.', schema: fileAnswer },
        201: { description: 'It is part of the request now.', schema: fileAnswer },
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
      answers: { 204: { description: 'It is no longer part of the request.' } },
      handle: (call) => dropFile(api, call),
    }),
  ];
}

/** What the workflow would refuse anyway is refused before a long upload, not after it. */
function requireEditable(request: RequestDocument): void {
  if (request.state !== 'PENDING') {
    throw new Problem(
      'wrong-state',
      `The request is ${request.state}; files are uploaded only while it is PENDING.`,
      {
        members: { state: request.state },
      },
    );
  }
  if (request.submitted) {
    throw new Problem(
      'already-submitted',
      'The request has been submitted; until the team takes it, it can only be cancelled.',
    );
  }
}

async function uploadFile(api: Api, call: FileCall): Promise<Answer> {
  const { uploads } = api.stores;
  const name = fileName(call.params.name);
  const request = await readRequest(api, call.principal, call.params.request);
  requireEditable(request);
  refuseEncodings(call.request);
  const key = uploadKey(request.id, name);
  const present = await uploads.list(request.id, null);
  const length = call.request.get('content-length');
  const cap = capOf(api, request.limits, present, key, length === undefined ? undefined : Number(length));
  continueIfExpected(call.request, call.response);
  const body = call.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  const file = await receiveFile(api.storage, `uploads/${request.id}/${key}`, body, cap);
  const before = present.find((upload) => upload.key === key) ?? null;
  await addFile(api, call, request, { key, name, file, before });
  return { status: before === null ? 201 : 200, body: { name, bytes: file.bytes, sha256: file.sha256 } };
}

/** Makes a received file part of the request. Refused, everything is as it was before. */
async function addFile(
  api: Api,
  call: FileCall,
  request: RequestDocument,
  { key, name, file, before }: { key: string; name: string; file: ReceivedFile; before: Upload | null },
): Promise<void> {
  const { uploads } = api.stores;
  await uploads.put({ request: request.id, key, name, ...file, uploadedAt: new Date(), reply: null });
  try {
    await command(api, call, request, 'addFile', { by: call.principal.by, key, bytes: file.bytes });
  } catch (error) {
    // without an answer it may still be taken: then the file has to be there
    if (!(error instanceof Problem && error.code === 'unavailable')) {
      if (before === null) await uploads.remove(request.id, key);
      else await uploads.put(before);
      await api.storage.remove(file.storageKey);
    }
    throw limitProblem(api, request, error);
  }
  if (before !== null) await api.storage.remove(before.storageKey);
}

/** A4: a limit that the workflow refused for is told with the support address, too. */
function limitProblem(api: Api, request: RequestDocument, error: unknown): unknown {
  if (!(error instanceof Problem)) return error;
  if (error.code === 'too-many-files') return overLimit(api, 'TOO_MANY_FILES', request.limits);
  if (error.code === 'file-too-large') return overLimit(api, 'FILE_TOO_LARGE', request.limits);
  if (error.code === 'files-too-large') return overLimit(api, 'FILES_TOO_LARGE', request.limits);
  return error;
}

async function dropFile(api: Api, call: FileCall): Promise<Answer> {
  const name = fileName(call.params.name);
  const request = await readRequest(api, call.principal, call.params.request);
  const key = uploadKey(request.id, name);
  const upload = await api.stores.uploads.get(request.id, key);
  if (upload === null) throw notFound('The request has no file of that name.');
  await command(api, call, request, 'dropFile', { by: call.principal.by, key });
  await api.stores.uploads.remove(request.id, key);
  await api.storage.remove(upload.storageKey);
  return { status: 204 };
}
