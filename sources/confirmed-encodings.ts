import type { Encoding } from './rows.ts';

/**
 * What the requester confirmed of the encodings of one upload, as its inspection takes it.
 * @param name the upload's
 * @param confirmed by file name, or by `file.zip/entry.csv`
 * @returns by entry; of a plain file by its name
 */
export function confirmedEncodings(
  name: string,
  confirmed: Readonly<Record<string, string>>,
): Record<string, Encoding> {
  const ofParts = Object.entries(confirmed).flatMap(([file, encoding]): [string, Encoding][] => {
    const entry = file.startsWith(`${name}/`) ? file.slice(name.length + 1) : null;
    return file === name || entry !== null ? [[entry ?? file, encoding as Encoding]] : [];
  });
  return Object.fromEntries(ofParts);
}
