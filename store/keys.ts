import { createHash, randomBytes } from 'node:crypto';
import type { Db } from 'mongodb';
import { insertNew } from './database.ts';
import { StoreError } from './errors.ts';

export type Role = 'requester' | 'operator' | 'auditor';

/** F4: who an API key stands for. */
export interface KeyHolder {
  /** unique; what the audit log names, never a person's name or address */
  name: string;
  role: Role;
  /** the tenant a requester belongs to; null for those who see all */
  tenant: string | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
}

export interface Keys {
  /**
   * Makes a key. It is told once and kept only as a hash.
   * @param key a key made elsewhere, of at least 32 characters; by default a random one of 256 bits
   * @throws StoreError CONFLICT when the name is taken
   */
  create(
    holder: { name: string; role: Role; tenant: string | null; expiresAt?: Date | null },
    key?: string,
  ): Promise<{ key: string }>;
  /** The holder of a key that is neither unknown, revoked nor past its time; else null. */
  find(key: string, now?: Date): Promise<KeyHolder | null>;
  /** Ends a key by its name; false when there is none. The first time stays. */
  revoke(name: string, at: Date): Promise<boolean>;
  list(): Promise<KeyHolder[]>;
}

interface KeyName {
  _id: string;
  hash: string;
}

export function createKeys(db: Db): Keys {
  const keys = db.collection<KeyHolder & { _id: string }>('keys');
  const names = db.collection<KeyName>('keyNames');
  return {
    async create(
      { name, role, tenant, expiresAt = null },
      key = `dfk_${randomBytes(32).toString('base64url')}`,
    ) {
      if (key.length < 32) throw new StoreError('BAD_KEY', 'An API key has at least 32 characters.');
      // a random key of 256 bits cannot be guessed from its plain hash
      const hash = hashOf(key);
      if (!(await insertNew(names, { _id: name, hash }))) {
        const held = await names.findOne({ _id: name });
        if (held?.hash !== hash) throw new StoreError('CONFLICT', `There is a key named "${name}" already.`);
      }
      await insertNew(keys, { _id: hash, name, role, tenant, expiresAt, revokedAt: null });
      return { key };
    },
    async find(key, now = new Date()) {
      const found = await keys.findOne({ _id: hashOf(key) });
      if (found === null || found.revokedAt !== null) return null;
      if (found.expiresAt !== null && found.expiresAt <= now) return null;
      const { _id, ...holder } = found;
      return holder;
    },
    async revoke(name, at) {
      const held = await names.findOne({ _id: name });
      if (held === null) return false;
      await keys.updateOne({ _id: held.hash, revokedAt: null }, { $set: { revokedAt: at } });
      return true;
    },
    async list() {
      const found = await keys.find().toArray();
      return found.map(({ _id, ...holder }) => holder).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
