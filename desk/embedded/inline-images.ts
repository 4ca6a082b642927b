import type { Collection, Db } from 'mongodb';
import type { Tab } from '../../domain/tab.ts';
import type { DeskId, InlineImage } from '../desk.ts';

/** Which attachments the images in a record's body are; beside the record, so that its body and digest stay the source's (C4, D2). */
interface InlineImagesDocument {
  /** the record's tab and desk id: desk ids are unique within a tab only */
  _id: string;
  images: InlineImage[];
}

function inlineImagesOf(db: Db): Collection<InlineImagesDocument> {
  return db.collection<InlineImagesDocument>('inlineImages');
}

function idOf(tab: Tab, deskId: DeskId): string {
  return `${tab}/${deskId}`;
}

/** C4: each record's list replaces the one before; an empty one removes it. */
export async function keepInlineImages(
  db: Db,
  tab: Tab,
  records: readonly { deskId: DeskId; images: readonly InlineImage[] }[],
): Promise<void> {
  const kept = records.filter(({ images }) => images.length > 0);
  if (kept.length > 0) {
    await inlineImagesOf(db).bulkWrite(
      kept.map(({ deskId, images }) => ({
        replaceOne: {
          filter: { _id: idOf(tab, deskId) },
          replacement: { images: [...images] },
          upsert: true,
        },
      })),
      { ordered: false },
    );
  }
  await forgetInlineImages(
    db,
    tab,
    records.filter(({ images }) => images.length === 0).map(({ deskId }) => deskId),
  );
}

/** C4: what is kept beside these records, for those that have any. */
export async function findInlineImages(
  db: Db,
  tab: Tab,
  deskIds: readonly DeskId[],
): Promise<Map<DeskId, InlineImage[]>> {
  const ids = new Map(deskIds.map((deskId) => [idOf(tab, deskId), deskId]));
  if (ids.size === 0) return new Map();
  const found = await inlineImagesOf(db)
    .find({ _id: { $in: [...ids.keys()] } })
    .toArray();
  return new Map(found.map(({ _id, images }) => [ids.get(_id) ?? '', images]));
}

/** F1: what was kept beside records that are gone. */
export async function forgetInlineImages(db: Db, tab: Tab, deskIds: readonly DeskId[]): Promise<void> {
  if (deskIds.length === 0) return;
  await inlineImagesOf(db).deleteMany({ _id: { $in: deskIds.map((deskId) => idOf(tab, deskId)) } });
}
