import type { Db } from 'mongodb';
import { TABS, type Tab } from '../../domain/tab.ts';
import type { DeskId, RemoveOutcome, RemoveResult } from '../desk.ts';
import { DeskError } from '../errors.ts';
import { asRead } from './as-read.ts';
import { recordsOf } from './desk-document.ts';
import type { Part } from './document-bytes.ts';
import { forgetInlineImages } from './inline-images.ts';
import { portalsOf, samplePortalId } from './portals.ts';
import { pagesOf, type ReadBack, readBack } from './read-records.ts';
import { sendWrite } from './send-write.ts';

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
    for await (const page of readBack(db, tab, chunk)) {
      for (const record of page) {
        const verdict = judge(record, request);
        results.set(record.deskId, verdict === 'remove' ? 'removed' : verdict);
      }
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
  let open = [...deskIds];
  for (let round = 0; open.length > 0; round++) {
    if (round === ROUNDS) {
      throw new DeskError(
        'DESK_UNSTEADY',
        `${open.length} records changed each of the ${ROUNDS} times they were read`,
      );
    }
    const tried: DeskId[] = [];
    for await (const page of readBack(db, tab, open)) {
      const statements: Part[][] = [];
      const removing: DeskId[] = [];
      for (const record of page) {
        const { deskId, bytes } = record;
        const verdict = judge(record, request);
        if (verdict === 'remove') {
          statements.push([{ q: asRead(deskId, bytes), limit: 1 }]);
          removing.push(deskId);
          // gone at the next look: by this call
          results.set(deskId, 'removed');
        } else results.set(deskId, verdict);
      }
      if (statements.length === 0) continue;
      const { count } = await sendWrite(db, 'delete', tab, statements);
      if (count !== statements.length) tried.push(...removing);
    }
    open = tried;
  }
}

function judge({ migration, digest }: ReadBack, request: string): 'remove' | 'notOurs' | 'changedSince' {
  if (migration === null || migration.created.request !== request) return 'notOurs';
  if (migration.last.request !== request) return 'changedSince';
  return digest === migration.last.written ? 'remove' : 'changedSince';
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
