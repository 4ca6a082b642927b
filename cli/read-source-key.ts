import { readFile } from 'node:fs/promises';
import { usageFailure } from './command-failure.ts';
import { readKey } from './read-key.ts';

/** Where the key of a source comes from; it is no argument, because arguments can be seen by others. */
export const SOURCE_KEY_FILE = [
  '--source-key-file <file>',
  'file that holds the key of the source; asked for, or read from standard input, otherwise',
] as const;

/**
 * The key of a source (B3): the first line of a file, or what is typed or piped in.
 * @throws CommandFailure when there is none
 */
export async function readSourceKey(file: string | undefined): Promise<string> {
  if (file === undefined) return readKey('Key of the source: ');
  const text = await readFile(file, 'utf8').catch(() => {
    throw usageFailure(`${file} cannot be read.`);
  });
  const [key = ''] = text
    .replace(/^\ufeff/, '')
    .trim()
    .split(/\r?\n/);
  if (key === '') throw usageFailure(`${file} holds no key.`);
  return key;
}
