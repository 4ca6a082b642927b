import type { Part } from './document-bytes.ts';

/**
 * A filter that matches a document only as it was read: whatever changes in between, a field that came or went among it, is
 * seen and not overwritten.
 * @param document its bytes
 */
export function asRead(id: string, document: Uint8Array): Part {
  return { _id: id, $expr: { $eq: ['$$ROOT', { $literal: document }] } };
}
