import type { Db } from 'mongodb';
import type { Draft } from '../domain/request.ts';
import { idsUnder, insertNew, padded } from './database.ts';
import { StoreError } from './errors.ts';

interface DraftDocument {
  _id: string;
  /** JSON: a mapping's and a file's names may hold what a document's field names may not */
  draft: string;
}

/** What people typed, as immutable revisions from 1 on (A2), apart from the workflows' histories. */
export interface Drafts {
  /** @throws StoreError NOT_FOUND */
  get(request: string, revision: number): Promise<Draft>;
  /** The newest revision, or null when nothing was typed yet. */
  latest(request: string): Promise<{ revision: number; draft: Draft } | null>;
  /** False when the revision is taken: somebody else redid a step meanwhile. */
  insert(request: string, revision: number, draft: Draft): Promise<boolean>;
}

export function createDrafts(db: Db): Drafts {
  const drafts = db.collection<DraftDocument>('drafts');
  const idOf = (request: string, revision: number): string => `${request}/${padded(revision)}`;
  return {
    async get(request, revision) {
      const found = await drafts.findOne({ _id: idOf(request, revision) });
      if (found === null) {
        throw new StoreError('NOT_FOUND', `Request ${request} has no draft of revision ${revision}.`);
      }
      return JSON.parse(found.draft) as Draft;
    },
    async latest(request) {
      const [found] = await drafts
        .find({ _id: idsUnder(`${request}/`) }, { sort: { _id: -1 }, limit: 1 })
        .toArray();
      if (found === undefined) return null;
      return {
        revision: Number(found._id.slice(request.length + 1)),
        draft: JSON.parse(found.draft) as Draft,
      };
    },
    insert: (request, revision, draft) =>
      insertNew(drafts, { _id: idOf(request, revision), draft: JSON.stringify(draft) }),
  };
}
