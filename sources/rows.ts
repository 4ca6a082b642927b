/** Random access to the bytes of one stored upload. */
export interface FileAccess {
  /** the name the requester gave it */
  readonly name: string;
  /** its size in bytes */
  readonly bytes: number;
  /** its bytes from offset `from` (default 0) up to, not including, `to` (default the end) */
  open(from?: number, to?: number): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
  /** a path on the local disk that holds the same bytes (spooled there once if needed) */
  localPath(): Promise<string>;
}

/** The encodings that exports come in (formats.md, General). */
export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'shift_jis', 'euc-jp', 'windows-1252'] as const;
/** One of them; `shift_jis` is CP932, as Windows writes it. */
export type Encoding = (typeof ENCODINGS)[number];

/** A table has at most so many columns. */
export const MOST_COLUMNS = 10_000;
/** A column's name has at most so many characters (UTF-16 code units): a longer one is text whose first line names no columns. */
export const LONGEST_COLUMN_NAME = 1_000;

/**
 * Where to go on reading: the position behind a row. JSON-serialisable.
 * `decodedBytes` counts the bytes of the unpacked content (of the file, or of the ZIP entry), byte order mark
 * and header included, whatever its encoding; `row` is the number of that row.
 */
export interface Cursor {
  entry: string | null;
  decodedBytes: number;
  row: number;
}

/** A row that can be read: its number (1 = first record after the header) and its cells, verbatim, as many as the header has. */
export interface ReadableRow {
  row: number;
  cells: string[];
}

/** A row that cannot be read (C6): its bytes are kept verbatim, line end included. */
export interface UnreadableRow {
  row: number;
  code: 'MALFORMED_ROW' | 'BAD_ENCODING';
  message: string;
  raw: Uint8Array;
}

export type ReadRow = ReadableRow | UnreadableRow;

/** Rows in order, the offset (`Cursor.decodedBytes`) behind each, and the resume point behind the last. */
export interface RowBatch {
  rows: ReadRow[];
  ends: number[];
  after: Cursor;
}

/** How many rows, and about how many bytes of source, a batch holds at most. */
export interface BatchSize {
  batchRows?: number;
  batchBytes?: number;
}

export const DEFAULT_BATCH_ROWS = 500;
export const DEFAULT_BATCH_BYTES = 1_000_000;

/** Opens a part's unpacked bytes from an offset on. */
export type OpenBytes = (from: number) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;

/** What was counted apart from reading (D1). */
export interface RowCount {
  /** all records, unreadable ones included; the header is none */
  records: number;
  malformed: number;
  badEncoding: number;
}

/** A quote must close within so many bytes of the file, else its row is malformed (formats.md: 16 MB). */
export const QUOTE_LIMIT = 16 * 1024 * 1024;
/** A record longer than this is malformed: memory stays bounded whatever is uploaded. */
export const RECORD_LIMIT = 2 * QUOTE_LIMIT;
/** A record of a JSON or XML part may be so many bytes long (16 MB); a longer one is malformed. */
export const ELEMENT_LIMIT = 16 * 1024 * 1024;
