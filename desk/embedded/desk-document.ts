import type { Collection, Db } from 'mongodb';
import type { Fields, Value } from '../../domain/canonical.ts';
import type { Result } from '../../domain/codes.ts';
import { recordDigest } from '../../domain/digest.ts';
import type { Phase } from '../../domain/phase.ts';
import type { Tab } from '../../domain/tab.ts';

/** The import's stamp on a record (architecture: what makes a re-run harmless). */
export interface Migration {
  created: { request: string; phase: Phase };
  last: {
    request: string;
    phase: Phase;
    segment: number;
    result: Result;
    /** digest of the record as the source gave it */
    source: string;
    /** digest of the record as it was stored */
    written: string;
  };
}

/** A record as the embedded desk stores it. Native records have no `migration`. */
export interface DeskDocument {
  _id: string;
  migration?: Migration;
  [field: string]: Value | Migration | undefined;
}

export function recordsOf(db: Db, tab: Tab): Collection<DeskDocument> {
  return db.collection<DeskDocument>(tab);
}

/** A document's fields: all but `_id` and `migration`. */
export function fieldsOf(document: DeskDocument): Fields {
  const { _id, migration, ...fields } = document;
  return fields as Fields;
}

/** D2: the digest of a document's fields as they stand. */
export function digestOf(document: DeskDocument): string {
  return recordDigest(fieldsOf(document));
}
