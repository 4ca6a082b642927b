import { randomBytes } from 'node:crypto';
import type { Phase } from '../domain/phase.ts';
import type { ReadRecord } from '../domain/read-record.ts';
import type { HelpDeskApi } from '../sources/help-desk-api.ts';
import { readPart } from '../sources/read-part.ts';
import type { BundledFile } from '../store/bundled-files.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedUpload, StoredPlan } from '../store/plans.ts';
import type { Storage } from '../store/storage.ts';
import { type OpenSource, patiently, withSource } from './ask-source.ts';
import { beat } from './beat.ts';
import { readerOf } from './part-view.ts';
import { accessTo, keeperOf, partAt, sourceParts, uploadOf } from './plan-view.ts';
import { blobKey, foldPath } from './unpack-bundles.ts';

interface Deps {
  stores: Pick<ImportStores, 'bundledFiles' | 'segments'>;
  storage: Storage;
  openSource: OpenSource;
}

/** Where an attachment's file lies: in a bundle under the path its row gives; of a source read by its API under its id. */
export function filePathOf(plan: StoredPlan, part: number, read: ReadRecord): string | null {
  const { filePath } = read.fields;
  if (typeof filePath !== 'string') return null;
  return uploadOf(plan, partAt(plan, part).upload).drawn === true ? fetchedPath(read.externalId) : filePath;
}

function fetchedPath(attachment: string): string {
  return `attachments/${encodeURIComponent(attachment)}/file`;
}

/**
 * Fetches the files of attachments that a phase read from its source's API, one by one, and keeps an index of them; what is there
 * already is not fetched again. One that the source does not have is left out: its attachment fails as FILE_MISSING.
 * @param wanted folded paths as `filePathOf` gives them; without it, all
 * @throws ApplicationFailure SOURCE_...
 */
export async function fetchFiles(
  deps: Deps,
  plan: StoredPlan,
  wanted: ReadonlySet<string> | null = null,
): Promise<void> {
  const keeper = keeperOf(plan);
  for (const part of sourceParts(plan, 'attachments')) {
    const upload = uploadOf(plan, part.upload);
    if (upload.drawn !== true || (await deps.stores.bundledFiles.isUnpacked(keeper, upload.key))) continue;
    const read = readerOf(part);
    await withSource(deps.openSource, plan.request, async (source) => {
      for await (const { rows } of readPart(accessTo(deps.storage, upload), part)) {
        beat();
        const ids = rows
          .flatMap((row) => ('cells' in row ? [read(row.cells).externalId] : []))
          .filter((id) => id !== '' && (wanted === null || wanted.has(foldPath(fetchedPath(id)))));
        await fetchBatch(deps, source, { keeper, upload, ids });
      }
    });
    await deps.stores.bundledFiles.unpacked(keeper, upload.key);
  }
  if (plan.continues !== null) await fetchMissing(deps, plan, plan.continues);
}

/** E3: the source may have by now what it did not have in the phase before. */
async function fetchMissing(deps: Deps, plan: StoredPlan, earlier: Phase): Promise<void> {
  const keeper = keeperOf(plan);
  const uploads = new Map<number, PlannedUpload>();
  for (const { tab, carried, upload } of plan.parts) {
    const found = uploadOf(plan, upload);
    if (tab === 'attachments' && carried?.phase === earlier && found.drawn === true)
      uploads.set(carried.index, found);
  }
  if (uploads.size === 0) return;
  const key = { request: plan.request, phase: earlier, tab: 'attachments' } as const;
  await withSource(deps.openSource, plan.request, async (source) => {
    for await (const { number, finished } of deps.stores.segments.all(key)) {
      beat();
      if ((finished?.counts.failed ?? 0) === 0) continue;
      const failures = await deps.stores.segments.failures(key, number);
      for (const [index, upload] of uploads) {
        const ids = failures
          .filter(({ outcome: { code, part } }) => code === 'FILE_MISSING' && part === index)
          .map(({ outcome }) => outcome.externalId);
        await fetchBatch(deps, source, { keeper, upload, ids });
      }
    }
  });
}

async function fetchBatch(
  { stores, storage }: Deps,
  source: HelpDeskApi,
  { keeper, upload, ids }: { keeper: string; upload: PlannedUpload; ids: readonly string[] },
): Promise<void> {
  const paths = ids.map((id) => foldPath(fetchedPath(id)));
  const known = await stores.bundledFiles.find(keeper, upload.key, paths);
  for (const id of ids) {
    const path = fetchedPath(id);
    const folded = foldPath(path);
    // ids that differ in case alone are others
    const others = known.get(folded) ?? [];
    if (others.some((each) => each.path === path)) continue;
    const file = await patiently(() => fetchFile(storage, source, keeper, id));
    if (file === null) continue;
    const files = [...others, { path, ...file }];
    known.set(folded, files);
    await stores.bundledFiles.put(keeper, upload.key, new Map([[folded, files]]));
  }
}

/** Its name in storage is its hash, which is known when it is whole: until then it is put aside. */
async function fetchFile(
  storage: Storage,
  source: HelpDeskApi,
  keeper: string,
  id: string,
): Promise<Omit<BundledFile, 'path'> | null> {
  const content = await source.file(id);
  if (content === null) return null;
  const aside = `drawn/aside/${randomBytes(12).toString('hex')}`;
  try {
    const { bytes: size, sha256 } = await storage.put(aside, content);
    const key = blobKey(keeper, sha256);
    if (!(await storage.exists(key))) await storage.put(key, await storage.read(aside));
    return { size, sha256 };
  } finally {
    await storage.remove(aside);
  }
}
