const MOST_BYTES = 255;

/** The name of a file that came with a mail as it is kept and shown: NFC, without a path; null when there is none to be used. */
export function mailFileName(given: string): string | null {
  const base = given.slice(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1);
  const name = base.normalize('NFC').trim();
  if (!name.isWellFormed() || name === '' || name === '.' || name === '..') return null;
  // bidirectional overrides would show a name as another one
  if (/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(name)) return null;
  return Buffer.byteLength(name) > MOST_BYTES ? null : name;
}
