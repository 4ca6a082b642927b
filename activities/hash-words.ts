import { hash } from 'node:crypto';

/** SHA-1 of a text's UTF-8, 20 characters of one byte each: a text costs less than a buffer where millions are made. */
export function hashOf(text: string): string {
  return hash('sha1', text, 'binary');
}

/** The 32 bits of a hash at a place, 0 = the first, little-endian and without a sign. */
export function wordOf(hashed: string, place: number): number {
  const at = place * 4;
  return (
    (hashed.charCodeAt(at) |
      (hashed.charCodeAt(at + 1) << 8) |
      (hashed.charCodeAt(at + 2) << 16) |
      (hashed.charCodeAt(at + 3) << 24)) >>>
    0
  );
}
