import { faultOfFileName } from '../../domain/file-name.ts';

/** The name of a file that came with a mail as it is kept and shown: NFC, without a path; null when there is none to be used. */
export function mailFileName(given: string): string | null {
  const base = given.slice(Math.max(given.lastIndexOf('/'), given.lastIndexOf('\\')) + 1);
  const name = base.normalize('NFC').trim();
  return faultOfFileName(name) === null ? name : null;
}
