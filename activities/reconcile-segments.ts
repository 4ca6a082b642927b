import { createHash } from 'node:crypto';
import { TabDigest } from '../domain/digest.ts';
import type { Desk } from '../desk/desk.ts';
import { padded } from '../store/database.ts';
import type { Discrepancy } from '../store/discrepancies.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { TabKey } from '../store/segments.ts';
import { type Storage, StorageBadKey, StorageNotFound } from '../store/storage.ts';
import { attemptTime, beat } from './beat.ts';
import { ImportError } from './errors.ts';
import type { ImportActivities } from './import-activities.ts';
import { contextOf } from './plan-view.ts';

export interface ReconcileSegmentsDeps {
  stores: ImportStores;
  storage: Storage;
  desk: Desk;
}

/** How many records are read back at once. */
const BATCH = 1_000;

/**
 * Makes the activity that reads consecutive segments' records back from the desk and compares each digest with the ledger's;
 * an attachment's file is read and hashed as well (D2). What differs is named in the discrepancies.
 * @throws ImportError SEGMENT_MISSING for a segment that is not imported, SEGMENT_TAKEN when another attempt was at it meanwhile
 */
export function makeReconcileSegments(deps: ReconcileSegmentsDeps): ImportActivities['reconcileSegments'] {
  return async ({ from, to, ...run }) => {
    const at = attemptTime();
    let discrepancies = 0;
    for (let number = from; number <= to; number++) discrepancies += await reconcile(deps, run, number, at);
    return { discrepancies };
  };
}

async function reconcile(
  deps: ReconcileSegmentsDeps,
  key: TabKey,
  number: number,
  at: number,
): Promise<number> {
  const { stores } = deps;
  const segment = await stores.segments.get(key, number);
  const finished = segment?.finished ?? null;
  if (finished === null) {
    throw new ImportError('SEGMENT_MISSING', `segment ${number} of ${key.tab} is not imported`);
  }
  const { fingerprint } = finished;
  const expected = await stores.segments.digests(key, number);
  const digest = new TabDigest();
  const found: Discrepancy[] = [];
  const blobs = new Map<string, boolean>();
  for (let at = 0; at < expected.length; at += BATCH) {
    beat();
    await compare(deps, key, expected.slice(at, at + BATCH), { digest, found, blobs });
  }
  const proof = { fingerprint, deskDigest: digest.toString(), discrepancies: found.length };
  // read back by the next attempt: a segment is never left unproven
  if (!(await stores.segments.prove(key, number, proof, at)))
    throw new ImportError('SEGMENT_TAKEN', `segment ${number} was imported or read back anew meanwhile`);
  // behind the proof: an attempt that comes late names nothing that was edited since
  await stores.discrepancies.replace(key, padded(number), found);
  return found.length;
}

interface Comparison {
  digest: TabDigest;
  found: Discrepancy[];
  /** storage key and expected hash -> whether they agree: each file once */
  blobs: Map<string, boolean>;
}

async function compare(
  { stores, storage, desk }: ReconcileSegmentsDeps,
  key: TabKey,
  expected: readonly { externalId: string; digest: string }[],
  { digest, found, blobs }: Comparison,
): Promise<void> {
  const { tab } = key;
  const { portal, scope } = await contextOf(stores, key);
  const ids = expected.map(({ externalId }) => externalId);
  const stored = new Map(
    (await desk.read(portal, scope, tab, ids)).map((record) => [record.externalId, record]),
  );
  for (const { externalId, digest: wanted } of expected) {
    const record = stored.get(externalId);
    if (record === undefined) {
      found.push({ tab, kind: 'missing', externalId, expected: wanted, found: null });
      continue;
    }
    digest.add(externalId, record.digest);
    if (record.digest !== wanted) {
      found.push({ tab, kind: 'different', externalId, expected: wanted, found: record.digest });
    }
    if (tab !== 'attachments') continue;
    const { storageKey, sha256 } = record.fields;
    if (typeof storageKey !== 'string' || typeof sha256 !== 'string') continue;
    const name = `${storageKey} ${sha256}`;
    let agrees = blobs.get(name);
    if (agrees === undefined) {
      agrees = (await hashOf(storage, storageKey)) === sha256;
      blobs.set(name, agrees);
    }
    if (!agrees)
      found.push({
        tab,
        kind: 'content',
        externalId,
        expected: sha256,
        found: await hashOf(storage, storageKey),
      });
  }
}

/** SHA-256 of a stored file, hexadecimal, or null when it is not there. */
async function hashOf(storage: Storage, key: string): Promise<string | null> {
  try {
    const hash = createHash('sha256');
    for await (const chunk of await storage.read(key)) {
      hash.update(chunk);
      beat();
    }
    return hash.digest('hex');
  } catch (error) {
    if (error instanceof StorageNotFound || error instanceof StorageBadKey) return null;
    throw error;
  }
}
