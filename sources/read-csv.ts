import { RowBatcher } from './batch-rows.ts';
import { ByteWindow } from './byte-window.ts';
import { type DecodeText, decoderOf } from './decode-cells.ts';
import {
  type BatchSize,
  type Cursor,
  type Encoding,
  type OpenBytes,
  type ReadRow,
  RECORD_LIMIT,
  type RowBatch,
} from './rows.ts';
import { RecordScanner } from './scan-record.ts';

export const DELIMITERS = [',', ';', '\t'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** How a CSV part is written. */
export interface CsvShape {
  encoding: Encoding;
  delimiter: Delimiter;
}

/** The first record of a CSV part. */
export interface CsvHeader {
  /** column names verbatim, in order, double ones kept; empty when there is no readable header */
  header: string[];
  delimiter: Delimiter;
  /** why there is none: the part holds no record, or the first one cannot be read */
  fault: 'NO_HEADER' | 'MALFORMED_ROW' | 'BAD_ENCODING' | null;
}

export interface ReadCsvOptions extends CsvShape, BatchSize {
  /** the header, for the number of fields; without it the part's own is read first */
  header?: readonly string[];
  /** resume behind this row; null = from the first record */
  from?: Cursor | null;
  /** the ZIP entry the part is, for the cursor */
  entry?: string | null;
}

type CellReader = (window: ByteWindow, scanner: RecordScanner) => string[] | null;

/** The cells of a scanned record, or null when one does not decode. */
function cellReader(encoding: Encoding): CellReader {
  const bytewise = encoding !== 'utf-16le' && encoding !== 'utf-16be';
  // the window holds UTF-16 in this machine's order, little-endian
  const decode: DecodeText = decoderOf(bytewise ? encoding : 'utf-16le');
  const rowEncoding = bytewise ? 'latin1' : 'utf16le';
  return (window, scanner) => {
    const { bytes, start, unitBytes } = window;
    const { count, cellStart, cellEnd, cellEscaped } = scanner;
    const cells: string[] = [];
    if (!bytewise || !scanner.beyondAscii) {
      const row = bytes.toString(rowEncoding, start * unitBytes, scanner.bodyEnd * unitBytes);
      if (!bytewise && scanner.beyondAscii && !row.isWellFormed()) return null;
      for (let k = 0; k < count; k++) {
        const cell = row.slice((cellStart[k] as number) - start, (cellEnd[k] as number) - start);
        cells.push(cellEscaped[k] === 1 ? cell.replaceAll('""', '"') : cell);
      }
      return cells;
    }
    for (let k = 0; k < count; k++) {
      const cell = decode(bytes, cellStart[k] as number, cellEnd[k] as number);
      if (cell === null) return null;
      cells.push(cellEscaped[k] === 1 ? cell.replaceAll('""', '"') : cell);
    }
    return cells;
  };
}

const REFILL_LIMIT = 4 * 1024 * 1024;

/** Takes in more for a record that does not end in the window; the amount doubles, so that a long one is not scanned too often. */
function refill(window: ByteWindow): Promise<void> {
  return window.fill(Math.min(Math.max(window.end - window.start, 1), REFILL_LIMIT));
}

/** The physical line at the window's start, moved past: its bytes, at most RECORD_LIMIT of them, and its length. */
async function takeLine(
  window: ByteWindow,
  scanner: RecordScanner,
): Promise<{ raw: Uint8Array; bytes: number }> {
  const begin = window.offset(window.start);
  let head: Uint8Array | null = null;
  while (!scanner.scanLine(window.units, window.start, window.end, window.atEnd)) {
    const units = window.end - window.start;
    if (head === null && units * window.unitBytes <= RECORD_LIMIT) {
      await refill(window);
      continue;
    }
    head ??= window.raw(window.start, window.start + RECORD_LIMIT / window.unitBytes);
    // one unit stays: it may be the CR of a CRLF
    window.start = window.end - 1;
    await window.fill(REFILL_LIMIT);
  }
  const raw = head ?? window.raw(window.start, scanner.next);
  window.start = scanner.next;
  return { raw, bytes: window.offset(window.start) - begin };
}

/**
 * Reads the header record and finds the delimiter: of comma, semicolon and tab the one that makes most fields of it.
 * @param shape the encoding; the delimiter, when it is known
 */
export async function readHeader(
  open: OpenBytes,
  shape: { encoding: Encoding; delimiter?: Delimiter | undefined },
): Promise<CsvHeader> {
  const window = await ByteWindow.open(open, shape.encoding, 0);
  try {
    await window.skipByteOrderMark();
    const candidates = shape.delimiter === undefined ? DELIMITERS : [shape.delimiter];
    let best: CsvHeader | null = null;
    for (const delimiter of candidates) {
      const scanner = new RecordScanner(delimiter, window.unitBytes);
      const scan = await scanHeader(window, scanner);
      if (scan === 'end') return { header: [], delimiter, fault: 'NO_HEADER' };
      const header = scan === 'record' ? cellReader(shape.encoding)(window, scanner) : null;
      const found: CsvHeader = {
        header: header ?? [],
        delimiter,
        fault: scan === 'malformed' ? 'MALFORMED_ROW' : header === null ? 'BAD_ENCODING' : null,
      };
      if (best === null || found.header.length > best.header.length) best = found;
    }
    return best as CsvHeader;
  } finally {
    await window.close();
  }
}

/** Scans the first record, empty lines before it skipped; `window.start` stays on it. */
async function scanHeader(
  window: ByteWindow,
  scanner: RecordScanner,
): Promise<'record' | 'malformed' | 'end'> {
  for (;;) {
    const scan = scanner.scan(window.units, window.start, window.end, window.atEnd, 0);
    if (scan === 'blank') window.start = scanner.next;
    else if (scan === 'more') await refill(window);
    else return scan;
  }
}

/** Moves the window past the header and says how many columns it has; a malformed header is its first physical line. */
async function passHeader(window: ByteWindow, scanner: RecordScanner): Promise<number> {
  await window.skipByteOrderMark();
  const scan = await scanHeader(window, scanner);
  if (scan === 'malformed') {
    await takeLine(window, scanner);
    return 0;
  }
  if (scan === 'record') window.start = scanner.next;
  return scanner.count;
}

/**
 * Reads a CSV part as formats.md's grammar has it (General): every record is a row, in order, with a number; one that cannot
 * be read fails alone. Beyond that page: an empty line is no record; a line end is CRLF, LF or CR; a record over
 * RECORD_LIMIT is malformed, and of a physical line longer than that only so many bytes are kept as `raw`.
 * @param open opens the part's unpacked bytes at an offset (a resumed read asks for `from.decodedBytes`)
 * @throws what the source throws; never because of what a row holds
 */
export async function* readCsv(
  open: OpenBytes,
  options: ReadCsvOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  const { encoding, delimiter, from = null, entry = null } = options;
  const columns =
    options.header?.length ?? (from === null ? 0 : (await readHeader(open, options)).header.length);
  const window = await ByteWindow.open(open, encoding, from?.decodedBytes ?? 0);
  try {
    const scanner = new RecordScanner(delimiter, window.unitBytes);
    const ownColumns = from === null ? await passHeader(window, scanner) : 0;
    yield* readRecords(window, scanner, cellReader(encoding), {
      columns: columns === 0 ? ownColumns : columns,
      row: from?.row ?? 0,
      entry,
      size: options,
    });
  } finally {
    await window.close();
  }
}

interface RecordsOptions {
  columns: number;
  row: number;
  entry: string | null;
  size: BatchSize;
}

async function* readRecords(
  window: ByteWindow,
  scanner: RecordScanner,
  readCells: CellReader,
  { columns, row: rowBefore, entry, size }: RecordsOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  let row = rowBefore;
  const batcher = new RowBatcher(entry, size, window.offset(window.start));
  for (;;) {
    const scan = scanner.scan(window.units, window.start, window.end, window.atEnd, columns);
    if (scan === 'end') break;
    if (scan === 'blank') {
      window.start = scanner.next;
      continue;
    }
    if (scan === 'more') {
      await refill(window);
      continue;
    }
    row++;
    let read: ReadRow;
    if (scan === 'malformed') {
      const reason = scanner.reason;
      const { raw, bytes } = await takeLine(window, scanner);
      const cut = bytes > raw.length ? `; its line has ${bytes} bytes, the first ${raw.length} are kept` : '';
      read = { row, code: 'MALFORMED_ROW', message: `Not a row: ${reason}${cut}.`, raw };
    } else {
      const cells = readCells(window, scanner);
      read = cells === null ? undecodable(row, window.raw(window.start, scanner.next)) : { row, cells };
      window.start = scanner.next;
    }
    const batch = batcher.take(read, window.offset(window.start));
    if (batch !== null) yield batch;
  }
  const rest = batcher.rest();
  if (rest !== null) yield rest;
}

function undecodable(row: number, raw: Uint8Array): ReadRow {
  return { row, code: 'BAD_ENCODING', message: 'The row does not decode in the encoding of its file.', raw };
}
