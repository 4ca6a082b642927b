import { Binary, type Db } from 'mongodb';
import { type KeyRing, KeyRingError } from './key-ring.ts';

/** A key as it is kept; what to give back when it should not have been replaced. */
export type SealedSourceKey = { address: string; sealed: Binary } | null;

/** B3: the keys by which sources are read, one per request; sealed, and bound to their request and to the source's address. */
export interface SourceKeys {
  /**
   * Keeps a key in the place of the one before, which is answered.
   * @throws KeyRingError NO_KEY when no encryption key is configured
   */
  keep(request: string, address: string, key: string): Promise<SealedSourceKey>;
  /** Puts back what `keep` answered. */
  restore(request: string, before: SealedSourceKey): Promise<void>;
  /** Opened, to be used and forgotten; null when none was given. @throws KeyRingError; DAMAGED also for another address */
  find(request: string, address: string): Promise<string | null>;
  remove(request: string): Promise<void>;
  /**
   * Seals with the first encryption key what was sealed with another; again is harmless.
   * @returns how many were sealed anew, and how many cannot be opened with the keys that are configured
   * @throws KeyRingError NO_KEY when none is
   */
  sealAnew(): Promise<{ sealed: number; unopened: number }>;
}

export function createSourceKeys(db: Db, ring: KeyRing): SourceKeys {
  const keys = db.collection<{ _id: string; address: string; sealed: Binary }>('sourceKeys');
  const contextOf = (request: string, address: string): string => `source-key/${request}/${address}`;
  const put = async (request: string, kept: { address: string; sealed: Binary }): Promise<void> => {
    await keys.replaceOne({ _id: request }, kept, { upsert: true });
  };
  const remove = async (request: string): Promise<void> => {
    await keys.deleteOne({ _id: request });
  };
  return {
    remove,
    async keep(request, address, key) {
      const sealed = new Binary(ring.seal(Buffer.from(key), contextOf(request, address)));
      const before = await keys.findOne({ _id: request });
      await put(request, { address, sealed });
      return before === null ? null : { address: before.address, sealed: before.sealed };
    },
    restore: (request, before) => (before === null ? remove(request) : put(request, before)),
    async find(request, address) {
      const found = await keys.findOne({ _id: request });
      if (found === null) return null;
      return Buffer.from(ring.open(found.sealed.buffer, contextOf(request, address))).toString('utf8');
    },
    async sealAnew() {
      const count = { sealed: 0, unopened: 0 };
      for await (const { _id, address, sealed } of keys.find()) {
        if (ring.sealsWith !== null && ring.sealedWith(sealed.buffer) === ring.sealsWith) continue;
        try {
          const context = contextOf(_id, address);
          const again = new Binary(ring.seal(ring.open(sealed.buffer, context), context));
          // a key that was given meanwhile is newer, and stays
          const { modifiedCount } = await keys.updateOne({ _id, sealed }, { $set: { sealed: again } });
          count.sealed += modifiedCount;
        } catch (error) {
          if (!(error instanceof KeyRingError) || error.code === 'NO_KEY') throw error;
          count.unopened += 1;
        }
      }
      return count;
    },
  };
}
