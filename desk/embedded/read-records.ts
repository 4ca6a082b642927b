import { BSON, type Db, type Filter } from 'mongodb';
import type { Fields } from '../../domain/canonical.ts';
import type { Phase } from '../../domain/phase.ts';
import type { Tab } from '../../domain/tab.ts';
import type { DeskId, LinkFinder, StoredRecord } from '../desk.ts';
import { type DeskDocument, digestOf, fieldsOf, type Migration, recordsOf } from './desk-document.ts';
import { externalIdOf, prefixBounds, recordId } from './record-id.ts';
import { readStoredForm, type StoredForm } from './stored-form.ts';

const PAGE = 5_000;

type CreatedBy = { request: string; phase: Phase } | null;

/** External id -> desk id of those that exist: under the id derived from it, else by a link. */
export async function resolveIds(
  db: Db,
  links: LinkFinder,
  where: { portal: string; scope: string; tab: Tab },
  externalIds: readonly string[],
): Promise<Map<string, DeskId>> {
  const { portal, scope, tab } = where;
  const found = new Map<string, DeskId>();
  const wanted = [...new Set(externalIds)];
  if (wanted.length === 0) return found;
  const there = await recordsOf(db, tab)
    .find(
      { _id: { $in: wanted.map((each) => recordId(portal, scope, each)) } },
      { projection: { _id: 1 }, batchSize: wanted.length },
    )
    .toArray();
  for (const { _id } of there) found.set(externalIdOf(_id), _id);
  const rest = wanted.filter((each) => !found.has(each));
  if (rest.length > 0) {
    for (const [externalId, deskId] of await links.find(portal, scope, tab, rest))
      found.set(externalId, deskId);
  }
  return found;
}

/** D2: records by external id, in the order asked for; those that are not there are left out. */
export async function readRecords(
  db: Db,
  where: { portal: string; scope: string; tab: Tab },
  externalIds: readonly string[],
): Promise<StoredRecord[]> {
  const ids = externalIds.map((each) => recordId(where.portal, where.scope, each));
  const found = new Map<string, ReadBack>();
  for await (const page of readBack(db, where.tab, ids))
    for (const record of page) found.set(record.deskId, record);
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** Records as they are stored, in pages of so many as fit into a message; those that are not there are left out. */
export async function* readBack(db: Db, tab: Tab, ids: readonly DeskId[]): AsyncGenerator<ReadBack[]> {
  for (let open = ids; open.length > 0; ) {
    const page = (await findBytes(db, tab, open)).map((bytes) => new ReadBack(bytes));
    if (page.length === 0) return;
    yield page;
    const found = new Set(page.map(({ deskId }) => deskId));
    open = open.filter((id) => !found.has(id));
  }
}

/** Documents as bytes: most of them are only compared. At least one, if one is there. */
async function findBytes(db: Db, tab: Tab, ids: readonly DeskId[]): Promise<Uint8Array[]> {
  // the command itself: the driver's cursor looks through every field of every document
  const command = { find: tab, filter: { _id: { $in: ids } }, batchSize: ids.length, singleBatch: true };
  const answer = (await db.command(command, { fieldsAsRaw: { firstBatch: true } })) as {
    cursor: { firstBatch: Uint8Array[] };
  };
  return answer.cursor.firstBatch;
}

/** A record as it was read; its document is made only when it is asked for. */
export class ReadBack implements StoredRecord {
  readonly deskId: DeskId;
  readonly digest: string;
  /** as they are stored */
  readonly bytes: Uint8Array;
  readonly #form: StoredForm | null;
  #document: DeskDocument | null = null;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#form = readStoredForm(bytes);
    this.deskId = this.#form?.id ?? this.#read()._id;
    this.digest = this.#form?.digest ?? digestOf(this.#read());
  }

  get externalId(): string {
    return externalIdOf(this.deskId);
  }

  /** null of a record that no import made */
  get migration(): Migration | null {
    if (this.#form === null) return this.#read().migration ?? null;
    const { migrationAt } = this.#form;
    if (migrationAt === null) return null;
    return BSON.deserialize(this.bytes.subarray(migrationAt), {
      allowObjectSmallerThanBufferSize: true,
    }) as Migration;
  }

  get createdBy(): CreatedBy {
    return this.migration?.created ?? null;
  }

  get fields(): Fields {
    return fieldsOf(this.#read());
  }

  #read(): DeskDocument {
    this.#document ??= BSON.deserialize(this.bytes) as DeskDocument;
    return this.#document;
  }
}

/** D2: how many records stand under `portal/scope/`. */
export function countScope(
  db: Db,
  { portal, scope, tab }: { portal: string; scope: string; tab: Tab },
): Promise<number> {
  const { from, before } = prefixBounds(`${portal}/${scope}/`);
  return recordsOf(db, tab).countDocuments({ _id: { $gt: from, $lt: before } });
}

/** D2: every record under `portal/scope/` in id order, in pages. */
export async function* scanScope(
  db: Db,
  where: { portal: string; scope: string; tab: Tab },
): AsyncGenerator<{ externalId: string; createdBy: CreatedBy }[]> {
  const pages = pagesOf(db, where.tab, `${where.portal}/${where.scope}/`, { 'migration.created': 1 });
  for await (const page of pages) {
    yield page.map(({ _id, migration }) => ({
      externalId: externalIdOf(_id),
      createdBy: migration?.created ?? null,
    }));
  }
}

/** C3, C9: every record of a portal's tab in id order, in pages, with the fields named; those of one request may be left out. */
export async function* scanPortal(
  db: Db,
  portal: string,
  tab: Tab,
  fields: readonly string[],
  except?: string,
): AsyncGenerator<{ deskId: DeskId; createdBy: CreatedBy; fields: Fields }[]> {
  const projection: Record<string, 1> = { 'migration.created': 1 };
  for (const field of fields) projection[field] = 1;
  const only = except === undefined ? {} : { 'migration.created.request': { $ne: except } };
  for await (const page of pagesOf(db, tab, `${portal}/`, projection, only)) {
    yield page.map((document) => ({
      deskId: document._id,
      createdBy: document.migration?.created ?? null,
      fields: fieldsOf(document),
    }));
  }
}

/** How many records a portal holds over the tabs named (A5). */
export async function countRecords(db: Db, portal: string, tabs: readonly Tab[]): Promise<number> {
  let count = 0;
  for (const tab of tabs) {
    for await (const page of pagesOf(db, tab, `${portal}/`, { _id: 1 })) count += page.length;
  }
  return count;
}

/** Documents under a prefix that match a filter, in id order, in pages, with the fields projected. */
export async function* pagesOf(
  db: Db,
  tab: Tab,
  prefix: string,
  projection: Record<string, 1>,
  filter: Filter<DeskDocument> = {},
): AsyncGenerator<DeskDocument[]> {
  const { from, before } = prefixBounds(prefix);
  let last = from;
  for (;;) {
    const page = await recordsOf(db, tab)
      .find(
        { ...filter, _id: { $gt: last, $lt: before } },
        { projection, sort: { _id: 1 }, limit: PAGE, batchSize: PAGE },
      )
      .toArray();
    const end = page.at(-1);
    if (end === undefined) return;
    yield page;
    if (page.length < PAGE) return;
    last = end._id;
  }
}
