import { faultOfFileName } from '../domain/file-name.ts';
import { Problem } from './problem.ts';

/**
 * The name of an uploaded file, as it is kept and shown: NFC, no path. It never becomes part of a path or a key.
 * @throws Problem `invalid-file-name`
 */
export function fileName(given: string): string {
  const name = given.normalize('NFC');
  const fault = faultOfFileName(name);
  if (fault !== null) throw new Problem('invalid-file-name', `Name the file otherwise: its name ${fault}.`);
  return name;
}
