import type { AnyBulkWriteOperation, Db } from 'mongodb';
import { TABS, type Tab } from '../../domain/tab.ts';
import type { DeskId, RemoveOutcome, RemoveResult } from '../desk.ts';
import { DeskError } from '../errors.ts';
import { asRead } from './as-read.ts';
import { type DeskDocument, digestOf, recordsOf } from './desk-document.ts';
import { forgetInlineImages } from './inline-images.ts';
import { portalsOf, samplePortalId } from './portals.ts';
import { pagesOf } from './read-records.ts';

const CHUNK = 200;
const ROUNDS = 20;

/** F1: deletes what a request created and nobody changed since; outcomes in the order of the ids. */
export async function removeRecords(
  db: Db,
  tab: Tab,
  deskIds: readonly DeskId[],
  request: string,
): Promise<RemoveOutcome[]> {
  const results = new Map<DeskId, RemoveResult>();
  for (let from = 0; from < deskIds.length; from += CHUNK) {
    const chunk = deskIds.slice(from, from + CHUNK);
    await removeChunk(db, tab, chunk, request, results);
    // also of those that a run before this one removed
    const left = chunk.filter(
      (deskId) => !['notOurs', 'changedSince'].includes(results.get(deskId) ?? 'gone'),
    );
    await forgetInlineImages(db, tab, left);
  }
  return deskIds.map((deskId) => ({ deskId, result: results.get(deskId) ?? 'gone' }));
}

/** F1: what removeRecords would do with these now. */
export async function judgeRemoval(
  db: Db,
  tab: Tab,
  deskIds: readonly DeskId[],
  request: string,
): Promise<RemoveOutcome[]> {
  const results = new Map<DeskId, RemoveResult>();
  for (let from = 0; from < deskIds.length; from += CHUNK) {
    const chunk = deskIds.slice(from, from + CHUNK);
    for (const document of await recordsOf(db, tab)
      .find({ _id: { $in: chunk } })
      .toArray()) {
      const verdict = judge(document, request);
      results.set(document._id, verdict === 'remove' ? 'removed' : verdict);
    }
  }
  return deskIds.map((deskId) => ({ deskId, result: results.get(deskId) ?? 'gone' }));
}

async function removeChunk(
  db: Db,
  tab: Tab,
  deskIds: readonly DeskId[],
  request: string,
  results: Map<DeskId, RemoveResult>,
): Promise<void> {
  const records = recordsOf(db, tab);
  let open = [...deskIds];
  for (let round = 0; open.length > 0; round++) {
    if (round === ROUNDS) {
      throw new DeskError(
        'DESK_UNSTEADY',
        `${open.length} records changed each of the ${ROUNDS} times they were read`,
      );
    }
    const stored = await records.find({ _id: { $in: open } }).toArray();
    const operations: AnyBulkWriteOperation<DeskDocument>[] = [];
    const tried: DeskId[] = [];
    for (const document of stored) {
      const verdict = judge(document, request);
      if (verdict === 'remove') {
        operations.push({ deleteOne: { filter: asRead(tab, document) } });
        tried.push(document._id);
        // gone at the next look: by this call
        results.set(document._id, 'removed');
      } else results.set(document._id, verdict);
    }
    open = [];
    if (operations.length === 0) continue;
    const { deletedCount } = await records.bulkWrite(operations, { ordered: false });
    if (deletedCount !== operations.length) open = tried;
  }
}

function judge({ migration, ...rest }: DeskDocument, request: string): 'remove' | 'notOurs' | 'changedSince' {
  if (migration === undefined || migration.created.request !== request) return 'notOurs';
  if (migration.last.request !== request) return 'changedSince';
  return digestOf(rest) === migration.last.written ? 'remove' : 'changedSince';
}

/** B6: removes a request's throw-away portal and all its records. */
export async function dropSamplePortal(db: Db, request: string): Promise<void> {
  const portal = samplePortalId(request);
  for (const tab of TABS) {
    for await (const page of pagesOf(db, tab, `${portal}/`, { _id: 1 })) {
      await recordsOf(db, tab).deleteMany({ _id: { $in: page.map(({ _id }) => _id) } });
    }
  }
  await portalsOf(db).deleteOne({ _id: portal });
}
