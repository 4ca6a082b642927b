import { BSON } from 'mongodb';
import type { Fields, Value } from '../../domain/canonical.ts';
import type { DeskDocument } from './desk-document.ts';

/** G: a record over this many bytes as stored is TOO_LARGE. */
export const MOST_RECORD_BYTES = 16_000_000;

/** Below this a size need not be exact: it only shares out batches. */
const EXACT_FROM = 1_000_000;

/**
 * Bytes of a document as stored: exact for a large one, for a small one never less than the truth.
 * @param parts the document's fields, those of one part behind those of another
 */
export function storedBytes(...parts: readonly Partial<DeskDocument>[]): number {
  let most = 0;
  for (const part of parts) most += mostBytes(part as Fields);
  if (most < EXACT_FROM) return most;
  return BSON.calculateObjectSize(Object.assign({}, ...parts) as object, { ignoreUndefined: true });
}

function mostBytes(value: Value | undefined): number {
  switch (typeof value) {
    case 'string':
      // a UTF-16 unit takes at most three bytes; a length and an end stand around
      return value.length * 3 + 5;
    case 'object': {
      if (value === null || value instanceof Date) return 8;
      let bytes = 5;
      if (Array.isArray(value)) {
        for (const each of value) bytes += mostBytes(each) + 12;
        return bytes;
      }
      for (const name in value) bytes += name.length * 3 + 2 + mostBytes(value[name]);
      return bytes;
    }
    default:
      return 8;
  }
}
