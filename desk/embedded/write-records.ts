import { type AnyBulkWriteOperation, type Collection, type Db } from 'mongodb';
// not among its exports; the driver's version is exact, and whatever is written passes here
import { DocumentSequence } from 'mongodb/lib/cmap/commands.js';
import type { Tab } from '../../domain/tab.ts';
import type { DeskRecord, ImportStamp, WriteOutcome } from '../desk.ts';
import { DeskError, PortalNotFound } from '../errors.ts';
import { asRead } from './as-read.ts';
import { type DeskDocument, digestOf, type Migration, recordsOf } from './desk-document.ts';
import { DocumentBytes } from './document-bytes.ts';
import { portalsOf } from './portals.ts';
import { checkScope, recordId } from './record-id.ts';
import type { RecordQuota } from './record-quota.ts';
import { MOST_RECORD_BYTES, storedBytes } from './record-size.ts';

/** What goes to the server in one message; a few writers side by side stay under 32 MB of record bodies in flight. */
const CHUNK_BYTES = 8_000_000;

/** Most records that are read and decided together. */
const SETTLED_AT_ONCE = 250;

/** How often a record that changes under the writer's eyes is looked at again. */
const ROUNDS = 20;

const DUPLICATE_KEY = 11_000;
/** Codes by which a server refuses a document for what it holds; any other refusal is a fault of the server. */
const DOCUMENT_REFUSED = new Set([2, 9, 52, 57, 121, 10_334, 17_280]);

const scratch = new DocumentBytes();

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
  records: Collection<DeskDocument>;
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
    records: recordsOf(db, tab),
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
  const found = writer.records.find(
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
    const refused = await insert(writer, chunk);
    chunk.forEach((entry, place) => {
      const code = refused.get(place);
      const { index, record, id } = entry;
      if (code === undefined) {
        writer.outcomes[index] = { result: 'created', deskId: id, digest: record.written };
      } else if (code === DUPLICATE_KEY) taken.push(entry);
      else {
        const message = `the desk refused the record with its code ${code}`;
        writer.outcomes[index] = {
          result: 'failed',
          code: 'DESK_REFUSED',
          message,
          deskId: null,
          digest: null,
        };
      }
    });
  }
  return taken;
}

/** What a server answers to an insert. */
interface InsertAnswer {
  writeErrors?: { index: number; code: number; errmsg?: string }[];
  writeConcernError?: { code: number; errmsg?: string };
}

/** The server's error code by place in the chunk, for the documents it refused. */
async function insert({ db, tab }: Writer, chunk: readonly Entry[]): Promise<ReadonlyMap<number, number>> {
  const bytes = scratch.of(
    chunk.map(({ id, record, migration }) => [{ _id: id }, record.fields, { migration }]),
  );
  const documents = new DocumentSequence('documents');
  documents.push({}, bytes);
  // the command itself: the driver's insertMany takes several times the processor time of it
  const answer = (await db.command({ insert: tab, documents, ordered: false })) as InsertAnswer;
  const { writeErrors = [], writeConcernError } = answer;
  if (writeConcernError !== undefined) throw new DeskError('DESK_FAULT', faultOf(writeConcernError.code));
  const refused = new Map<number, number>();
  for (const { index, code } of writeErrors) {
    if (code !== DUPLICATE_KEY && !DOCUMENT_REFUSED.has(code))
      throw new DeskError('DESK_FAULT', faultOf(code));
    refused.set(index, code);
  }
  return refused;
}

function faultOf(code: number): string {
  return `the desk's database could not write, with its code ${code}`;
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
  const { records, outcomes, stamp, tab } = writer;
  let open = entries;
  for (let round = 0; open.length > 0; round++) {
    if (round === ROUNDS) {
      throw new DeskError(
        'DESK_UNSTEADY',
        `${open.length} records changed each of the ${ROUNDS} times they were read`,
      );
    }
    const stored = new Map<string, DeskDocument>();
    const found = records.find({ _id: { $in: open.map(({ id }) => id) } }, { batchSize: open.length });
    for (const document of await found.toArray()) stored.set(document._id, document);

    const vanished: Entry[] = [];
    const updates: Entry[] = [];
    const operations: AnyBulkWriteOperation<DeskDocument>[] = [];
    for (const entry of open) {
      const existing = stored.get(entry.id);
      if (existing === undefined) {
        if (entry.record.importedBefore) outcomes[entry.index] = skipped('DELETED_IN_DESK');
        else vanished.push(entry);
        continue;
      }
      const decision = decide(entry.record, existing, stamp);
      if (decision !== 'update') {
        outcomes[entry.index] = decision;
        continue;
      }
      const replacement: Omit<DeskDocument, '_id'> = {
        ...entry.record.fields,
        migration: updated(entry.migration, existing),
      };
      operations.push({ replaceOne: { filter: asRead(tab, existing), replacement } });
      updates.push(entry);
    }
    open = vanished.length > 0 ? await insertChunks(writer, vanished) : [];
    if (operations.length === 0) continue;
    const { matchedCount } = await records.bulkWrite(operations, { ordered: false });
    if (matchedCount === operations.length) {
      for (const { index, record, id } of updates) {
        outcomes[index] = { result: 'updated', deskId: id, digest: record.written };
      }
    } else {
      // some were edited since they were read; which ones, their own stamps tell
      open = [...open, ...updates];
    }
  }
}

/** E3: what is to be done with a record that is in the desk. */
function decide(record: DeskRecord, existing: DeskDocument, stamp: ImportStamp): WriteOutcome | 'update' {
  const last = existing.migration?.last;
  // not made by an import: the portal's own
  if (last === undefined) return skipped('EDITED_IN_DESK');
  if (last.request === stamp.request && last.phase === stamp.phase) {
    return { result: last.result, deskId: existing._id, digest: last.written };
  }
  if (last.source === record.source) {
    // as it stands now: edited in the desk or not, nothing is to be written over it
    return { result: 'unchanged', deskId: existing._id, digest: digestOf(existing) };
  }
  return digestOf(existing) === last.written ? 'update' : skipped('EDITED_IN_DESK');
}

function updated({ last }: Migration, existing: DeskDocument): Migration {
  if (existing.migration === undefined) throw new TypeError('only an imported record is updated');
  const { created } = existing.migration;
  return { created, last: { ...last, result: 'updated' } };
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
