import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** How a CSV file is written; every way is one that the prepared format allows (docs/formats.md). */
export interface CsvStyle {
  delimiter: ',' | ';';
  lineEnd: '\n' | '\r\n';
  byteOrderMark: boolean;
}

export const PLAIN_STYLE: CsvStyle = { delimiter: ',', lineEnd: '\n', byteOrderMark: false };

/** One line of a CSV file: cells, or the bytes of a line that cannot be read (without its line end). */
export type CsvLine = { cells: readonly string[] } | { raw: Uint8Array };

const CHUNK = 64 * 1024;

/** One CSV line without its line end; cells are quoted only where they must be (RFC 4180). */
export function csvLine(cells: readonly string[], delimiter: string): string {
  let line = '';
  for (const [index, cell] of cells.entries()) {
    if (index > 0) line += delimiter;
    line += /["\r\n,;]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  }
  return line;
}

/** The bytes of a CSV file in chunks of some 64 KB, made as they are asked for. */
export function* csvBytes(
  header: readonly string[],
  lines: Iterable<CsvLine>,
  style: CsvStyle,
): Generator<Buffer> {
  let text = `${style.byteOrderMark ? '\uFEFF' : ''}${csvLine(header, style.delimiter)}${style.lineEnd}`;
  for (const line of lines) {
    if ('raw' in line) {
      yield Buffer.from(text);
      yield Buffer.from(line.raw);
      text = style.lineEnd;
    } else {
      text += csvLine(line.cells, style.delimiter) + style.lineEnd;
    }
    if (text.length >= CHUNK) {
      yield Buffer.from(text);
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text);
}

/** Writes a file from chunks, no faster than the disk takes them. */
export async function writeFileFrom(
  file: string,
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  await pipeline(Readable.from(chunks), createWriteStream(file));
}
