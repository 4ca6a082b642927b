import { setTimeout as wait } from 'node:timers/promises';
import { stat } from 'node:fs/promises';
import type { MigrationAnswer } from '../api/answers.ts';
import { type ApiClient, ApiProblem, type OnSent, ServiceUnreachable, UploadDiffers } from './api-client.ts';
import { recallUpload, forgetUpload, rememberUpload } from './begun-uploads.ts';
import { sha256OfFile } from './send-body.ts';

/** A file of this machine, under the name it has in the request. */
export interface LocalFile {
  name: string;
  path: string;
  bytes: number;
}

/** From so many bytes on a file is sent so that it can be gone on with in its middle. */
const RESUMABLE_BYTES = 8_000_000;
/** What is sent in one call, so that what stands between takes it. */
const CALL_BYTES = 64_000_000;
/** How long a line may be broken, in milliseconds. */
const BROKEN_MS = 120_000;

const TUS = { 'tus-resumable': '1.0.0' } as const;
const inBase64 = (text: string): string => Buffer.from(text).toString('base64');

/**
 * Makes a file part of a request. A large one survives a broken line, and an interrupted command goes on where it stood.
 * @throws UploadDiffers when what arrived is not the file
 */
export async function uploadFile(
  api: ApiClient,
  id: string,
  file: LocalFile,
  onSent: OnSent,
  signal: AbortSignal,
): Promise<void> {
  const path = `/v1/migrations/${encodeURIComponent(id)}`;
  if (file.bytes < RESUMABLE_BYTES) {
    const whole = `${path}/files/${encodeURIComponent(file.name)}`;
    await overBrokenLine(signal, () => api.upload(whole, file.path, onSent));
    return;
  }
  await sendInCalls(api, id, file, onSent, signal);
  const { files } = await overBrokenLine(signal, () => api.call<MigrationAnswer>('GET', path));
  const arrived = files.find(({ name }) => name === file.name);
  if (arrived?.sha256 !== (await sha256OfFile(file.path))) throw new UploadDiffers(file.path);
}

/**
 * Does what may be done again, until it succeeds: a line that breaks is waited for up to two minutes.
 * @throws what it throws when it will not pass, or does not in time
 */
export async function overBrokenLine<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const since = Date.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || Date.now() - since > BROKEN_MS) throw error;
      await wait(1_000, undefined, { signal });
    }
  }
}

async function sendInCalls(
  api: ApiClient,
  id: string,
  file: LocalFile,
  onSent: OnSent,
  signal: AbortSignal,
): Promise<void> {
  const { bytes } = file;
  const { mtimeMs } = await stat(file.path);
  // another content of the same name is another upload
  const mark = JSON.stringify([api.url, id, file.name, bytes, mtimeMs]);
  let place = await recallUpload(mark);
  let offset = 0;
  let moved = Date.now();
  let begunAnew = false;
  for (;;) {
    try {
      if (place === null) {
        place = await begin(api, id, file);
        offset = 0;
        await rememberUpload(mark, place);
      } else offset = await offsetOf(api, place);
      while (offset < bytes) {
        const from = offset;
        const to = Math.min(bytes, from + CALL_BYTES);
        await api.send('PATCH', place, {
          headers: {
            ...TUS,
            'content-type': 'application/offset+octet-stream',
            'upload-offset': String(from),
          },
          parts: [{ file: file.path, from, bytes: to - from }],
          onSent(sent) {
            moved = Date.now();
            onSent(from + sent, bytes);
          },
        });
        offset = to;
      }
      await forgetUpload(mark);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (place !== null && isGone(error) && !begunAnew) {
        await forgetUpload(mark);
        place = null;
        begunAnew = true;
        continue;
      }
      if (!mayPass(error) || Date.now() - moved > BROKEN_MS) throw error;
      await wait(1_000, undefined, { signal });
    }
  }
}

/** Where the bytes of a new upload are sent. */
async function begin(api: ApiClient, id: string, { name, bytes }: LocalFile): Promise<string> {
  const answer = await api.open('/v1/uploads', {
    method: 'POST',
    headers: {
      ...TUS,
      'upload-length': String(bytes),
      'upload-metadata': `migration ${inBase64(id)},filename ${inBase64(name)}`,
    },
  });
  const location = answer.headers.get('location') ?? '';
  const at = new URL(location, `${api.url}/v1/uploads`).pathname;
  return at.slice(at.indexOf('/v1/uploads'));
}

async function offsetOf(api: ApiClient, place: string): Promise<number> {
  const answer = await api.open(place, { method: 'HEAD', headers: TUS });
  return Number(answer.headers.get('upload-offset') ?? 0);
}

/** Whether an upload that was begun is there no more: given up, expired, or ended by another of its name. */
function isGone(error: unknown): boolean {
  return error instanceof ApiProblem && (error.status === 404 || error.status === 410);
}

/** Whether an error may be over in a moment: the line broke, or the call before still works on the upload. */
function mayPass(error: unknown): boolean {
  if (error instanceof ServiceUnreachable) return true;
  return (
    error instanceof ApiProblem &&
    // a disk that is full (507) stays so
    ((error.status >= 500 && error.status !== 507) ||
      error.status === 423 ||
      error.type.endsWith(':upload-offset-conflict'))
  );
}
