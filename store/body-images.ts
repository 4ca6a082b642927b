import type { Db } from 'mongodb';
import type { Phase } from '../domain/phase.ts';
import type { TicketFile, UnshownCode } from '../domain/resolve-image.ts';
import type { Tab } from '../domain/tab.ts';
import { idsUnder } from './database.ts';
import { idPart } from './id-part.ts';

/** What became of the images of one record's bodies (C4). */
export interface ImageBody {
  tab: Tab;
  /** as in reports: where the record stands in the source */
  file: string;
  row: number;
  externalId: string;
  /** desk id of its ticket, or null when it has none */
  ticket: string | null;
  /** images and links that lead to an attachment */
  shown: number;
  /** whole `data:` images */
  embedded: number;
  /** what is not shown from an attachment, shortened */
  open: { reference: string; why: UnshownCode }[];
}

/** What the import knows of images in bodies, per request: the latest of each record. */
export interface BodyImages {
  keep(request: string, bodies: readonly ImageBody[]): Promise<void>;
  remove(request: string, tab: Tab, externalIds: readonly string[]): Promise<void>;
  /** All of a request in the order of tab and external id, in pages. */
  pages(request: string): AsyncIterable<ImageBody[]>;
  /** Keeps attachments by their ticket; the same one again replaces what was known of it. */
  keepFiles(request: string, files: readonly { ticket: string; file: TicketFile }[]): Promise<void>;
  /** The attachments of a ticket in the order of their external ids. */
  filesOf(request: string, ticket: string): Promise<TicketFile[]>;
  /** Says that the attachments of a phase are kept by their ticket. */
  filesKept(request: string, phase: Phase): Promise<void>;
  areFilesKept(request: string, phase: Phase): Promise<boolean>;
}

const PAGE = 1_000;

export function createBodyImages(db: Db): BodyImages {
  const bodies = db.collection<ImageBody & { _id: string }>('bodyImages');
  const files = db.collection<TicketFile & { _id: string }>('ticketFiles');
  const phases = db.collection<{ _id: string }>('keptTicketFiles');
  const idOf = (request: string, tab: Tab, externalId: string): string =>
    `${request}/${tab}/${idPart(externalId)}`;
  return {
    async keep(request, found) {
      if (found.length === 0) return;
      await bodies.bulkWrite(
        found.map((each) => ({
          replaceOne: {
            filter: { _id: idOf(request, each.tab, each.externalId) },
            replacement: { ...each },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },
    async remove(request, tab, externalIds) {
      if (externalIds.length === 0) return;
      await bodies.deleteMany({ _id: { $in: externalIds.map((each) => idOf(request, tab, each)) } });
    },
    async *pages(request) {
      const { $gt, $lt } = idsUnder(`${request}/`);
      for (let last = $gt; ; ) {
        const page = await bodies
          .find({ _id: { $gt: last, $lt } }, { sort: { _id: 1 }, limit: PAGE, batchSize: PAGE })
          .toArray();
        const end = page.at(-1);
        if (end === undefined) return;
        yield page.map(({ _id, ...each }) => each);
        last = end._id;
      }
    },
    async keepFiles(request, found) {
      if (found.length === 0) return;
      await files.bulkWrite(
        found.map(({ ticket, file }) => ({
          replaceOne: {
            filter: { _id: `${request}/${idPart(ticket)}/${idPart(file.externalId)}` },
            replacement: { ...file },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },
    async filesOf(request, ticket) {
      const { $gt, $lt } = idsUnder(`${request}/${idPart(ticket)}/`);
      const found: TicketFile[] = [];
      for (let last = $gt; ; ) {
        const page = await files
          .find({ _id: { $gt: last, $lt } }, { sort: { _id: 1 }, limit: PAGE, batchSize: PAGE })
          .toArray();
        for (const { _id, ...each } of page) found.push(each);
        if (page.length < PAGE) return found;
        last = page.at(-1)?._id ?? last;
      }
    },
    async filesKept(request, phase) {
      await phases.updateOne(
        { _id: `${request}/${phase}` },
        { $setOnInsert: { done: true } },
        { upsert: true },
      );
    },
    async areFilesKept(request, phase) {
      return (await phases.findOne({ _id: `${request}/${phase}` })) !== null;
    },
  };
}
