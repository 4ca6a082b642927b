import type { Phase } from '../domain/phase.ts';
import type { ReadRecord } from '../domain/read-record.ts';
import { bareContentId, foldedPath, ownerKey, type TicketFile } from '../domain/resolve-image.ts';
import type { RecordOutcome } from '../domain/record-outcome.ts';
import type { Tab } from '../domain/tab.ts';
import type { Desk } from '../desk/desk.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { readerOf } from './part-view.ts';
import { partAt } from './plan-view.ts';
import { readSegment } from './segment-file.ts';

export interface TicketFilesDeps {
  stores: Pick<ImportStores, 'segments' | 'bodyImages'>;
  storage: Storage;
  desk: Pick<Desk, 'read' | 'resolve'>;
}

/** How many attachments are looked at together. */
const BATCH = 500;
/** How many threads or comments are read together: their bodies come along. */
const BODIES = 50;

type OwnerTab = 'tickets' | 'threads' | 'comments';
const OWNERS: readonly OwnerTab[] = ['threads', 'comments', 'tickets'];

/**
 * Keeps the attachments of a phase by their ticket, imported or not, so that the images of its bodies find them (C4). Again it
 * keeps the same.
 * @param each told the ticket of every attachment
 */
export async function keepTicketFiles(
  deps: TicketFilesDeps,
  plan: StoredPlan,
  each: (ticket: string) => void = () => {},
): Promise<void> {
  const phase: Phase = plan.phase;
  const key: TabKey = { request: plan.request, phase, tab: 'attachments' };
  if (!plan.tabs.includes('attachments')) return;
  for await (const segment of deps.stores.segments.all(key)) {
    if (segment.finished === null) continue;
    const attachments = await attachmentsIn(deps, plan, key, segment);
    for (let from = 0; from < attachments.length; from += BATCH) {
      beat();
      const found = await withTickets(deps, plan, attachments.slice(from, from + BATCH));
      await deps.stores.bodyImages.keepFiles(plan.request, found);
      for (const { ticket } of found) each(ticket);
    }
  }
  await deps.stores.bodyImages.filesKept(plan.request, phase);
}

interface Attachment {
  read: ReadRecord;
  outcome: RecordOutcome;
}

/** The attachments of a segment that count: of rows with one id the first. */
async function attachmentsIn(
  { stores, storage }: TicketFilesDeps,
  plan: StoredPlan,
  key: TabKey,
  segment: Segment,
): Promise<Attachment[]> {
  const outcomes = await stores.segments.outcomes(key, segment.number);
  const lines = await readSegment(storage, segment);
  const readers = new Map<number, ReturnType<typeof readerOf>>();
  const found: Attachment[] = [];
  for (const [place, outcome] of outcomes.entries()) {
    const line = lines.at(place);
    if (line?.cells === undefined || line.id === '' || line.code !== undefined) continue;
    let reader = readers.get(line.file);
    if (reader === undefined) readers.set(line.file, (reader = readerOf(partAt(plan, line.file))));
    found.push({ read: reader(line.cells), outcome });
  }
  return found;
}

async function withTickets(
  { desk }: TicketFilesDeps,
  { portal, scope }: StoredPlan,
  attachments: readonly Attachment[],
): Promise<{ ticket: string; file: TicketFile }[]> {
  const named = (tab: OwnerTab): string[] => [
    ...new Set(
      attachments.flatMap(({ read }) =>
        ownersOf(read).flatMap((each) => (each.tab === tab ? each.externalId : [])),
      ),
    ),
  ];
  const owners = new Map<Tab, Map<string, string>>();
  for (const tab of OWNERS) owners.set(tab, await desk.resolve(portal, scope, tab, named(tab)));
  const tickets = new Map<string, string>();
  for (const tab of ['threads', 'comments'] as const) {
    const ids = named(tab);
    for (let from = 0; from < ids.length; from += BODIES) {
      beat();
      for (const { deskId, fields } of await desk.read(portal, scope, tab, ids.slice(from, from + BODIES))) {
        if (typeof fields['ticketId'] === 'string') tickets.set(ownerKey(tab, deskId), fields['ticketId']);
      }
    }
  }
  const stored = await desk.read(
    portal,
    scope,
    'attachments',
    attachments.map(({ read }) => read.externalId),
  );
  const hashes = new Map(stored.map(({ externalId, fields }) => [externalId, fields['sha256']]));
  return attachments.flatMap(({ read, outcome }) => {
    const own = ownersOf(read).flatMap(({ tab, externalId }) => {
      const deskId = owners.get(tab)?.get(externalId);
      return deskId === undefined ? [] : [{ tab, deskId }];
    });
    const ticket =
      own.find(({ tab }) => tab === 'tickets')?.deskId ??
      own.flatMap(({ tab, deskId }) => tickets.get(ownerKey(tab, deskId)) ?? [])[0];
    const [owner] = own;
    if (ticket === undefined || owner === undefined) return [];
    return [
      {
        ticket,
        file: fileOf(
          read,
          ownerKey(owner.tab, owner.deskId),
          deskIdOf(outcome, stored),
          hashes.get(read.externalId),
        ),
      },
    ];
  });
}

/** What an attachment is attached to, the nearest first. */
function ownersOf(read: ReadRecord): { tab: OwnerTab; externalId: string }[] {
  return OWNERS.flatMap((tab) =>
    read.references.flatMap((each) => (each.tab === tab ? [{ tab, externalId: each.externalId }] : [])),
  );
}

/** An attachment that was edited in the desk is there all the same. */
function deskIdOf(
  outcome: RecordOutcome,
  stored: readonly { externalId: string; deskId: string }[],
): string | null {
  if (outcome.deskId !== null || outcome.code !== 'EDITED_IN_DESK') return outcome.deskId;
  return stored.find(({ externalId }) => externalId === outcome.externalId)?.deskId ?? null;
}

function fileOf(read: ReadRecord, owner: string, deskId: string | null, sha256: unknown): TicketFile {
  const text = (field: string): string => {
    const value = read.fields[field];
    return typeof value === 'string' ? value : '';
  };
  const contentId = bareContentId(text('contentId'));
  return {
    externalId: read.externalId,
    deskId,
    fileName: text('fileName'),
    path: foldedPath(text('filePath')),
    contentId: contentId === '' ? null : contentId,
    owner,
    sha256: typeof sha256 === 'string' ? sha256 : null,
  };
}
