import type { Db } from 'mongodb';
import { idsUnder } from './database.ts';
import { idPart } from './id-part.ts';

/** A field mapping kept under a name, for all requests of a tenant (A10). */
export interface SavedMapping {
  tenant: string;
  name: string;
  mapping: unknown;
  savedAt: Date;
  /** `role:key name` */
  by: string;
}

interface MappingDocument extends Omit<SavedMapping, 'mapping'> {
  _id: string;
  /** JSON: its names may hold what a document's field names may not */
  mapping: string;
}

export interface Mappings {
  /** Keeps a mapping; one of the same name is replaced. True when the name is new. */
  put(saved: SavedMapping): Promise<boolean>;
  get(tenant: string, name: string): Promise<SavedMapping | null>;
  /** A tenant's, by name, without the mappings themselves. */
  list(tenant: string): Promise<Omit<SavedMapping, 'mapping'>[]>;
  /** False when there is none of this name. */
  remove(tenant: string, name: string): Promise<boolean>;
}

export function createMappings(db: Db): Mappings {
  const mappings = db.collection<MappingDocument>('mappings');
  const idOf = (tenant: string, name: string): string => `${idPart(tenant)}/${idPart(name)}`;
  return {
    async put(saved) {
      const document = { ...saved, mapping: JSON.stringify(saved.mapping) };
      const { upsertedCount } = await mappings.replaceOne({ _id: idOf(saved.tenant, saved.name) }, document, {
        upsert: true,
      });
      return upsertedCount > 0;
    },
    async get(tenant, name) {
      const found = await mappings.findOne({ _id: idOf(tenant, name) });
      if (found === null) return null;
      const { _id, mapping, ...rest } = found;
      return { ...rest, mapping: JSON.parse(mapping) as unknown };
    },
    async list(tenant) {
      const found = await mappings
        .find({ _id: idsUnder(`${idPart(tenant)}/`) }, { projection: { mapping: 0 }, sort: { _id: 1 } })
        .toArray();
      return found.map(({ name, savedAt, by }) => ({ tenant, name, savedAt, by }));
    },
    async remove(tenant, name) {
      const { deletedCount } = await mappings.deleteOne({ _id: idOf(tenant, name) });
      return deletedCount > 0;
    },
  };
}
