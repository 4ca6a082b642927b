import { isAscii, isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { decoderOf } from './decode-cells.ts';

const UTF8_FLAG = 0x800;
const UNICODE_PATH = 0x7075;

/** What an archive says of an entry's name. */
export interface EntryName {
  fileNameRaw: Buffer;
  generalPurposeBitFlag: number;
  extraFields: { id: number; data: Buffer }[];
}

/**
 * An entry's name. UTF-8 where the archive says so, or in its Unicode path field; else UTF-8 if it is valid (macOS does not
 * flag it), else CP932 (Windows in Japan), else Windows-1252.
 */
export function decodeEntryName({ fileNameRaw, generalPurposeBitFlag, extraFields }: EntryName): string {
  const flagged = (generalPurposeBitFlag & UTF8_FLAG) !== 0;
  if (!flagged && !isAscii(fileNameRaw)) {
    const field = extraFields.find(({ id, data }) => id === UNICODE_PATH && data.length > 5 && data[0] === 1);
    const named = field?.data.subarray(5);
    if (field?.data.readUInt32LE(1) === crc32(fileNameRaw) && named !== undefined && isUtf8(named)) {
      return named.toString('utf8');
    }
  }
  if (isUtf8(fileNameRaw)) return fileNameRaw.toString('utf8');
  return (
    decoderOf('shift_jis')(fileNameRaw, 0, fileNameRaw.length) ??
    (decoderOf('windows-1252')(fileNameRaw, 0, fileNameRaw.length) as string)
  );
}

/** Why a path must not be taken, or null. */
export function faultOfPath(
  path: string,
): { code: 'ZIP_CORRUPT' | 'ZIP_ABSOLUTE_PATH' | 'ZIP_PATH_OUTSIDE'; message: string } | null {
  if (path === '' || path.includes('\0')) {
    return { code: 'ZIP_CORRUPT', message: 'Its name is empty or holds a NUL. Pack the files anew.' };
  }
  if (/^(?:[a-z]:|[/\\])/i.test(path)) {
    return {
      code: 'ZIP_ABSOLUTE_PATH',
      message: 'An absolute path. Pack the files anew from their own folder.',
    };
  }
  if (path.split(/[/\\]/).includes('..')) {
    return {
      code: 'ZIP_PATH_OUTSIDE',
      message: 'Its path leads out of the archive. Pack the files anew from their own folder.',
    };
  }
  return null;
}

/** A relative path with `/` between its parts, without `.` and empty ones. */
export function normalisePath(path: string): string {
  return path
    .split(/[/\\]/)
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** The same for all ways to write a name that people take for one. */
function fold(path: string): string {
  return path.normalize('NFKC').toLowerCase();
}

interface PathIndex<Entry> {
  exact: Map<string, Entry>;
  /** null where several entries fold to one */
  folded: Map<string, Entry | null>;
}

const indexes = new WeakMap<readonly object[], PathIndex<{ name: string }>>();

function indexOf<Entry extends { name: string }>(entries: readonly Entry[]): PathIndex<Entry> {
  const known = indexes.get(entries) as PathIndex<Entry> | undefined;
  if (known !== undefined) return known;
  const index: PathIndex<Entry> = { exact: new Map(), folded: new Map() };
  for (const entry of entries) {
    index.exact.set(entry.name, entry);
    const key = fold(entry.name);
    index.folded.set(key, index.folded.has(key) ? null : entry);
  }
  indexes.set(entries, index);
  return index;
}

/**
 * The entry a File Path names (formats.md, Attachments): `\` and a leading `./` do not matter; exactly so written, else the only
 * one that differs in case or Unicode form alone; null = none, or several.
 * @param entries an archive's entries; the same array each time, it is indexed once
 */
export function matchPath<Entry extends { name: string }>(
  entries: readonly Entry[],
  filePath: string,
): Entry | null {
  const path = normalisePath(filePath);
  const { exact, folded } = indexOf(entries);
  return exact.get(path) ?? folded.get(fold(path)) ?? null;
}
