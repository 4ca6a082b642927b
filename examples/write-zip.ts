import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';

/** A file for a ZIP: small and at hand, or in chunks made as they are asked for. */
export type ZipEntry = { path: string } & ({ bytes: Buffer } | { chunks: Iterable<Buffer> });

class ZipTooLargeError extends RangeError {
  readonly code = 'ZIP_TOO_LARGE';
  constructor() {
    super('Neither a ZIP nor a file in it may be over 4 GB here; make a smaller sample.');
    this.name = 'ZipTooLargeError';
  }
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const MOST = 0xffff_fffe;
/** 2024-01-01 00:00, so that the same entries give the same bytes */
const DOS_DATE = ((2024 - 1980) << 9) | (1 << 5) | 1;
const UTF_8_NAMES = 0x0800;
const DEFLATED = 8;
const REGULAR_FILE = (0o100644 << 16) >>> 0;
const BUFFERED = 1024 * 1024;

interface Written {
  /** as text: a small buffer would keep the pool's slab that it lies in */
  path: string;
  offset: number;
  sum: number;
  packed: number;
  unpacked: number;
}

/**
 * Writes a ZIP whose bytes depend on its entries alone. An entry is asked for when the one before it is written:
 * memory holds a chunk and, per entry, its name and sizes. (yazl's time grows with the square of the entries and its memory with
 * their number, which tens of thousands of attachments feel.)
 * @throws ZipTooLargeError when the ZIP or an entry would be over 4 GB
 */
export async function writeZip(file: string, entries: Iterable<ZipEntry>): Promise<void> {
  const handle = await open(file, 'w');
  try {
    const output = new Output(handle);
    const written: Written[] = [];
    for (const entry of entries) {
      written.push('bytes' in entry ? await writeSmall(output, entry) : await writeStreamed(output, entry));
    }
    const start = output.offset;
    for (const each of written) await output.write(headerOf(each, true));
    await output.write(endOf(written.length, start, output.offset - start));
    await output.flush();
  } finally {
    await handle.close();
  }
}

/** Appends to a file in pieces that are worth a write. */
class Output {
  offset = 0;
  readonly #handle: FileHandle;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Buffer): Promise<void> {
    this.offset += bytes.length;
    if (this.offset > MOST) throw new ZipTooLargeError();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= BUFFERED) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    let done = 0;
    while (done < bytes.length) {
      const at = this.offset - bytes.length + done;
      done += (await this.#handle.write(bytes, done, bytes.length - done, at)).bytesWritten;
    }
  }

  /** Writes over what was written before. */
  async patch(bytes: Buffer, offset: number): Promise<void> {
    await this.flush();
    await this.#handle.write(bytes, 0, bytes.length, offset);
  }
}

async function writeSmall(output: Output, entry: { path: string; bytes: Buffer }): Promise<Written> {
  const packed = deflateRawSync(entry.bytes);
  const written: Written = {
    path: entry.path,
    offset: output.offset,
    sum: crc32(entry.bytes),
    packed: packed.length,
    unpacked: entry.bytes.length,
  };
  await output.write(Buffer.concat([headerOf(written, false), packed]));
  return written;
}

async function writeStreamed(
  output: Output,
  entry: { path: string; chunks: Iterable<Buffer> },
): Promise<Written> {
  const written: Written = {
    path: entry.path,
    offset: output.offset,
    sum: 0,
    packed: 0,
    unpacked: 0,
  };
  await output.write(headerOf(written, false));
  const begin = output.offset;
  function* counted(): Generator<Buffer> {
    for (const chunk of entry.chunks) {
      written.sum = crc32(chunk, written.sum);
      written.unpacked += chunk.length;
      yield chunk;
    }
  }
  await pipeline(Readable.from(counted()), createDeflateRaw(), async (packed: AsyncIterable<Buffer>) => {
    for await (const chunk of packed) await output.write(chunk);
  });
  written.packed = output.offset - begin;
  if (written.unpacked > MOST) throw new ZipTooLargeError();
  // the sizes are known now: the header is written once more
  await output.patch(headerOf(written, false), written.offset);
  return written;
}

/** The header of an entry with its name: the local one before its bytes, or the central one at the end. */
function headerOf({ path, offset, sum, packed, unpacked }: Written, central: boolean): Buffer {
  const name = Buffer.from(path);
  const header = Buffer.alloc(central ? 46 : 30);
  let at = header.writeUInt32LE(central ? CENTRAL_HEADER : LOCAL_HEADER, 0);
  // made by: Unix, version 2.0
  if (central) at = header.writeUInt16LE((3 << 8) | 20, at);
  at = header.writeUInt16LE(20, at);
  at = header.writeUInt16LE(UTF_8_NAMES, at);
  at = header.writeUInt16LE(DEFLATED, at);
  at = header.writeUInt16LE(0, at);
  at = header.writeUInt16LE(DOS_DATE, at);
  at = header.writeUInt32LE(sum, at);
  at = header.writeUInt32LE(packed, at);
  at = header.writeUInt32LE(unpacked, at);
  at = header.writeUInt16LE(name.length, at);
  if (central) {
    // behind the lengths of extra field and comment, the disk and the internal attributes
    header.writeUInt32LE(REGULAR_FILE, at + 8);
    header.writeUInt32LE(offset, at + 12);
  }
  return Buffer.concat([header, name]);
}

/** The end of the directory; with more entries than two bytes can count, the 64-bit end before it. */
function endOf(entries: number, start: number, bytes: number): Buffer {
  const many = entries >= 0xffff;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(many ? 0xffff : entries, 8);
  end.writeUInt16LE(many ? 0xffff : entries, 10);
  end.writeUInt32LE(bytes, 12);
  end.writeUInt32LE(start, 16);
  if (!many) return end;
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(END_64, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeUInt16LE((3 << 8) | 45, 12);
  end64.writeUInt16LE(45, 14);
  end64.writeBigUInt64LE(BigInt(entries), 24);
  end64.writeBigUInt64LE(BigInt(entries), 32);
  end64.writeBigUInt64LE(BigInt(bytes), 40);
  end64.writeBigUInt64LE(BigInt(start), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(END_64_LOCATOR, 0);
  locator.writeBigUInt64LE(BigInt(start + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end64, locator, end]);
}
