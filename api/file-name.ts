import { Problem } from './problem.ts';

const MOST_BYTES = 255;

/**
 * The name of an uploaded file, as it is kept and shown: NFC, no path. It never becomes part of a path or a key.
 * @throws Problem `invalid-file-name`
 */
export function fileName(given: string): string {
  const refuse = (why: string): Problem =>
    new Problem('invalid-file-name', `Name the file otherwise: its name ${why}.`);
  if (!given.isWellFormed()) throw refuse('is not valid Unicode');
  const name = given.normalize('NFC');
  if (name.trim() === '' || name === '.' || name === '..') throw refuse('is empty');
  if (/[/\\]/.test(name)) throw refuse('holds a slash or backslash');
  // bidirectional overrides would show a name as another one
  if (/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(name)) throw refuse('holds control characters');
  if (Buffer.byteLength(name) > MOST_BYTES) throw refuse(`is longer than ${MOST_BYTES} bytes`);
  return name;
}
