import { hash } from 'node:crypto';
import { BSON, type Db, type Document } from 'mongodb';
import type { Storage } from '../store/storage.ts';

/** Fields that say how often, when and by whom something was tried, and nothing of what came out. */
const OF_ATTEMPTS: Readonly<Record<string, readonly string[]>> = {
  contexts: ['frozenBy'],
  reports: ['claimedAt'],
  segments: [
    'generation',
    'claimedAt',
    'provenAt',
    'finished.generation',
    'stagedAt',
    'begunAt',
    'finishedAt',
  ],
};

/** The name of an attempt, which is another one each time. */
export const ATTEMPT = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;

/**
 * All that a run left behind: every document of a database and every file of a storage, by name. Of what attempts have frozen that which
 * counts.
 */
export async function wholeContent(db: Db, storage: Storage): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  const counting = new Set<string>();
  for await (const { frozenBy = {} } of db
    .collection<{ frozenBy?: Record<string, string> }>('contexts')
    .find())
    for (const attempt of Object.values(frozenBy)) counting.add(attempt);
  /** without the name of an attempt; null for one that does not count */
  const named = (id: string): string | null => {
    const [attempt] = ATTEMPT.exec(id) ?? [];
    if (attempt === undefined) return id;
    return counting.has(attempt) ? id.replace(attempt, 'attempt') : null;
  };
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
    for await (const document of db.collection<Document & { _id: string }>(name).find()) {
      for (const path of OF_ATTEMPTS[name] ?? []) drop(document, path.split('.'));
      const _id = named(document._id);
      if (_id !== null) content.set(`${name} ${_id}`, BSON.EJSON.stringify({ ...document, _id }));
    }
  }
  for (const folder of ['uploads', 'segments', 'blobs', 'folded', 'reports']) {
    for await (const key of storage.list(`${folder}/`)) {
      const name = named(key);
      if (name !== null) content.set(name, hash('sha256', await storage.get(key)));
    }
  }
  return content;
}

function drop(document: Document, [first = '', ...rest]: readonly string[]): void {
  const inner: unknown = document[first];
  if (rest.length === 0) delete document[first];
  else if (typeof inner === 'object' && inner !== null) drop(inner, rest);
}

/** Where two contents differ, the first few in order, from a little before the first difference; empty when they are the same. */
export function differences(
  given: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): { name: string; given: string; wanted: string }[] {
  return [...new Set([...given.keys(), ...wanted.keys()])]
    .toSorted()
    .filter((name) => given.get(name) !== wanted.get(name))
    .slice(0, 5)
    .map((name) => {
      const [one, other] = [given.get(name) ?? 'not there', wanted.get(name) ?? 'not there'];
      let same = 0;
      while (one[same] === other[same]) same++;
      const around = (text: string): string => text.slice(Math.max(0, same - 80), same + 120);
      return { name, given: around(one), wanted: around(other) };
    });
}
