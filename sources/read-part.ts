import { assertNever } from '../domain/assert-never.ts';
import { countCsv } from './count-csv.ts';
import { countJson } from './count-json.ts';
import { countXml } from './count-xml.ts';
import { inUtf8, openPart } from './open-part.ts';
import type { ZipCaps } from './open-zip.ts';
import { type Delimiter, readCsv } from './read-csv.ts';
import { readJson } from './read-json.ts';
import { readXml } from './read-xml.ts';
import type { BatchSize, Cursor, Encoding, FileAccess, OpenBytes, RowBatch, RowCount } from './rows.ts';

/** The formats a table may come in. */
export type PartKind = 'csv' | 'json' | 'xml';

/** One table of an upload, as its inspection found it. */
export interface ReadablePart {
  /** the ZIP entry; null = the file itself */
  entry: string | null;
  kind: PartKind;
  /** column names in order; every row has as many cells */
  header: readonly string[];
  encoding: Encoding;
  /** of a CSV; null otherwise */
  delimiter: Delimiter | null;
}

export interface ReadPartOptions extends BatchSize {
  caps?: ZipCaps;
}

/**
 * The rows of a part, in order, plain or out of a ZIP: the one way in for the stager (design, From file to desk).
 * @param from resume behind this row; null = from the first
 * @throws ZipError when its archive cannot be read; what the storage throws; never because of what a row holds
 */
export async function* readPart(
  access: FileAccess,
  part: ReadablePart,
  from: Cursor | null = null,
  { caps, ...size }: ReadPartOptions = {},
): AsyncGenerator<RowBatch, void, undefined> {
  const opened = await openPart(access, part.entry, caps);
  try {
    yield* rowsOf(opened.open, part, from, size);
  } finally {
    opened.close();
  }
}

/** `readPart` of a part that is open. */
export function rowsOf(
  open: OpenBytes,
  { entry, kind, header, encoding, delimiter }: ReadablePart,
  from: Cursor | null,
  size: BatchSize,
): AsyncIterable<RowBatch> {
  switch (kind) {
    case 'csv':
      return readCsv(open, { encoding, delimiter: delimiter ?? ',', header, from, entry, ...size });
    case 'json':
      return readJson(inUtf8(open, encoding), { header, from, entry, ...size });
    case 'xml':
      return readXml(inUtf8(open, encoding), { header, from, entry, ...size });
    default:
      return assertNever(kind);
  }
}

/**
 * D1: how many records a part has, found by another road than `readPart`.
 * @throws as `readPart`
 */
export async function countPart(
  access: FileAccess,
  part: ReadablePart,
  { caps }: { caps?: ZipCaps } = {},
): Promise<RowCount> {
  const opened = await openPart(access, part.entry, caps);
  try {
    return await countOpened(opened.open, part);
  } finally {
    opened.close();
  }
}

/** `countPart` of a part that is open. */
export function countOpened(
  open: OpenBytes,
  { kind, header, encoding, delimiter }: ReadablePart,
): Promise<RowCount> {
  switch (kind) {
    case 'csv':
      return countCsv(open, { encoding, delimiter: delimiter ?? ',', columns: header.length });
    case 'json':
      return countJson(inUtf8(open, encoding));
    case 'xml':
      return countXml(inUtf8(open, encoding));
    default:
      return assertNever(kind);
  }
}
