import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

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

export interface ZipEntry {
  /** path inside the ZIP */
  path: string;
  chunks: Iterable<Buffer>;
}

/**
 * Writes a ZIP whose bytes depend on its entries alone. An entry is asked for when the one before it is written, so
 * that memory holds one chunk and the list of names.
 */
export async function writeZip(file: string, entries: Iterable<ZipEntry>): Promise<void> {
  const zip = new ZipFile();
  const broken = new Promise<never>((_, reject) => zip.once('error', reject));
  const written = pipeline(zip.outputStream, createWriteStream(file));
  // a ZIP stores local time without a zone: this moment is written the same in every zone
  const options = { mtime: new Date(2024, 0, 1), mode: 0o100644, forceDosTimestamp: true };
  const unusable = Promise.race([broken, written.then(() => new Promise<never>(() => {}))]);
  unusable.catch(() => {});
  for (const entry of entries) {
    const taken = new Promise<void>((resolve, reject) => {
      zip.addReadStreamLazy(entry.path, options, (give) => {
        const stream = Readable.from(entry.chunks);
        stream.once('end', resolve);
        stream.once('error', reject);
        give(null, stream);
      });
    });
    await Promise.race([taken, unusable]);
  }
  zip.end();
  await Promise.race([written, broken]);
}
