import { findImages, shownReference } from '../domain/find-images.ts';
import { ownerKey, resolveImage, type TicketFile } from '../domain/resolve-image.ts';
import type { Tab } from '../domain/tab.ts';
import type { Desk, InlineImage, StoredRecord } from '../desk/desk.ts';
import type { ImageBody } from '../store/body-images.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { bodyTexts, TABS_WITH_BODIES } from './body-texts.ts';
import { IdSetBuilder } from './id-set.ts';
import type { ImageCounts, ImportActivities } from './import-activities.ts';
import { keepTicketFiles } from './keep-ticket-files.ts';
import { partAt, planOf } from './plan-view.ts';

export interface ResolveImagesDeps {
  stores: Pick<ImportStores, 'plans' | 'segments' | 'bodyImages'>;
  storage: Storage;
  desk: Pick<Desk, 'read' | 'resolve' | 'keepInlineImages' | 'inlineImages'>;
}

/** How many bodies are read together: of one segment, so that they are not large together; and of any. */
const BATCH = 500;
const ANY = 20;
/** How many tickets are asked for their attachments at once. */
const TICKETS = 16;

/**
 * Makes the activity that finds which attachments the images in a phase's bodies are (C4). The bodies stay as they are; what was
 * found is kept beside them in the desk, what was not is listed for the report. In phase 2 what is open from phase 1 is tried
 * again where attachments came. A phase without images costs nothing; again it finds the same (D3).
 */
export function makeResolveImages(deps: ResolveImagesDeps): ImportActivities['resolveImages'] {
  return async (run) => {
    const plan = await planOf(deps.stores, run);
    const { bodyImages } = deps.stores;
    const before = plan.continues === null ? NO_IMAGES : await countImages(deps.stores, plan.request);
    const keys = TABS_WITH_BODIES.filter((tab) => plan.tabs.includes(tab)).map(
      (tab): TabKey => ({ ...run, tab }),
    );
    if (before.bodies === 0 && !(await anyImages(deps, keys))) return before;

    const changed = new IdSetBuilder();
    if (plan.continues !== null && !(await bodyImages.areFilesKept(plan.request, plan.continues))) {
      await keepTicketFiles(
        deps,
        await planOf(deps.stores, { request: plan.request, phase: plan.continues }),
      );
    }
    await keepTicketFiles(deps, plan, (ticket) => changed.add(ticket));
    for (const key of keys) {
      for await (const segment of deps.stores.segments.all(key)) {
        if ((segment.finished?.imageBodies ?? 0) > 0) await resolveSegment(deps, plan, key, segment);
      }
    }
    const tickets = changed.build();
    if (before.bodies > 0 && tickets.size > 0) {
      for await (const page of bodyImages.pages(plan.request)) {
        const open = page.filter(
          (each) => each.open.length > 0 && each.ticket !== null && tickets.has(each.ticket),
        );
        for (const tab of TABS_WITH_BODIES) {
          const bodies = open.filter((each) => each.tab === tab);
          for (let from = 0; from < bodies.length; from += ANY) {
            const places = bodies.slice(from, from + ANY).map((each) => ({ ...each, isKept: true }));
            await resolveBodies(deps, plan, tab, places);
          }
        }
      }
    }
    return countImages(deps.stores, plan.request);
  };
}

const NO_IMAGES: ImageCounts = { bodies: 0, shown: 0, embedded: 0, notShown: {} };

/** C4: what became of a request's images, as it stands. */
export async function countImages(
  { bodyImages }: Pick<ImportStores, 'bodyImages'>,
  request: string,
): Promise<ImageCounts> {
  const counts: ImageCounts = { ...NO_IMAGES, notShown: {} };
  for await (const page of bodyImages.pages(request)) {
    beat();
    for (const { shown, embedded, open } of page) {
      counts.bodies++;
      counts.shown += shown;
      counts.embedded += embedded;
      for (const { why } of open) counts.notShown[why] = (counts.notShown[why] ?? 0) + 1;
    }
  }
  return counts;
}

async function anyImages({ stores }: ResolveImagesDeps, keys: readonly TabKey[]): Promise<boolean> {
  for (const key of keys) {
    for await (const { finished } of stores.segments.all(key)) {
      if ((finished?.imageBodies ?? 0) > 0) return true;
    }
  }
  return false;
}

/** Where a body's record stands in the source. */
interface Place extends Pick<ImageBody, 'file' | 'row' | 'externalId'> {
  /** it was in the desk as it is now: what an earlier request or phase found for it still counts */
  isKept: boolean;
}

async function resolveSegment(
  deps: ResolveImagesDeps,
  plan: StoredPlan,
  key: TabKey,
  { number }: Segment,
): Promise<void> {
  const outcomes = await deps.stores.segments.outcomes(key, number);
  const places: Place[] = [];
  for (const place of await deps.stores.segments.imageBodies(key, number)) {
    const outcome = outcomes[place];
    // what is not in the desk as it was imported has no images to show
    if (outcome === undefined || outcome.digest === null) continue;
    const { part, row, externalId, result } = outcome;
    places.push({ file: partAt(plan, part).name, row, externalId, isKept: result === 'unchanged' });
  }
  for (let from = 0; from < places.length; from += BATCH) {
    await resolveBodies(deps, plan, key.tab, places.slice(from, from + BATCH));
  }
}

async function resolveBodies(
  { desk, stores }: ResolveImagesDeps,
  { request, portal, scope }: StoredPlan,
  tab: Tab,
  places: readonly Place[],
): Promise<void> {
  beat();
  const records = new Map(
    (
      await desk.read(
        portal,
        scope,
        tab,
        places.map(({ externalId }) => externalId),
      )
    ).map((each) => [each.externalId, each]),
  );
  const files = await filesOf(
    stores,
    request,
    [...records.values()].flatMap((record) => ticketOf(tab, record) ?? []),
  );
  const known = await desk.inlineImages(
    portal,
    tab,
    places.flatMap(({ externalId, isKept }) => (isKept ? (records.get(externalId)?.deskId ?? []) : [])),
  );
  const kept: ImageBody[] = [];
  const beside: { deskId: string; images: InlineImage[] }[] = [];
  const none: string[] = [];
  for (const { file, row, externalId } of places) {
    const record = records.get(externalId);
    const ticket = record === undefined ? null : ticketOf(tab, record);
    const own = (ticket === null ? null : files.get(ticket)) ?? [];
    const found = record === undefined ? null : imagesOf(tab, record, own, known.get(record.deskId) ?? []);
    if (record !== undefined) beside.push({ deskId: record.deskId, images: found?.images ?? [] });
    if (found === null) none.push(externalId);
    else kept.push({ tab, file, row, externalId, ticket, ...found.counted });
  }
  await desk.keepInlineImages(portal, tab, beside);
  await stores.bodyImages.keep(request, kept);
  await stores.bodyImages.remove(request, tab, none);
}

function ticketOf(tab: Tab, { deskId, fields }: StoredRecord): string | null {
  if (tab === 'tickets') return deskId;
  const ticket = fields['ticketId'];
  return typeof ticket === 'string' ? ticket : null;
}

async function filesOf(
  { bodyImages }: Pick<ImportStores, 'bodyImages'>,
  request: string,
  tickets: readonly string[],
): Promise<Map<string, TicketFile[]>> {
  const wanted = [...new Set(tickets)];
  const found = new Map<string, TicketFile[]>();
  for (let from = 0; from < wanted.length; from += TICKETS) {
    beat();
    await Promise.all(
      wanted.slice(from, from + TICKETS).map(async (ticket) => {
        found.set(ticket, await bodyImages.filesOf(request, ticket));
      }),
    );
  }
  return found;
}

/** What the images of a record's bodies are, or null when there are none. */
function imagesOf(
  tab: Tab,
  { deskId, fields }: StoredRecord,
  files: readonly TicketFile[],
  known: readonly InlineImage[],
): { images: InlineImage[]; counted: Pick<ImageBody, 'shown' | 'embedded' | 'open'> } | null {
  const images = new Map<string, InlineImage>();
  const open = new Map<string, ImageBody['open'][number]>();
  let embedded = 0;
  for (const text of bodyTexts(tab, fields)) {
    const found = findImages(text);
    embedded += found.embedded;
    for (const each of found.references) {
      const { reference } = each;
      const resolved = resolveImage(each, files, ownerKey(tab, deskId));
      const earlier = known.find((image) => image.reference === reference);
      if (earlier !== undefined && (resolved === null || 'why' in resolved)) images.set(reference, earlier);
      else if (resolved === null) continue;
      else if ('why' in resolved)
        open.set(reference, { reference: shownReference(reference), why: resolved.why });
      else images.set(reference, { reference, attachmentId: resolved.attachmentId });
    }
    for (const each of found.malformed) open.set(each, { reference: shownReference(each), why: 'MALFORMED' });
    if (found.tooMany) open.set('', { reference: '', why: 'TOO_MANY' });
  }
  if (images.size + open.size + embedded === 0) return null;
  return {
    images: [...images.values()],
    counted: { shown: images.size, embedded, open: [...open.values()] },
  };
}
