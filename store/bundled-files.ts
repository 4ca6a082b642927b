import type { Db } from 'mongodb';
import { idPart } from './id-part.ts';

/** An attachment file found in an uploaded ZIP, kept in storage under its content's SHA-256. */
export interface BundledFile {
  path: string;
  size: number;
  sha256: string;
}

interface BundledFileDocument {
  _id: string;
  files: BundledFile[];
}

export interface BundledFiles {
  /** @param files by folded path: files whose paths people take for one */
  put(request: string, upload: string, files: ReadonlyMap<string, BundledFile[]>): Promise<void>;
  /** folded path -> files of this upload */
  find(request: string, upload: string, folded: readonly string[]): Promise<Map<string, BundledFile[]>>;
  /** Says that an upload is unpacked to its end. */
  unpacked(request: string, upload: string): Promise<void>;
  isUnpacked(request: string, upload: string): Promise<boolean>;
}

export function createBundledFiles(db: Db): BundledFiles {
  const files = db.collection<BundledFileDocument>('bundledFiles');
  const uploads = db.collection<{ _id: string }>('unpackedUploads');
  const idOf = (request: string, upload: string, path: string): string =>
    `${request}/${idPart(upload)}/${path}`;
  return {
    async put(request, upload, found) {
      if (found.size === 0) return;
      await files.bulkWrite(
        [...found].map(([path, these]) => ({
          updateOne: {
            filter: { _id: idOf(request, upload, path) },
            update: { $set: { files: these } },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },
    async find(request, upload, paths) {
      const ids = new Map(paths.map((path) => [idOf(request, upload, path), path]));
      const result = new Map<string, BundledFile[]>();
      if (ids.size === 0) return result;
      for (const found of await files.find({ _id: { $in: [...ids.keys()] } }).toArray()) {
        result.set(ids.get(found._id) ?? '', found.files);
      }
      return result;
    },
    async unpacked(request, upload) {
      await uploads.updateOne(
        { _id: `${request}/${idPart(upload)}` },
        { $setOnInsert: { done: true } },
        { upsert: true },
      );
    },
    async isUnpacked(request, upload) {
      return (await uploads.findOne({ _id: `${request}/${idPart(upload)}` })) !== null;
    },
  };
}
