import type { Db } from 'mongodb';
import type { Tab } from '../../domain/tab.ts';
import type { DeskRecord, ImportStamp, WriteOutcome } from '../desk.ts';
import { DeskError, PortalNotFound } from '../errors.ts';
import { asRead } from './as-read.ts';
import { type Migration, recordsOf } from './desk-document.ts';
import type { Part } from './document-bytes.ts';
import { portalsOf } from './portals.ts';
import { type ReadBack, readBack } from './read-records.ts';
import { checkScope, recordId } from './record-id.ts';
import type { RecordQuota } from './record-quota.ts';
import { MOST_RECORD_BYTES, storedBytes } from './record-size.ts';
import { type Refusal, sendWrite, type Written } from './send-write.ts';

/** What goes to the server in one message; a few writers side by side stay under 32 MB of record bodies in flight. */
const CHUNK_BYTES = 8_000_000;

/** Most records that are read and decided together. */
const SETTLED_AT_ONCE = 250;

/** How often a record that changes under the writer's eyes is looked at again. */
const ROUNDS = 20;

/** Most bytes that an update may take, of the 16 MiB that a server reads as one document: the record as it was read, and as it will be. */
const MOST_UPDATE_BYTES = 16_000_000;

/** One record on its way: its place in the batch, and its document's id and stamp. */
interface Entry {
  index: number;
  record: DeskRecord;
  id: string;
  migration: Migration;
  bytes: number;
}

interface Writer {
  db: Db;
  tab: Tab;
  stamp: ImportStamp;
  outcomes: (WriteOutcome | undefined)[];
}

/**
 * Writes a batch (D3, E3). New records are inserted first; only those that are there already, or were imported before, are
 * read and compared. Writing the same batch with the same stamp again changes nothing and answers the same.
 * @throws PortalNotFound, BadName for a scope that cannot be one, DeskError DESK_UNSTEADY when records keep changing meanwhile,
 * DESK_FAULT when the database fails
 */
export async function writeRecords(
  db: Db,
  quota: RecordQuota,
  tab: Tab,
  batch: readonly DeskRecord[],
  stamp: ImportStamp,
): Promise<WriteOutcome[]> {
  checkScope(stamp.scope);
  const portal = await portalsOf(db).findOne({ _id: stamp.portal }, { projection: { recordQuota: 1 } });
  if (portal === null) throw new PortalNotFound(stamp.portal);

  const writer: Writer = {
    db,
    tab,
    stamp,
    outcomes: Array.from({ length: batch.length }),
  };
  const fresh: Entry[] = [];
  const known: Entry[] = [];
  const created = { request: stamp.request, phase: stamp.phase };
  batch.forEach((record, index) => {
    const entry = entryOf(record, index, stamp, created);
    if (entry.bytes > MOST_RECORD_BYTES) {
      const message = `the record has ${entry.bytes} bytes as stored; at most ${MOST_RECORD_BYTES} are possible`;
      writer.outcomes[index] = { result: 'failed', code: 'TOO_LARGE', message, deskId: null, digest: null };
    } else (record.importedBefore ? known : fresh).push(entry);
  });

  const { recordQuota } = portal;
  if (fresh.length > 0) {
    if (recordQuota === null) known.push(...(await insertChunks(writer, fresh)));
    else {
      known.push(
        ...(await quota.admit(stamp.portal, recordQuota, fresh.length, async (room) => {
          if (fresh.length <= room) {
            const there = await insertChunks(writer, fresh);
            return { made: fresh.length - there.length, answer: there };
          }
          return insertWithin(writer, fresh, room);
        })),
      );
    }
  }
  await settleAll(writer, known);
  return writer.outcomes.map((outcome, index) => {
    if (outcome === undefined)
      throw new DeskError('DESK_UNSTEADY', `record ${index} of the batch has no outcome`);
    return outcome;
  });
}

function entryOf(
  record: DeskRecord,
  index: number,
  stamp: ImportStamp,
  created: { request: string; phase: ImportStamp['phase'] },
): Entry {
  if (record.fields['externalId'] !== record.externalId) {
    throw new TypeError('a record to be written holds its external id among its fields');
  }
  const id = recordId(stamp.portal, stamp.scope, record.externalId);
  const migration: Migration = {
    created,
    last: {
      request: stamp.request,
      phase: stamp.phase,
      segment: stamp.segment,
      result: 'created',
      source: record.source,
      written: record.written,
    },
  };
  const bytes = storedBytes({ _id: id }, record.fields, { migration });
  return { index, record, id, migration, bytes };
}

/** A5: with room for only so many, the first in the batch's order that are not there yet are made; the others fail alone. */
async function insertWithin(
  writer: Writer,
  fresh: readonly Entry[],
  room: number,
): Promise<{ made: number; answer: Entry[] }> {
  const there = new Set<string>();
  const found = recordsOf(writer.db, writer.tab).find(
    { _id: { $in: fresh.map(({ id }) => id) } },
    { projection: { _id: 1 }, batchSize: fresh.length },
  );
  for (const { _id } of await found.toArray()) there.add(_id);
  const known = fresh.filter(({ id }) => there.has(id));
  const missing = fresh.filter(({ id }) => !there.has(id));
  const made = (): number =>
    missing.filter(({ index }) => writer.outcomes[index]?.result === 'created').length;
  let tried = 0;
  // one that the desk refuses, or that was made meanwhile, takes no room of the next
  for (let left = room; left > 0 && tried < missing.length; left = room - made()) {
    known.push(...(await insertChunks(writer, missing.slice(tried, tried + left))));
    tried += left;
  }
  for (const { index } of missing.slice(tried)) {
    const message = "the portal's storage quota is used up";
    writer.outcomes[index] = { result: 'failed', code: 'DESK_FULL', message, deskId: null, digest: null };
  }
  return { made: made(), answer: known };
}

/** Inserts; answers those whose id is taken, in order. */
async function insertChunks(writer: Writer, entries: readonly Entry[]): Promise<Entry[]> {
  const taken: Entry[] = [];
  for (const chunk of chunksOf(entries)) {
    const documents = chunk.map(({ id, record, migration }) => [{ _id: id }, record.fields, { migration }]);
    const { refused } = await sendWrite(writer.db, 'insert', writer.tab, documents);
    chunk.forEach((entry, place) => {
      const { index, record, id } = entry;
      const refusal = refused.get(place);
      if (refusal === 'taken') taken.push(entry);
      else {
        writer.outcomes[index] =
          refusal === undefined
            ? { result: 'created', deskId: id, digest: record.written }
            : refusedRecord(refusal);
      }
    });
  }
  return taken;
}

function refusedRecord(code: Refusal): WriteOutcome {
  const message = `the desk refused the record with its code ${code}`;
  return { result: 'failed', code: 'DESK_REFUSED', message, deskId: null, digest: null };
}

/** While some are read or written by the server others are decided. @throws when none of it is under way any more */
async function settleAll(writer: Writer, entries: readonly Entry[]): Promise<void> {
  const chunks = chunksOf(entries, SETTLED_AT_ONCE);
  const takeOn = async (): Promise<void> => {
    for (const chunk of chunks) await settle(writer, chunk);
  };
  const ended = await Promise.allSettled([takeOn(), takeOn()]);
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}

/** Reads records that are there, or were, and decides each; what changes meanwhile is read and decided again. */
async function settle(writer: Writer, entries: readonly Entry[]): Promise<void> {
  const { db, outcomes, tab } = writer;
  let open = [...entries];
  for (let round = 0; open.length > 0; round++) {
    if (round === ROUNDS) {
      throw new DeskError(
        'DESK_UNSTEADY',
        `${open.length} records changed each of the ${ROUNDS} times they were read`,
      );
    }
    let unread = open;
    open = [];
    const ids = unread.map(({ id }) => id);
    for await (const page of readBack(db, tab, ids)) {
      const stored = new Map(page.map((existing) => [existing.deskId, existing]));
      const found = unread.flatMap((entry) => {
        const existing = stored.get(entry.id);
        return existing === undefined ? [] : [{ entry, existing }];
      });
      unread = unread.filter(({ id }) => !stored.has(id));
      open.push(...(await settleFound(writer, found)));
    }
    const vanished: Entry[] = [];
    for (const entry of unread) {
      if (entry.record.importedBefore) outcomes[entry.index] = skipped('DELETED_IN_DESK');
      else vanished.push(entry);
    }
    if (vanished.length > 0) open.push(...(await insertChunks(writer, vanished)));
  }
}

interface Update {
  entry: Entry;
  existing: ReadBack;
  /** what its document will be, by parts */
  becomes: Part;
}

/** Decides records that were read, and updates those that are to be; answers those that somebody changed meanwhile. */
async function settleFound(
  writer: Writer,
  found: readonly { entry: Entry; existing: ReadBack }[],
): Promise<Entry[]> {
  const updates: Update[] = [];
  const large: Update[] = [];
  for (const { entry, existing } of found) {
    const { index, record, migration, bytes, id } = entry;
    const before = existing.migration;
    const decision = decide(record, existing, before, writer.stamp);
    if (decision !== 'update') {
      writer.outcomes[index] = decision;
      continue;
    }
    const becomes = { _id: id, ...record.fields, migration: updated(migration, before) };
    const isLarge = existing.bytes.length + bytes > MOST_UPDATE_BYTES;
    (isLarge ? large : updates).push({ entry, existing, becomes });
  }
  const changed: Entry[] = [];
  if (updates.length > 0) {
    const statements = updates.map(({ entry, existing, becomes }) => [
      { q: asRead(entry.id, existing.bytes), u: becomes },
    ]);
    changed.push(
      ...noteUpdated(writer, updates, await sendWrite(writer.db, 'update', writer.tab, statements)),
    );
  }
  for (const update of large) {
    const { entry, existing, becomes } = update;
    const statement = { q: asRead(entry.id, existing.bytes), u: [{ $replaceWith: '$$becomes' }] };
    // as a part of the command, which may be as large as a statement once more
    const more = { let: { becomes: { $literal: becomes } } };
    const written = await sendWrite(writer.db, 'update', writer.tab, [[statement]], more);
    changed.push(...noteUpdated(writer, [update], written));
  }
  return changed;
}

/** Notes what was updated; answers all, when some were edited since they were read: which ones, their own stamps tell. */
function noteUpdated(writer: Writer, updates: readonly Update[], { count, refused }: Written): Entry[] {
  const isWhole = count + refused.size === updates.length;
  const changed: Entry[] = [];
  for (const [place, { entry }] of updates.entries()) {
    const { index, record, id } = entry;
    const refusal = refused.get(place);
    if (refusal !== undefined) writer.outcomes[index] = refusedRecord(refusal);
    else if (isWhole) writer.outcomes[index] = { result: 'updated', deskId: id, digest: record.written };
    else changed.push(entry);
  }
  return changed;
}

/** E3: what is to be done with a record that is in the desk. */
function decide(
  record: DeskRecord,
  existing: ReadBack,
  migration: Migration | null,
  stamp: ImportStamp,
): WriteOutcome | 'update' {
  const last = migration?.last;
  // not made by an import: the portal's own
  if (last === undefined) return skipped('EDITED_IN_DESK');
  if (last.request === stamp.request && last.phase === stamp.phase) {
    return { result: last.result, deskId: existing.deskId, digest: last.written };
  }
  if (last.source === record.source) {
    // as it stands now: edited in the desk or not, nothing is to be written over it
    return { result: 'unchanged', deskId: existing.deskId, digest: existing.digest };
  }
  return existing.digest === last.written ? 'update' : skipped('EDITED_IN_DESK');
}

function updated({ last }: Migration, before: Migration | null): Migration {
  if (before === null) throw new TypeError('only an imported record is updated');
  return { created: before.created, last: { ...last, result: 'updated' } };
}

function skipped(code: 'EDITED_IN_DESK' | 'DELETED_IN_DESK'): WriteOutcome {
  const message =
    code === 'EDITED_IN_DESK'
      ? 'the record was edited in the desk and changed in the source; the desk keeps its own'
      : 'the record was imported before and deleted in the desk since; it is not made again';
  return { result: 'skipped', code, message, deskId: null, digest: null };
}

function* chunksOf(entries: readonly Entry[], most = Number.POSITIVE_INFINITY): Generator<Entry[]> {
  let chunk: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (chunk.length === most || (chunk.length > 0 && bytes + entry.bytes > CHUNK_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(entry);
    bytes += entry.bytes;
  }
  if (chunk.length > 0) yield chunk;
}
