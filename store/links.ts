import type { Db } from 'mongodb';
import type { Tab } from '../domain/tab.ts';
import { idsUnder } from './database.ts';

/** A source record that stands for a record that was in the desk before (C9), or an agent mapped by mail (C3). */
export interface Link {
  portal: string;
  scope: string;
  tab: Tab;
  externalId: string;
  deskId: string;
  /** the request that made the link; its undo removes it */
  request: string;
}

export interface Links {
  /** The same link again changes nothing; another desk id replaces the one before. */
  link(links: readonly Link[]): Promise<void>;
  /** external id -> desk id, for those that are linked */
  find(portal: string, scope: string, tab: Tab, externalIds: readonly string[]): Promise<Map<string, string>>;
  /** How many links a request made. */
  countOf(request: string, portal: string, scope: string): Promise<number>;
  /** F1: removes the links that a request made. */
  removeOf(request: string, portal: string, scope: string): Promise<void>;
}

type LinkDocument = Link & { _id: string };

const PAGE = 5_000;

export function createLinks(db: Db): Links {
  const links = db.collection<LinkDocument>('links');
  // the external id stands last: it may hold a slash
  const idOf = (portal: string, scope: string, tab: Tab, externalId: string): string =>
    `${portal}/${scope}/${tab}/${externalId}`;

  /** Ids of the links that a request made, page by page. */
  async function* made(request: string, portal: string, scope: string): AsyncGenerator<string[]> {
    const bounds = idsUnder(`${portal}/${scope}/`);
    for (let last = bounds.$gt; ; ) {
      const page = await links
        .find({ _id: { $gt: last, $lt: bounds.$lt } }, { sort: { _id: 1 }, limit: PAGE })
        .toArray();
      const end = page.at(-1);
      if (end === undefined) return;
      const own = page.filter((each) => each.request === request).map(({ _id }) => _id);
      if (own.length > 0) yield own;
      last = end._id;
    }
  }

  return {
    async link(wanted) {
      if (wanted.length === 0) return;
      const operations = wanted.map((each) => {
        const { portal, scope, tab, externalId } = each;
        const filter = { _id: idOf(portal, scope, tab, externalId) };
        return { replaceOne: { filter, replacement: { ...each }, upsert: true } };
      });
      await links.bulkWrite(operations, { ordered: false });
    },
    async find(portal, scope, tab, externalIds) {
      if (externalIds.length === 0) return new Map();
      const ids = externalIds.map((each) => idOf(portal, scope, tab, each));
      const found = await links.find({ _id: { $in: ids } }).toArray();
      return new Map(found.map(({ externalId, deskId }) => [externalId, deskId]));
    },
    async countOf(request, portal, scope) {
      let count = 0;
      for await (const ids of made(request, portal, scope)) count += ids.length;
      return count;
    },
    async removeOf(request, portal, scope) {
      for await (const ids of made(request, portal, scope)) {
        await links.deleteMany({ _id: { $in: ids }, request });
      }
    },
  };
}
