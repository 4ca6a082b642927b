import type { RequestDocument } from '../store/requests.ts';
import { uploadKey } from '../store/uploads.ts';
import type { Api } from './app.ts';
import { requireStillKnown } from './principal.ts';
import { Problem } from './problem.ts';
import { command } from './read-request.ts';
import { type ReceivedFile, receiveFile } from './receive-file.ts';
import type { Call } from './route.ts';
import { capOf } from './upload-limits.ts';

/** A file as it is sent, whichever way it comes. */
export interface SentFile {
  /** as fileName gives it */
  name: string;
  /** bytes its sender announced; undefined when it did not */
  declared: number | undefined;
  /** What is asked of the file of that name that is there already, or is not. @throws Problem when it is not so */
  allow?: (before: { sha256: string } | null) => void;
  /** Begins to read it; called once everything that can refuse it beforehand was looked at. */
  body: () => AsyncIterable<Uint8Array>;
}

export interface TakenFile {
  name: string;
  bytes: number;
  sha256: string;
  /** whether the request had a file of that name */
  replaced: boolean;
}

/** What the workflow would refuse anyway is refused before a long upload, not after it. */
export function requireEditable(request: RequestDocument): void {
  if (request.state !== 'PENDING') {
    throw new Problem(
      'wrong-state',
      `The request is ${request.state}; files are uploaded only while it is PENDING.`,
      { members: { state: request.state } },
    );
  }
  if (request.submitted) {
    throw new Problem(
      'already-submitted',
      'The request has been submitted; until the team takes it, it can only be cancelled.',
    );
  }
}

/**
 * A2, A4: receives a file and makes it part of the request; one of the same name is replaced. Refused, everything is as it was before.
 * @throws Problem for a limit, the request's state, or an empty file
 */
export async function takeFile(
  api: Api,
  call: Pick<Call, 'request' | 'principal'>,
  request: RequestDocument,
  { name, declared, allow = () => {}, body }: SentFile,
): Promise<TakenFile> {
  requireEditable(request);
  const key = uploadKey(request.id, name);
  const place = api.filesUnderWay.enter(request.id, key, declared ?? 0);
  try {
    const present = await api.stores.uploads.list(request.id, null);
    allow(present.find((file) => file.key === key) ?? null);
    const cap = capOf(api, request.limits, [...present, ...place.earlier], place.key, declared);
    const file = await receiveFile(api.storage, `uploads/${request.id}/${key}`, body(), cap);
    await requireStillKnown(api, call).catch(async (error: unknown) => {
      await api.storage.remove(file.storageKey);
      throw error;
    });
    // of two files of one name the second finds what the first has left
    const replaced = await api.filesUnderWay.inTurn(`${request.id}/${key}`, () =>
      addFile(api, call, request, key, { name, allow, file }),
    );
    return { name, bytes: file.bytes, sha256: file.sha256, replaced };
  } finally {
    place.leave();
  }
}

async function addFile(
  api: Api,
  call: Pick<Call, 'request' | 'principal'>,
  request: RequestDocument,
  key: string,
  { name, allow, file }: Required<Pick<SentFile, 'name' | 'allow'>> & { file: ReceivedFile },
): Promise<boolean> {
  const { uploads } = api.stores;
  const before = await uploads.get(request.id, key);
  try {
    allow(before);
  } catch (error) {
    await api.storage.remove(file.storageKey);
    throw error;
  }
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
    throw error;
  }
  if (before !== null) await api.storage.remove(before.storageKey);
  return before !== null;
}
