import { randomBytes } from 'node:crypto';
import { Metadata } from '@tus/server';
import type { Request } from 'express';
import { z } from 'zod';
import type { RequestDocument } from '../../store/requests.ts';
import { uploadKey } from '../../store/uploads.ts';
import { LOCATION, TUS_ABILITIES, UPLOAD, UPLOAD_OFFSET, UPLOAD_STANDING } from '../answer-headers.ts';
import { answerOnce } from '../answer-once.ts';
import type { Api } from '../app.ts';
import { fileName } from '../file-name.ts';
import { Problem } from '../problem.ts';
import { continueIfExpected, hasBody, mediaType, refuseEncodings } from '../read-body.ts';
import { readRequest } from '../read-request.ts';
import {
  CHECKSUM_ALGORITHMS,
  type Checksum,
  requestOfUpload,
  resumableFolder,
  ResumableStore,
  type UnfinishedUpload,
} from '../resumable-store.ts';
import { type Answer, type Call, type Route, route } from '../route.ts';
import {
  createSpeakTus,
  noSuchUpload,
  PATCH_TYPE,
  requireVersion,
  type SpeakTus,
  UPLOADS_PATH,
} from '../speak-tus.ts';
import { requireEditable, takeFile } from '../take-file.ts';
import { capOf } from '../upload-limits.ts';

const uploadParams = z.strictObject({
  upload: z.string().min(1).max(200).meta({ description: 'Id of the upload, from its Location.' }),
});
const version = z.literal('1.0.0').meta({ description: 'The version of tus.' });
const versionHeader = z.object({ 'Tus-Resumable': version });
const beginHeaders = z.object({
  'Tus-Resumable': version,
  'Upload-Length': z.string().meta({ description: 'Bytes of the whole file.', example: '1048576' }),
  'Upload-Metadata': z.string().meta({
    description: 'Names with values in base64: `migration` is the id of the request, `filename` the name.',
    example: 'migration bV8wMWFiYw==,filename VGlja2V0cy5jc3Y=',
  }),
});
const continueHeaders = z.object({
  'Tus-Resumable': version,
  'Upload-Offset': z.string().meta({ description: 'Where the bytes of this call begin.', example: '0' }),
  'Upload-Checksum': z
    .string()
    .optional()
    .meta({ description: '`sha1` or `sha256` and the digest of these bytes in base64.' }),
});
type UploadCall = Call<z.output<typeof uploadParams>>;

interface Tus {
  store: ResumableStore;
  speak: SpeakTus;
}

/** Uploads that can be resumed: tus 1.0 with creation, termination, checksum and expiration (A4). */
export function uploadRoutes(api: Api): Route[] {
  let made: Tus | null = null;
  const tus = (): Tus => {
    if (made === null) {
      const store = new ResumableStore(resumableFolder(api.config.storageFolder));
      made = { store, speak: createSpeakTus(store, api.config.limits.fileBytes) };
    }
    return made;
  };
  const tag = 'Files';
  const who = ['requester'] as const;
  const path = `${UPLOADS_PATH}/{upload}`;
  return [
    route({
      method: 'options',
      path: UPLOADS_PATH,
      operation: 'describeUploads',
      tag,
      summary: 'What of tus is spoken here',
      who: 'public',
      answers: { 204: { description: 'What is spoken.', headers: z.object(TUS_ABILITIES) } },
      async handle({ request }) {
        const answer = await tus().speak(request);
        return {
          ...answer,
          headers: { ...answer.headers, 'Tus-Checksum-Algorithm': CHECKSUM_ALGORITHMS.join(',') },
        };
      },
    }),
    route({
      method: 'post',
      path: UPLOADS_PATH,
      operation: 'beginUpload',
      tag,
      summary: 'Begin an upload that can be resumed (tus 1.0)',
      description:
        'Upload-Length announces its size; Upload-Metadata names the request (`migration`) and the file (`filename`), in base64. What is unfinished counts in the limits of the request until it is finished, terminated, or expired. A new upload of a name ends an unfinished one of that name.',
      who,
      headers: beginHeaders,
      idempotent: 'itself',
      answers: {
        201: {
          description: 'Begun; `Location` is where its bytes are sent.',
          headers: z.object({ ...UPLOAD, ...LOCATION }),
        },
      },
      handle: (call) => begin(api, tus(), call),
    }),
    route({
      method: 'head',
      path,
      operation: 'readUpload',
      tag,
      summary: 'How much of an upload was received',
      who,
      params: uploadParams,
      headers: versionHeader,
      answers: { 200: { description: 'How it stands.', headers: z.object(UPLOAD_STANDING) } },
      async handle(call) {
        const upload = await findUpload(api, tus(), call);
        // its last answer may never have been sent
        await finish(api, tus(), call, upload);
        return tus().speak(call.request);
      },
    }),
    route({
      method: 'patch',
      path,
      operation: 'continueUpload',
      tag,
      summary: 'Send bytes of an upload',
      description:
        'With Upload-Checksum (sha1 or sha256, in base64) the bytes of the call are kept only when they are right. With its last byte the file becomes part of the request.',
      who,
      params: uploadParams,
      headers: continueHeaders,
      streams: { [PATCH_TYPE]: z.string().meta({ format: 'binary' }) },
      answers: { 204: { description: 'Received, up to Upload-Offset.', headers: z.object(UPLOAD_OFFSET) } },
      handle: (call) => receive(api, tus(), call),
    }),
    route({
      method: 'delete',
      path,
      operation: 'terminateUpload',
      tag,
      summary: 'Give up an upload',
      description: 'A file that is part of the request already stays there.',
      who,
      params: uploadParams,
      headers: versionHeader,
      answers: { 204: { description: 'Nothing of it is kept.', headers: z.object(UPLOAD) } },
      async handle(call) {
        await findUpload(api, tus(), call);
        return tus().speak(call.request);
      },
    }),
  ];
}

interface FoundUpload {
  id: string;
  request: RequestDocument;
}

/** F4: an upload of another tenant looks like none at all. */
async function findUpload(api: Api, { store }: Tus, call: UploadCall): Promise<FoundUpload> {
  const { upload: id } = call.params;
  const owner = requestOfUpload(id);
  if (owner === null) throw noSuchUpload();
  try {
    const request = await readRequest(api, call.principal, owner);
    if ((await store.configstore.get(id)) !== undefined) {
      requireVersion(call.request);
      return { id, request };
    }
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'not-found')) throw error;
  }
  throw noSuchUpload();
}

function malformed(parameter: string, detail: string): Problem {
  return new Problem('invalid-parameter', `Correct the header ${parameter}: it ${detail}.`, {
    errors: [{ parameter, detail }],
  });
}

function announced(request: Request): { bytes: number; migration: string; name: string } {
  const length = request.get('upload-length') ?? '';
  const bytes = Number(length);
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(bytes))
    throw malformed('Upload-Length', 'has to say how many bytes the file has');
  if (bytes === 0)
    throw new Problem('empty-file', 'A file of 0 bytes holds nothing to migrate; upload one that does.');
  let metadata: Record<string, string | null>;
  try {
    metadata = Metadata.parse(request.get('upload-metadata'));
  } catch {
    throw malformed('Upload-Metadata', 'has to hold names and values in base64, such as "filename YS5jc3Y="');
  }
  const { migration, filename } = metadata;
  if (typeof migration !== 'string')
    throw malformed('Upload-Metadata', 'has to name the request as "migration"');
  if (typeof filename !== 'string') throw malformed('Upload-Metadata', 'has to name the file as "filename"');
  return { bytes, migration, name: fileName(filename) };
}

async function begin(api: Api, tus: Tus, call: Call): Promise<Answer | null> {
  requireVersion(call.request);
  const { bytes, migration, name } = announced(call.request);
  const request = await readRequest(api, call.principal, migration);
  return answerOnce(api, call, JSON.stringify([request.id, name, bytes]), async () => {
    requireEditable(request);
    // one after the other, so that each counts those before it
    return api.filesUnderWay.inTurn(`begin/${request.id}`, async () => {
      const key = uploadKey(request.id, name);
      const unfinished = await tus.store.ofRequest(request.id);
      const others = unfinished.filter((upload) => upload.name !== name);
      const keyed = others.map((upload) => ({
        key: uploadKey(request.id, upload.name),
        bytes: upload.bytes,
      }));
      const present = await api.stores.uploads.list(request.id, null);
      try {
        capOf(api, request.limits, [...present, ...keyed], key, bytes);
      } catch (error) {
        throw others.length > 0 && error instanceof Problem ? withUnfinished(error, others.length) : error;
      }
      for (const { id } of unfinished.filter((upload) => upload.name === name)) await tus.store.remove(id);
      return tus.speak(call.request, { newId: `${request.id}.${randomBytes(16).toString('hex')}` });
    });
  });
}

/** Uploads that were begun and forgotten may be what is in the way. */
function withUnfinished({ code, message, members }: Problem, unfinished: number): Problem {
  const more = `Unfinished uploads count, too (${unfinished}): finish them, or terminate them with DELETE.`;
  return new Problem(code, `${message} ${more}`, { members: { ...members, unfinished } });
}

function checksumOf(request: Request): Checksum | null {
  const given = request.get('upload-checksum');
  if (given === undefined) return null;
  const [name = '', value = '', ...more] = given.split(' ');
  const algorithm = CHECKSUM_ALGORITHMS.find((each) => each === name);
  if (algorithm === undefined)
    throw malformed('Upload-Checksum', `has to begin with one of ${CHECKSUM_ALGORITHMS.join(', ')}`);
  const digest = Buffer.from(value, 'base64');
  const bytes = algorithm === 'sha1' ? 20 : 32;
  if (more.length > 0 || digest.length !== bytes || digest.toString('base64') !== value)
    throw malformed('Upload-Checksum', `has to hold the ${bytes} bytes of the digest in base64`);
  return { algorithm, digest };
}

async function receive(api: Api, tus: Tus, call: UploadCall): Promise<Answer> {
  const { request } = call;
  const upload = await findUpload(api, tus, call);
  if (mediaType(request) !== PATCH_TYPE)
    throw new Problem('unsupported-media-type', `Send the bytes as Content-Type: ${PATCH_TYPE}.`);
  refuseEncodings(request);
  const checksum = checksumOf(request);
  if (hasBody(request)) continueIfExpected(request, call.response);
  const answer = await tus.speak(request, { checksum });
  await finish(api, tus, call, upload);
  return answer;
}

/** An upload that has all its bytes becomes part of its request, once; one that is refused is kept until it expires. */
async function finish(
  api: Api,
  { store }: Tus,
  call: UploadCall,
  { id, request }: FoundUpload,
): Promise<void> {
  await api.filesUnderWay.inTurn(`finish/${id}`, async () => {
    const upload = await stillThere(store, id);
    if (upload === null || !upload.complete) return;
    await takeFile(api, call, request, {
      name: upload.name,
      declared: upload.bytes,
      body: () => store.read(id) as AsyncIterable<Uint8Array>,
    });
    await store.taken(id);
  });
}

async function stillThere(
  store: ResumableStore,
  id: string,
): Promise<(UnfinishedUpload & { complete: boolean }) | null> {
  try {
    return await store.unfinished(id);
  } catch {
    // terminated meanwhile
    return null;
  }
}
