import { DEFAULT_ZIP_CAPS, openZip, type ZipCaps, ZipError } from './open-zip.ts';
import type { Encoding, FileAccess, OpenBytes } from './rows.ts';

/** A part's content, to be opened as often as wanted until it is closed. */
export interface OpenPart {
  open: OpenBytes;
  close(): void;
}

/**
 * Opens a part of an upload: the file itself (`entry` null) or an entry of the ZIP it is.
 * @throws ZipError when the archive cannot be read or has no such entry; its streams throw it too
 */
export async function openPart(
  access: FileAccess,
  entry: string | null,
  caps: ZipCaps = DEFAULT_ZIP_CAPS,
): Promise<OpenPart> {
  if (entry === null) return { open: (from) => access.open(from), close: () => {} };
  const zip = await openZip(await access.localPath(), caps);
  const found = zip.entries.find(({ name }) => name === entry);
  if (found === undefined) {
    zip.close();
    const { code, message } = zip.problems.find(
      (problem) => problem.entry === null || problem.entry === entry,
    ) ?? {
      code: 'ZIP_CORRUPT' as const,
      message: 'The archive has no such entry. Upload it again.',
    };
    throw new ZipError(code, entry, message);
  }
  return { open: async (from) => behind(await zip.read(found), from), close: () => zip.close() };
}

/** What follows the first `from` bytes. */
async function* behind(
  chunks: AsyncIterable<Uint8Array>,
  from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let skip = from;
  for await (const chunk of chunks) {
    if (skip < chunk.length) yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/**
 * A part's bytes in UTF-8, for formats whose marks are only safe to look for in it (JSON, XML). What does not decode becomes
 * a byte that is not valid in UTF-8 either, so that its record fails.
 */
export function inUtf8(open: OpenBytes, encoding: Encoding): OpenBytes {
  if (encoding === 'utf-8') return open;
  return async (from) => behind(transcoded(await open(0), encoding), from);
}

async function* transcoded(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of chunks) yield invalidWhereReplaced(decoder.decode(chunk, { stream: true }));
  yield invalidWhereReplaced(decoder.decode());
}

function invalidWhereReplaced(text: string): Buffer {
  const pieces = text
    .split('\ufffd')
    .flatMap((piece, k) => (k === 0 ? [Buffer.from(piece)] : [INVALID, Buffer.from(piece)]));
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

const INVALID = Buffer.of(0xff);
