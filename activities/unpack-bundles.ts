import { createHash } from 'node:crypto';
import { DEFAULT_ZIP_CAPS, openZip, type ZipArchive, type ZipEntry, ZipError } from '../sources/open-zip.ts';
import { normalisePath } from '../sources/zip-path.ts';
import type { BundledFile } from '../store/bundled-files.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedUpload, StoredPlan } from '../store/plans.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { accessTo, keeperOf } from './plan-view.ts';

interface Deps {
  stores: Pick<ImportStores, 'bundledFiles'>;
  storage: Storage;
}

/** Where an attachment's content lies: under its own SHA-256, so that equal files are kept once. */
export function blobKey(keeper: string, sha256: string): string {
  return `blobs/${keeper}/${sha256}`;
}

/** A path as people write it: case, Unicode form and the kind of slash do not matter. */
export function foldPath(path: string): string {
  return normalisePath(path).normalize('NFKC').toLowerCase();
}

/**
 * Unpacks the attachment files of a phase's ZIPs into storage and keeps an index of their paths; what is unpacked already is
 * not unpacked again. A file that cannot be read is left out: its attachment fails as FILE_MISSING.
 * @param wanted folded paths; without it, all
 */
export async function unpackBundles(
  deps: Deps,
  plan: StoredPlan,
  wanted: ReadonlySet<string> | null = null,
): Promise<void> {
  const keeper = keeperOf(plan);
  for (const upload of plan.uploads) {
    if (!upload.zip || (await deps.stores.bundledFiles.isUnpacked(keeper, upload.key))) continue;
    const tables = new Set(
      plan.parts.flatMap((part) => (part.upload === upload.key && part.entry !== null ? [part.entry] : [])),
    );
    await unpack(deps, keeper, upload, { tables, wanted });
    await deps.stores.bundledFiles.unpacked(keeper, upload.key);
  }
}

const INDEXED_AT_ONCE = 500;

async function unpack(
  { stores, storage }: Deps,
  keeper: string,
  upload: PlannedUpload,
  { tables, wanted }: { tables: ReadonlySet<string>; wanted: ReadonlySet<string> | null },
): Promise<void> {
  // sizes were judged when the request was verified, against its own limits
  const caps = { ...DEFAULT_ZIP_CAPS, unpackedBytes: Number.MAX_SAFE_INTEGER };
  const archive = await openZip(await accessTo(storage, upload).localPath(), caps);
  try {
    const groups = new Map<string, ZipEntry[]>();
    for (const entry of archive.entries) {
      if (tables.has(entry.name)) continue;
      const folded = foldPath(entry.name);
      if (wanted !== null && !wanted.has(folded)) continue;
      groups.set(folded, [...(groups.get(folded) ?? []), entry]);
    }
    let index = new Map<string, BundledFile[]>();
    for (const [folded, entries] of groups) {
      const files: BundledFile[] = [];
      for (const entry of entries) {
        beat();
        const file = await keep(storage, keeper, archive, entry);
        if (file !== null) files.push(file);
      }
      index.set(folded, files);
      if (index.size < INDEXED_AT_ONCE) continue;
      await stores.bundledFiles.put(keeper, upload.key, index);
      index = new Map();
    }
    await stores.bundledFiles.put(keeper, upload.key, index);
  } finally {
    archive.close();
  }
}

/** Up to so many bytes a file is held in memory; a larger one is read twice, for its hash and for its copy. */
const HELD_BYTES = 4_000_000;

async function keep(
  storage: Storage,
  keeper: string,
  archive: ZipArchive,
  entry: ZipEntry,
): Promise<BundledFile | null> {
  try {
    const hash = createHash('sha256');
    const held: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of await archive.read(entry)) {
      hash.update(chunk);
      size += chunk.length;
      if (entry.bytes <= HELD_BYTES) held.push(Uint8Array.from(chunk));
      beat();
    }
    const sha256 = hash.digest('hex');
    const key = blobKey(keeper, sha256);
    if (!(await storage.exists(key))) {
      await storage.put(
        key,
        entry.bytes <= HELD_BYTES ? Buffer.concat(held) : beating(await archive.read(entry)),
      );
    }
    return { path: entry.name, size, sha256 };
  } catch (error) {
    if (error instanceof ZipError) return null;
    throw error;
  }
}

/** Storing a large file takes a while where the storage is far away. */
async function* beating(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    beat();
    yield piece;
  }
}
