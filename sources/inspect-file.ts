import { listNames } from '../domain/list-names.ts';
import type { Tab } from '../domain/tab.ts';
import { detectEncoding } from './detect-encoding.ts';
import { type FileType, fileType } from './file-type.ts';
import { inUtf8 } from './open-part.ts';
import {
  DEFAULT_ZIP_CAPS,
  openZip,
  type ZipArchive,
  type ZipCaps,
  ZipError,
  type ZipProblemCode,
} from './open-zip.ts';
import { type Delimiter, readHeader } from './read-csv.ts';
import { jsonHeader } from './read-json.ts';
import { countOpened, type PartKind, type ReadablePart, rowsOf } from './read-part.ts';
import { xmlHeader } from './read-xml.ts';
import { type Encoding, type FileAccess, LONGEST_COLUMN_NAME, MOST_COLUMNS, type OpenBytes } from './rows.ts';
import { TABLE_NAME, tabOfName } from './tab-of-name.ts';

export type FileProblemCode =
  | ZipProblemCode
  | 'FILE_EMPTY'
  | 'FILE_NOT_READABLE'
  | 'SPREADSHEET'
  | 'NAME_MISLEADS'
  | 'NUL_BYTES'
  | 'UNKNOWN_TAB'
  | 'ENCODING_UNSURE'
  | 'HEADER_MISSING'
  | 'HEADER_UNREADABLE'
  | 'HEADER_ONLY'
  | 'DUPLICATE_COLUMN'
  | 'EMPTY_COLUMN_NAME'
  | 'TOO_MANY_COLUMNS'
  | 'COLUMN_NAME_TOO_LONG'
  | 'UNREADABLE_ROWS'
  | 'NO_READABLE_ROW'
  | 'NO_TABLE_IN_ZIP';

/** Something to know of an upload before it is migrated (B1). */
export interface FileProblem {
  severity: 'blocking' | 'warning' | 'information';
  code: FileProblemCode;
  entry: string | null;
  /** the first row it concerns */
  row?: number;
  message: string;
}

/** A table found in an upload; `kind` unknown = it cannot be read, and a blocking problem says why. */
export interface InspectedPart {
  entry: string | null;
  kind: PartKind | 'unknown';
  /** the tab its name stands for (formats.md) */
  tabGuess: Tab | null;
  header: string[];
  delimiter: Delimiter | null;
  encoding: Encoding;
  /** 0 = a guess, 1 = certain or given */
  encodingConfidence: number;
  /** counted apart from reading (D1); unreadable ones included */
  records: number;
  unreadable: number;
  /** unpacked */
  bytes: number;
}

export interface FileInspection {
  name: string;
  bytes: number;
  /** of a ZIP, what it unpacks to (A4); else `bytes` */
  unpackedBytes: number;
  parts: InspectedPart[];
  /** the other files of a ZIP: what attachments may refer to */
  attachments: { files: number; bytes: number };
  problems: FileProblem[];
}

export interface InspectOptions {
  /** what the requester confirmed: for all parts, or by entry (the key of a plain file is its name) */
  encoding?: Encoding | Readonly<Record<string, Encoding>>;
  caps?: ZipCaps;
  /** only names, headers and encodings: no record is counted */
  headersOnly?: boolean;
  /** called with the bytes read since the last call, as a sign of life */
  onBytes?: (bytes: number) => void;
  /** ends the inspection with its reason */
  signal?: AbortSignal;
}

const HEAD_BYTES = 1_000_000;
const SURE = 0.8;
const UTF8_ONLY_ADVICE = 'Save it as CSV in UTF-8';

/**
 * What an upload holds: its tables with header, encoding and records counted, and what is wrong with it. Its content decides
 * what it is, not its name.
 * @throws what the storage throws, and the signal's reason; never because of what the file holds
 */
export async function inspectFile(access: FileAccess, options: InspectOptions = {}): Promise<FileInspection> {
  const inspection: FileInspection = {
    name: access.name,
    bytes: access.bytes,
    unpackedBytes: access.bytes,
    parts: [],
    attachments: { files: 0, bytes: 0 },
    problems: [],
  };
  const open = watched((from) => access.open(from), options);
  const type = fileType(await readHead(open));
  if (type.kind === 'zip') {
    await inspectZip(access, options, inspection);
  } else {
    if (/\.(?:zip|xlsx)$/i.test(access.name) && type.kind !== 'binary' && type.kind !== 'spreadsheet') {
      inspection.problems.push(
        misleads(null, `It is ${type.title}, and read as such, whatever its name says.`),
      );
    }
    await inspectPart(
      { open, entry: null, name: access.name, bytes: access.bytes },
      type,
      options,
      inspection,
    );
  }
  return inspection;
}

async function inspectZip(
  access: FileAccess,
  options: InspectOptions,
  inspection: FileInspection,
): Promise<void> {
  const { problems } = inspection;
  const zip = await openZip(await access.localPath(), options.caps ?? DEFAULT_ZIP_CAPS);
  try {
    inspection.unpackedBytes = zip.unpackedBytes;
    if (zip.entries.some(({ name }) => name === '[Content_Types].xml')) {
      problems.push(spreadsheet(null));
      return;
    }
    if (!/\.zip$/i.test(access.name)) {
      problems.push(misleads(null, 'It is a ZIP archive, and read as one, whatever its name says.'));
    }
    for (const { code, entry, message } of zip.problems) {
      problems.push({
        severity: code === 'ZIP_NESTED_ARCHIVE' ? 'warning' : 'blocking',
        code,
        entry,
        message,
      });
    }
    const tables = tablesOf(zip);
    for (const entry of zip.entries) {
      if (tables.has(entry.name)) continue;
      inspection.attachments.files++;
      inspection.attachments.bytes += entry.bytes;
    }
    if (tables.size === 0 && zip.entries.length > 0) {
      const message = 'The archive holds no table, only files that attachments may refer to.';
      problems.push({ severity: 'information', code: 'NO_TABLE_IN_ZIP', entry: null, message });
    }
    for (const entry of zip.entries.filter(({ name }) => tables.has(name))) {
      const open = watched(async () => zip.read(entry), options);
      await reportingZipErrors(problems, async () => {
        const type = fileType(await readHead(open));
        await inspectPart(
          { open, entry: entry.name, name: entry.name, bytes: entry.bytes },
          type,
          options,
          inspection,
        );
      });
    }
    if (zip.entries.length === 0 && zip.problems.length === 0) problems.push(empty(null));
  } finally {
    zip.close();
  }
}

/** Entries that are tables: those named after a tab and what lies beside them; without such names, all that may be one. */
function tablesOf(zip: ZipArchive): Set<string> {
  const candidates = zip.entries.map(({ name }) => name).filter((name) => TABLE_NAME.test(name));
  const folderOf = (name: string) => name.slice(0, name.lastIndexOf('/') + 1);
  const folders = new Set(candidates.filter((name) => tabOfName(name) !== null).map(folderOf));
  return new Set(folders.size === 0 ? candidates : candidates.filter((name) => folders.has(folderOf(name))));
}

/** An entry that is not what its archive declares is a problem of the file, not a failure of the inspection. */
async function reportingZipErrors(problems: FileProblem[], inspect: () => Promise<void>): Promise<void> {
  try {
    await inspect();
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    problems.push({ severity: 'blocking', code: error.code, entry: error.entry, message: error.message });
  }
}

interface Candidate {
  open: OpenBytes;
  entry: string | null;
  name: string;
  bytes: number;
}

async function inspectPart(
  { open, entry, name, bytes }: Candidate,
  type: FileType,
  options: InspectOptions,
  { parts, problems }: FileInspection,
): Promise<void> {
  const part: InspectedPart = {
    entry,
    kind: 'unknown',
    tabGuess: tabOfName(name),
    header: [],
    delimiter: null,
    encoding: 'utf-8',
    encodingConfidence: 0,
    records: 0,
    unreadable: 0,
    bytes,
  };
  parts.push(part);
  const report = (severity: FileProblem['severity'], code: FileProblemCode, message: string) =>
    problems.push({ severity, code, entry, message });

  if (bytes === 0) {
    problems.push(empty(entry));
    return;
  }
  const kind = kindOf(type);
  if (kind === null) {
    if (type.kind === 'spreadsheet') problems.push(spreadsheet(entry));
    else report('blocking', 'FILE_NOT_READABLE', `It is ${type.title}, not a table. ${UTF8_ONLY_ADVICE}.`);
    return;
  }
  if (kind !== 'csv' && /\.(?:csv|tsv)$/i.test(name)) {
    problems.push(misleads(entry, `It is ${type.title}, and read as such, whatever its name says.`));
  }
  if (type.nuls > 0) {
    report('warning', 'NUL_BYTES', 'It holds NUL characters, which no help desk writes: it may be damaged.');
  }
  if (part.tabGuess === null) {
    report(
      'warning',
      'UNKNOWN_TAB',
      'Its name stands for no tab. Name it <Tab>.csv, or say by a mapping what it holds.',
    );
  }
  const detected = await encodingOf(open, kind);
  const given = confirmedFor(name, options);
  part.encoding = given ?? detected.encoding;
  part.encodingConfidence = given === undefined ? detected.confidence : 1;
  if (part.encodingConfidence < SURE) {
    report(
      'warning',
      'ENCODING_UNSURE',
      `Its encoding seems to be ${part.encoding} (${detected.reason}). Confirm it.`,
    );
  }
  if (!(await inspectHeader(open, part, kind, problems))) return;
  part.kind = kind;
  if (options.headersOnly !== true) await inspectRecords(open, { ...part, kind }, part, problems);
}

function kindOf(type: FileType): PartKind | null {
  return type.kind === 'csv' || type.kind === 'json' || type.kind === 'xml' ? type.kind : null;
}

const XML_LABELS: ReadonlyMap<string, Encoding> = new Map([
  ['utf-8', 'utf-8'],
  ['shift_jis', 'shift_jis'],
  ['sjis', 'shift_jis'],
  ['windows-31j', 'shift_jis'],
  ['cp932', 'shift_jis'],
  ['euc-jp', 'euc-jp'],
  ['windows-1252', 'windows-1252'],
  ['iso-8859-1', 'windows-1252'],
]);

async function encodingOf(
  open: OpenBytes,
  kind: PartKind,
): Promise<{ encoding: Encoding; confidence: number; reason: string }> {
  const head = await readHead(open);
  if (kind === 'xml') {
    const label = /^<\?xml[^>]*\sencoding=["']([\w-]+)["']/
      .exec(head.toString('latin1', 0, 200))?.[1]
      ?.toLowerCase();
    const encoding = label === undefined ? undefined : XML_LABELS.get(label);
    if (encoding !== undefined) return { encoding, confidence: 1, reason: 'the XML declaration' };
  }
  return detectEncoding(head);
}

/** The encoding that the requester confirmed for a part; a file may have any name, also one that every object answers to. */
function confirmedFor(name: string, { encoding }: InspectOptions): Encoding | undefined {
  if (typeof encoding !== 'object') return encoding;
  return Object.hasOwn(encoding, name) ? encoding[name] : undefined;
}

/** Finds the columns; false when there are none to go on with. */
async function inspectHeader(
  open: OpenBytes,
  part: InspectedPart,
  kind: PartKind,
  problems: FileProblem[],
): Promise<boolean> {
  const { entry } = part;
  const block = (code: FileProblemCode, message: string): false => {
    problems.push({ severity: 'blocking', code, entry, message });
    return false;
  };
  if (kind !== 'csv') {
    const utf8 = inUtf8(open, part.encoding);
    const header = await (kind === 'json' ? jsonHeader(utf8) : xmlHeader(utf8));
    if (header === null) {
      return block(
        'TOO_MANY_COLUMNS',
        `Its records have more different names than the ${MOST_COLUMNS} columns that a table may have.`,
      );
    }
    if (!namesAreShort(header, block)) return false;
    part.header = header;
    return true;
  }
  const { header, delimiter, fault } = await readHeader(open, { encoding: part.encoding });
  if (fault === 'NO_HEADER')
    return block('HEADER_MISSING', 'It holds no line. Its first line must name the columns.');
  if (fault === 'MALFORMED_ROW') {
    return block('HEADER_UNREADABLE', 'Its first line, which names the columns, has a quote out of place.');
  }
  if (fault === 'BAD_ENCODING') {
    return block(
      'HEADER_UNREADABLE',
      `Its first line does not decode as ${part.encoding}. Choose another encoding.`,
    );
  }
  if (header.length > MOST_COLUMNS) {
    return block(
      'TOO_MANY_COLUMNS',
      `Its first line makes ${header.length} columns; a table may have ${MOST_COLUMNS}. Is it cut into lines?`,
    );
  }
  if (!namesAreShort(header, block)) return false;
  part.header = header;
  part.delimiter = delimiter;
  const twice = [...new Set(header.filter((name, k) => name !== '' && header.indexOf(name) !== k))];
  if (twice.length > 0) {
    const message = `Columns that come more than once: ${listNames(twice)}. All are kept.`;
    problems.push({ severity: 'warning', code: 'DUPLICATE_COLUMN', entry, message });
  }
  if (header.some((name) => name.trim() === '')) {
    const message = 'A column has no name. Name it to map it.';
    problems.push({ severity: 'information', code: 'EMPTY_COLUMN_NAME', entry, message });
  }
  return true;
}

/** Whether every column has a name that can be one; what is longer is text of a file whose first line names no columns. */
function namesAreShort(
  header: readonly string[],
  block: (code: FileProblemCode, message: string) => false,
): boolean {
  const column = header.findIndex((name) => name.length > LONGEST_COLUMN_NAME);
  const name = header[column];
  if (name === undefined) return true;
  return block(
    'COLUMN_NAME_TOO_LONG',
    `The name of its column ${column + 1} has ${name.length} characters; ${LONGEST_COLUMN_NAME} are possible. Does its first line name the columns?`,
  );
}

async function inspectRecords(
  open: OpenBytes,
  readable: ReadablePart,
  part: InspectedPart,
  problems: FileProblem[],
): Promise<void> {
  const { entry } = part;
  const { records, malformed, badEncoding } = await countOpened(open, readable);
  part.records = records;
  part.unreadable = malformed + badEncoding;
  if (records === 0) {
    const message = 'It holds no record below its first line.';
    problems.push({ severity: 'information', code: 'HEADER_ONLY', entry, message });
  } else if (part.unreadable === records) {
    const message = `None of its ${records} records can be read. ${UTF8_ONLY_ADVICE}, or choose another encoding.`;
    problems.push({ severity: 'blocking', code: 'NO_READABLE_ROW', entry, row: 1, message });
  } else if (part.unreadable > 0) {
    const row = await firstUnreadable(open, readable);
    const message = `${part.unreadable} of ${records} rows cannot be read (${malformed} malformed, ${badEncoding} not decodable), row ${row} first. They fail alone and are handed back.`;
    problems.push({ severity: 'warning', code: 'UNREADABLE_ROWS', entry, row, message });
  }
}

async function firstUnreadable(open: OpenBytes, part: ReadablePart): Promise<number> {
  for await (const { rows } of rowsOf(open, part, null, {})) {
    const found = rows.find((row) => 'code' in row);
    if (found !== undefined) return found.row;
  }
  return 1;
}

async function readHead(open: OpenBytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of await open(0)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
}

/** A source that tells how much was read of it and can be stopped. */
function watched(open: OpenBytes, { onBytes, signal }: InspectOptions): OpenBytes {
  return async function* (from) {
    for await (const chunk of await open(from)) {
      signal?.throwIfAborted();
      onBytes?.(chunk.length);
      yield chunk;
    }
  };
}

function empty(entry: string | null): FileProblem {
  return {
    severity: 'blocking',
    code: 'FILE_EMPTY',
    entry,
    message: 'It is empty. Upload it again, or leave it out.',
  };
}

function spreadsheet(entry: string | null): FileProblem {
  const message = `It is a spreadsheet or another Office document. ${UTF8_ONLY_ADVICE}.`;
  return { severity: 'blocking', code: 'SPREADSHEET', entry, message };
}

function misleads(entry: string | null, message: string): FileProblem {
  return { severity: 'warning', code: 'NAME_MISLEADS', entry, message };
}
