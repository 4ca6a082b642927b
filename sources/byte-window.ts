import type { Encoding, OpenBytes } from './rows.ts';

const FIRST_CAPACITY = 1 << 16;

/**
 * A sliding window over a part's bytes, seen as code units: bytes, or for UTF-16 little-endian pairs of them.
 * `start` and `end` are indexes into `units`; `offset(i)` is the part's byte offset of unit i.
 */
export class ByteWindow {
  readonly unitBytes: 1 | 2;
  bytes: Buffer;
  units: Uint8Array | Uint16Array;
  start = 0;
  end = 0;
  /** no more bytes will come */
  atEnd = false;
  readonly #bigEndian: boolean;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #byteEnd = 0;
  #base: number;
  /** a UTF-16 part that ends within a unit: its last unit was completed so that it cannot decode */
  #padded = false;

  private constructor(chunks: AsyncIterator<Uint8Array>, encoding: Encoding, from: number) {
    this.#chunks = chunks;
    this.#base = from;
    this.unitBytes = encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1;
    this.#bigEndian = encoding === 'utf-16be';
    this.bytes = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
    this.units = this.#view();
  }

  /** Opens a part at a byte offset. */
  static async open(open: OpenBytes, encoding: Encoding, from: number): Promise<ByteWindow> {
    const chunks = (await open(from))[Symbol.asyncIterator]();
    return new ByteWindow(chunks, encoding, from);
  }

  offset(unit: number): number {
    return this.#base + Math.min(unit * this.unitBytes, this.#byteEnd - (this.#padded ? 1 : 0));
  }

  /** A copy of the units [from, to) as they stand in the part. */
  raw(from: number, to: number): Uint8Array {
    const copy = Buffer.from(this.bytes.subarray(from * this.unitBytes, to * this.unitBytes));
    if (this.#bigEndian) copy.swap16();
    if (!this.#padded || to < this.end) return new Uint8Array(copy);
    // without the byte that completed the last unit: behind in little-endian, before its twin in big-endian
    if (this.#bigEndian) copy[copy.length - 2] = copy[copy.length - 1] as number;
    return new Uint8Array(copy.subarray(0, copy.length - 1));
  }

  /** Skips a byte order mark; to be called before anything else at the start of a part. */
  async skipByteOrderMark(): Promise<void> {
    while (this.end < 3 && !this.atEnd) await this.fill(1);
    const u = this.units;
    if (this.unitBytes === 2) {
      if (this.end >= 1 && u[0] === 0xfeff) this.start = 1;
    } else if (this.end >= 3 && u[0] === 0xef && u[1] === 0xbb && u[2] === 0xbf) {
      this.start = 3;
    }
  }

  /** Takes in more, until the window holds `wanted` units more than before or the part ends. Moves `start`. */
  async fill(wanted: number): Promise<void> {
    this.#compact();
    const target = this.end + wanted;
    while (this.end < target && !this.atEnd) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#finish();
      else this.#append(next.value);
    }
  }

  /** Lets the source go when reading stops early. */
  async close(): Promise<void> {
    if (!this.atEnd) await this.#chunks.return?.();
  }

  #compact(): void {
    const from = this.start * this.unitBytes;
    if (from === 0) return;
    this.bytes.copyWithin(0, from, this.#byteEnd);
    this.#byteEnd -= from;
    this.#base += from;
    this.end -= this.start;
    this.start = 0;
  }

  #append(chunk: Uint8Array): void {
    this.#reserve(chunk.length);
    this.bytes.set(chunk, this.#byteEnd);
    this.#byteEnd += chunk.length;
    this.#swapFrom();
  }

  #finish(): void {
    this.atEnd = true;
    if (this.unitBytes === 1 || this.#byteEnd % 2 === 0) return;
    this.#reserve(1);
    const last = this.bytes[this.#byteEnd - 1] as number;
    // a high surrogate at the very end is always lone
    this.bytes[this.#byteEnd] = 0xd8;
    if (this.#bigEndian) this.bytes.set([0xd8, last], this.#byteEnd - 1);
    this.#byteEnd += 1;
    this.#padded = true;
    this.#swapFrom();
  }

  #swapFrom(): void {
    const end = this.unitBytes === 1 ? this.#byteEnd : this.#byteEnd >> 1;
    if (this.#bigEndian) this.bytes.subarray(this.end * 2, end * 2).swap16();
    this.end = end;
  }

  #reserve(more: number): void {
    const needed = this.#byteEnd + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed + (needed % 2), this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.#byteEnd));
    this.bytes = grown;
    this.units = this.#view();
  }

  #view(): Uint8Array | Uint16Array {
    if (this.unitBytes === 1) return this.bytes;
    return new Uint16Array(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length >> 1);
  }
}
