import { createHash } from 'node:crypto';
import type { Db } from 'mongodb';
import { idsUnder } from './database.ts';

/** One uploaded file of a request, or of a reply (E1). */
export interface Upload {
  request: string;
  /** see uploadKey */
  key: string;
  /** the name the requester gave it */
  name: string;
  bytes: number;
  sha256: string;
  storageKey: string;
  /** place in the order of arrival; a file sent again arrives anew */
  order: number;
  uploadedAt: Date;
  /** key of the reply it came with, or null */
  reply: string | null;
}

export interface Uploads {
  /** Keeps an upload; one of the same key is replaced, and its place in the order of arrival is a new one. */
  put(upload: Omit<Upload, 'order'>): Promise<Upload>;
  get(request: string, key: string): Promise<Upload | null>;
  /** In order of arrival: all of the request, those of one reply, or (null) those of no reply. */
  list(request: string, reply?: string | null): Promise<Upload[]>;
  remove(request: string, key: string): Promise<void>;
}

/** The key of a request's file: of its name, and of the reply it came with; the same name again is the same key. */
export function uploadKey(request: string, name: string, reply: string | null = null): string {
  return createHash('sha256')
    .update(JSON.stringify([request, reply, name]))
    .digest('hex')
    .slice(0, 32);
}

export function createUploads(db: Db): Uploads {
  const uploads = db.collection<Upload & { _id: string }>('uploads');
  const all = async (request: string): Promise<Upload[]> => {
    const found = await uploads.find({ _id: idsUnder(`${request}/`) }).toArray();
    return found
      .map(({ _id, ...upload }) => upload)
      .toSorted(
        (a, b) =>
          a.order - b.order || a.uploadedAt.getTime() - b.uploadedAt.getTime() || (a.key < b.key ? -1 : 1),
      );
  };
  return {
    async put(upload) {
      const last = (await all(upload.request)).findLast(({ key }) => key !== upload.key);
      const placed = { ...upload, order: (last?.order ?? 0) + 1 };
      await uploads.replaceOne({ _id: `${upload.request}/${upload.key}` }, placed, { upsert: true });
      return placed;
    },
    async get(request, key) {
      const found = await uploads.findOne({ _id: `${request}/${key}` });
      if (found === null) return null;
      const { _id, ...upload } = found;
      return upload;
    },
    async list(request, reply) {
      const found = await all(request);
      return reply === undefined ? found : found.filter((each) => each.reply === reply);
    },
    async remove(request, key) {
      await uploads.deleteOne({ _id: `${request}/${key}` });
    },
  };
}
