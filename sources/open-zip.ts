import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import * as yauzl from 'yauzl';
import { RandomAccessFile } from './random-access-file.ts';
import { decodeEntryName, faultOfPath, normalisePath } from './zip-path.ts';

export type ZipProblemCode =
  | 'ZIP_PATH_OUTSIDE'
  | 'ZIP_ABSOLUTE_PATH'
  | 'ZIP_SYMLINK'
  | 'ZIP_ENCRYPTED'
  | 'ZIP_NESTED_ARCHIVE'
  | 'ZIP_BOMB'
  | 'ZIP_OVERLAP'
  | 'ZIP_DUPLICATE_NAME'
  | 'ZIP_METHOD'
  | 'ZIP_CORRUPT';

/** What is wrong with an entry (or, with `entry` null, with the archive), and what to do about it. */
export interface ZipProblem {
  code: ZipProblemCode;
  entry: string | null;
  message: string;
}

/** An entry's content cannot be read as the archive declares it. */
export class ZipError extends Error {
  readonly code: ZipProblemCode;
  readonly entry: string | null;
  constructor(code: ZipProblemCode, entry: string | null, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ZipError';
    this.code = code;
    this.entry = entry;
  }
}

/** What an archive may hold at most. */
export interface ZipCaps {
  entries: number;
  /** bytes of all entries together, unpacked (A4) */
  unpackedBytes: number;
  /** unpacked bytes per packed byte of one entry; asked only of entries over `ratioFrom` bytes */
  ratio: number;
  ratioFrom: number;
}

export const DEFAULT_ZIP_CAPS: ZipCaps = {
  entries: 200_000,
  unpackedBytes: 10_000_000_000,
  ratio: 400,
  ratioFrom: 1_000_000,
};

/** A file in an archive: a plain relative path with `/`, and its sizes in bytes. */
export interface ZipEntry {
  name: string;
  bytes: number;
  packedBytes: number;
}

export interface ZipArchive {
  /** the files that may be read, in the archive's order; none when the archive as a whole is refused */
  entries: ZipEntry[];
  problems: ZipProblem[];
  /** bytes of all its files, unpacked, as declared */
  unpackedBytes: number;
  /**
   * An entry's unpacked bytes; the stream ends with a ZipError when it holds more or less than declared, or its
   * checksum differs.
   * @throws ZipError when the entry is not where the archive says
   */
  read(entry: ZipEntry): Promise<AsyncIterable<Uint8Array>>;
  /** Lets the file go when the reads under way have ended; what is still to be read of an entry ends with a ZipError. */
  close(): void;
}

/** What reading needs to know of an entry. */
interface Stored {
  rawName: Buffer;
  crc32: number;
  entry: yauzl.Entry;
}

interface Extent {
  name: string;
  from: number;
  to: number;
}

const LISTED_PROBLEMS = 100;
const LOCAL_HEADER_BYTES = 30;
const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;
const DIRECTORY = 0o040000;
const ARCHIVE_NAME = /\.(zip|7z|rar|tar|tgz|gz|bz2|xz|zst|cab|lzh)$/i;
const ENCRYPTED_FLAG = 1;
const UNPACK_CHUNK_BYTES = 256 * 1024;

/**
 * Lists a ZIP archive on the local disk and refuses what is unsafe in it: nothing is ever written under a name of the
 * archive, and nothing is unpacked beyond the caps. Nested archives are listed as files and never opened.
 * `__MACOSX/` and `.DS_Store` are left out.
 * @throws the file system's error when the path cannot be opened
 */
export async function openZip(path: string, caps: ZipCaps = DEFAULT_ZIP_CAPS): Promise<ZipArchive> {
  const file = await RandomAccessFile.open(path);
  let zip: yauzl.ZipFile;
  try {
    zip = await yauzl.fromRandomAccessReaderPromise(file, file.bytes, {
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: false,
    });
  } catch (error) {
    file.close(() => {});
    if (isFileSystemError(error)) throw error;
    return refusedArchive({ code: 'ZIP_CORRUPT', entry: null, message: corrupt(error) });
  }
  const listing = await list(zip, caps);
  const archive: ZipArchive = {
    entries: listing.refused ? [] : listing.entries,
    problems: listing.problems,
    unpackedBytes: listing.unpackedBytes,
    read: (entry) => readEntry(zip, file, entry, listing.stored.get(entry)),
    close: () => zip.close(),
  };
  if (listing.refused) zip.close();
  return archive;
}

function refusedArchive(problem: ZipProblem): ZipArchive {
  return {
    entries: [],
    problems: [problem],
    unpackedBytes: 0,
    read: (entry) => Promise.reject(new ZipError(problem.code, entry.name, problem.message)),
    close: () => {},
  };
}

interface Listing {
  entries: ZipEntry[];
  stored: Map<ZipEntry, Stored>;
  problems: ZipProblem[];
  unpackedBytes: number;
  refused: boolean;
}

async function list(zip: yauzl.ZipFile, caps: ZipCaps): Promise<Listing> {
  const found: Listing = { entries: [], stored: new Map(), problems: [], unpackedBytes: 0, refused: false };
  let unlisted = 0;
  const report = (code: ZipProblemCode, entry: string | null, message: string) => {
    if (found.problems.length < LISTED_PROBLEMS) found.problems.push({ code, entry, message });
    else unlisted++;
    if (entry === null) found.refused = true;
  };
  // where the directory begins; the library's typings call this number a boolean
  const directoryAt = zip.readEntryCursor as unknown as number;
  if (zip.entryCount > caps.entries) {
    report(
      'ZIP_BOMB',
      null,
      `The archive holds ${zip.entryCount} entries, at most ${caps.entries} are taken. Split it.`,
    );
    return found;
  }
  const names = new Set<string>();
  const extents: Extent[] = [];
  try {
    for await (const raw of zip.eachEntry()) {
      const path = decodeEntryName(raw);
      const from = raw.relativeOffsetOfLocalHeader;
      extents.push({
        name: path,
        from,
        to: from + LOCAL_HEADER_BYTES + raw.fileNameLength + raw.compressedSize,
      });
      found.unpackedBytes += raw.uncompressedSize;
      if (path.endsWith('/') || path.endsWith('\\') || isSystemLitter(path)) continue;
      const fault = faultOfEntry(raw, path, caps);
      if (fault !== null) {
        report(fault.code, path, fault.message);
        continue;
      }
      const name = normalisePath(path);
      if (names.has(name)) {
        report(
          'ZIP_DUPLICATE_NAME',
          name,
          'Two files of the archive have this name. Pack it anew with each file once.',
        );
        continue;
      }
      names.add(name);
      if (ARCHIVE_NAME.test(name)) {
        const advice =
          'It is kept as an attachment and not opened. If it holds data files, put those into the ZIP itself.';
        report('ZIP_NESTED_ARCHIVE', name, `An archive inside the archive. ${advice}`);
      }
      const entry: ZipEntry = { name, bytes: raw.uncompressedSize, packedBytes: raw.compressedSize };
      found.entries.push(entry);
      found.stored.set(entry, { rawName: raw.fileNameRaw, crc32: raw.crc32, entry: slim(raw) });
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (message.includes('encryption')) report('ZIP_ENCRYPTED', null, ENCRYPTED);
    else report('ZIP_CORRUPT', null, corrupt(error));
    return found;
  }
  const overlap = overlapping(extents, directoryAt);
  if (overlap !== null) {
    const message = `The archive's entry "${overlap}" lies over another one, as in a bomb. Pack the files anew.`;
    report('ZIP_OVERLAP', null, message);
  }
  if (found.unpackedBytes > caps.unpackedBytes) {
    const message = `The archive unpacks to ${found.unpackedBytes} bytes, at most ${caps.unpackedBytes} are taken. Split it or ask for a larger limit.`;
    report('ZIP_BOMB', null, message);
  }
  if (unlisted > 0)
    found.problems.push({ code: 'ZIP_CORRUPT', entry: null, message: `${unlisted} more problems.` });
  return found;
}

const ENCRYPTED = 'The archive is protected by a password. Pack the files anew without one.';

function faultOfEntry(
  raw: yauzl.Entry,
  path: string,
  caps: ZipCaps,
): { code: ZipProblemCode; message: string } | null {
  const pathFault = faultOfPath(path);
  if (pathFault !== null) return pathFault;
  const type = (raw.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type !== 0 && type !== REGULAR_FILE && type !== DIRECTORY) {
    return {
      code: 'ZIP_SYMLINK',
      message: 'A link or a device, not a file. Pack the file it points to instead.',
    };
  }
  if (raw.isEncrypted()) return { code: 'ZIP_ENCRYPTED', message: ENCRYPTED };
  if (raw.compressionMethod !== 0 && raw.compressionMethod !== 8) {
    const message = `Packed by method ${raw.compressionMethod}. Pack the files anew as an ordinary ZIP (method deflate).`;
    return { code: 'ZIP_METHOD', message };
  }
  if (raw.compressionMethod === 0 && raw.compressedSize !== raw.uncompressedSize) {
    return { code: 'ZIP_CORRUPT', message: 'Its packed and unpacked sizes contradict. Pack the files anew.' };
  }
  if (raw.uncompressedSize > caps.ratioFrom && raw.uncompressedSize > raw.compressedSize * caps.ratio) {
    const message = `It unpacks to more than ${caps.ratio} times its size, as a bomb does. Upload the file itself instead.`;
    return { code: 'ZIP_BOMB', message };
  }
  return null;
}

/** The name of an entry that shares bytes with another one or with the archive's directory, or null. */
function overlapping(extents: Extent[], directoryAt: number): string | null {
  extents.sort((a, b) => a.from - b.from);
  for (const [k, { name, to }] of extents.entries()) {
    if (to > (extents[k + 1]?.from ?? directoryAt)) return name;
  }
  return null;
}

function isSystemLitter(path: string): boolean {
  return path.startsWith('__MACOSX/') || path === '.DS_Store' || path.endsWith('/.DS_Store');
}

/** The few fields that reading needs, so that an archive of many files stays small in memory. */
function slim(raw: yauzl.Entry): yauzl.Entry {
  const {
    compressedSize,
    uncompressedSize,
    compressionMethod,
    generalPurposeBitFlag,
    relativeOffsetOfLocalHeader,
  } = raw;
  return Object.assign(new yauzl.Entry(), {
    compressedSize,
    uncompressedSize,
    compressionMethod,
    generalPurposeBitFlag,
    relativeOffsetOfLocalHeader,
  });
}

async function readEntry(
  zip: yauzl.ZipFile,
  file: RandomAccessFile,
  { name, bytes }: ZipEntry,
  stored: Stored | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (stored === undefined) throw new ZipError('ZIP_CORRUPT', name, 'Not an entry of this archive.');
  try {
    const header = await zip.readLocalFileHeaderPromise(stored.entry);
    if (!header.fileName.equals(stored.rawName)) throw new Error('it has another name where its bytes are');
    const { compressedSize, compressionMethod } = stored.entry;
    if (header.compressionMethod !== compressionMethod)
      throw new Error('it is packed otherwise than the archive says');
    if ((header.generalPurposeBitFlag & ENCRYPTED_FLAG) !== 0) throw new Error('it is encrypted');
    const packed = file.slice(header.fileDataStart, header.fileDataStart + compressedSize);
    const unpacked =
      compressionMethod === 0
        ? packed
        : pipeline(packed, createInflateRaw({ chunkSize: UNPACK_CHUNK_BYTES }), () => {});
    return checked(unpacked, name, bytes, stored.crc32);
  } catch (error) {
    throw new ZipError('ZIP_CORRUPT', name, `"${name}" cannot be read: ${corrupt(error)}`, error);
  }
}

async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  bytes: number,
  checksum: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sum = 0;
  let read = 0;
  try {
    for await (const chunk of chunks) {
      read += chunk.length;
      if (read > bytes) throw new Error(`it holds more than the ${bytes} bytes declared`);
      sum = crc32(chunk, sum);
      yield chunk;
    }
    if (read !== bytes) throw new Error(`it holds ${read} bytes instead of ${bytes}`);
    if (sum !== checksum) throw new Error('its checksum differs');
  } catch (error) {
    throw new ZipError('ZIP_CORRUPT', name, `"${name}" cannot be read: ${corrupt(error)}`, error);
  }
}

function corrupt(error: unknown): string {
  return `${error instanceof Error ? error.message : 'unknown fault'}. Pack the files anew and upload the archive again.`;
}

function isFileSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
