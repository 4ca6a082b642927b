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
  const encodings: Record<string, Encoding> = {};
  for (const [file, encoding] of Object.entries(confirmed)) {
    if (file === name) encodings[file] = encoding as Encoding;
    else if (file.startsWith(`${name}/`)) encodings[file.slice(name.length + 1)] = encoding as Encoding;
  }
  return encodings;
}
