import { RowBatcher } from './batch-rows.ts';
import {
  type BatchSize,
  type Cursor,
  LONGEST_COLUMN_NAME,
  MOST_COLUMNS,
  type OpenBytes,
  type ReadRow,
  type RowBatch,
} from './rows.ts';

/** One record of a JSON or XML part, found but not yet read. */
export interface Element {
  /** its bytes (of one over ELEMENT_LIMIT, the first so many); valid until the next element is asked for */
  bytes: Buffer;
  /** offset behind it */
  end: number;
  /** why it cannot be one: too long, or what is left of a part that breaks off */
  fault: string | null;
}

/** A record's fields by name, or why it has none. */
export type ElementFields =
  | { fields: Map<string, string> }
  | { code: 'MALFORMED_ROW' | 'BAD_ENCODING'; message: string };

/** How a format is taken apart: its elements in order, and what one holds. */
export interface ElementFormat {
  split(open: OpenBytes): AsyncIterable<Element>;
  fieldsOf(bytes: Buffer): ElementFields;
}

export interface ReadElementsOptions extends BatchSize {
  /** the columns, as `collectHeader` found them */
  header: readonly string[];
  from?: Cursor | null;
  entry?: string | null;
}

/**
 * The rows of a JSON or XML part: one cell for each column, empty where a record has no such field. A resumed reading finds its
 * place by passing `from.row` records.
 */
export async function* readElements(
  format: ElementFormat,
  open: OpenBytes,
  { header, from = null, entry = null, ...size }: ReadElementsOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  const columns = new Map(header.map((name, k) => [name, k]));
  const batcher = new RowBatcher(entry, size, from?.decodedBytes ?? 0);
  let row = 0;
  for await (const element of format.split(open)) {
    row++;
    if (from !== null && row <= from.row) continue;
    const batch = batcher.take(rowOf(format, element, row, columns), element.end);
    if (batch !== null) yield batch;
  }
  const rest = batcher.rest();
  if (rest !== null) yield rest;
}

function rowOf(
  format: ElementFormat,
  { bytes, fault }: Element,
  row: number,
  columns: Map<string, number>,
): ReadRow {
  const unreadable = (code: 'MALFORMED_ROW' | 'BAD_ENCODING', message: string): ReadRow => ({
    row,
    code,
    message,
    raw: new Uint8Array(bytes),
  });
  if (fault !== null) return unreadable('MALFORMED_ROW', `Not a record: ${fault}.`);
  const found = format.fieldsOf(bytes);
  if ('code' in found) return unreadable(found.code, found.message);
  const cells = Array.from({ length: columns.size }, () => '');
  for (const [name, value] of found.fields) {
    const column = columns.get(name);
    if (column === undefined)
      return unreadable('MALFORMED_ROW', `Not a record: "${name}" is not among the columns.`);
    cells[column] = value;
  }
  return { row, cells };
}

/**
 * The columns of a JSON or XML part: every name its readable records use, in the order of first use; null = too many. The first name that
 * is too long is the last of them.
 */
export async function collectHeader(format: ElementFormat, open: OpenBytes): Promise<string[] | null> {
  const names = new Set<string>();
  for await (const { bytes, fault } of format.split(open)) {
    const found = fault === null ? format.fieldsOf(bytes) : null;
    if (found === null || !('fields' in found)) continue;
    for (const name of found.fields.keys()) {
      names.add(name);
      if (name.length > LONGEST_COLUMN_NAME) return [...names];
    }
    if (names.size > MOST_COLUMNS) return null;
  }
  return [...names];
}
