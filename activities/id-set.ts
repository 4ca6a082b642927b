import type { Storage } from '../store/storage.ts';
import { hashOf, wordOf } from './hash-words.ts';

/** 64 bits of an id's hash. */
function idHash(externalId: string): bigint {
  const hashed = hashOf(externalId);
  return (BigInt(wordOf(hashed, 1)) << 32n) | BigInt(wordOf(hashed, 0));
}

/** A set of external ids as sorted 64-bit hashes: 8 bytes an id, whatever its length. */
export class IdSet {
  readonly #hashes: BigUint64Array;

  constructor(sorted: BigUint64Array) {
    this.#hashes = sorted;
  }

  get size(): number {
    return this.#hashes.length;
  }

  has(externalId: string): boolean {
    const wanted = idHash(externalId);
    const hashes = this.#hashes;
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((hashes[middle] as bigint) < wanted) low = middle + 1;
      else high = middle;
    }
    return hashes[low] === wanted;
  }

  /** The hashes as stored, little-endian, smallest first. */
  toBytes(): Buffer {
    return Buffer.from(this.#hashes.buffer, this.#hashes.byteOffset, this.#hashes.byteLength);
  }
}

/** Gathers ids into a set. */
export class IdSetBuilder {
  #hashes = new BigUint64Array(1024);
  #count = 0;

  add(externalId: string): void {
    this.#reserve(1);
    this.#hashes[this.#count++] = idHash(externalId);
  }

  /** Adds the ids of a set, as `toBytes` gave it. */
  addBytes(bytes: Uint8Array): void {
    const more = bytes.length >> 3;
    this.#reserve(more);
    new Uint8Array(this.#hashes.buffer).set(bytes, this.#count * 8);
    this.#count += more;
  }

  build(): IdSet {
    // where they are: of a large tab a copy is as much again
    // oxlint-disable-next-line unicorn/no-array-sort
    const sorted = this.#hashes.subarray(0, this.#count).sort();
    let kept = 0;
    for (let i = 0; i < sorted.length; i++) {
      const value = sorted[i] as bigint;
      if (kept === 0 || sorted[kept - 1] !== value) sorted[kept++] = value;
    }
    this.#count = kept;
    return new IdSet(sorted.subarray(0, kept));
  }

  #reserve(more: number): void {
    if (this.#count + more <= this.#hashes.length) return;
    const grown = new BigUint64Array(Math.max(this.#hashes.length * 2, this.#count + more));
    grown.set(this.#hashes.subarray(0, this.#count));
    this.#hashes = grown;
  }
}

/** A stored set, as `toBytes` gave it, or null when there is none. */
export async function readIdSet(storage: Storage, key: string): Promise<IdSet | null> {
  if (!(await storage.exists(key))) return null;
  const bytes = await storage.get(key);
  // numbers of eight bytes stand at multiples of eight; a buffer need not
  return new IdSet(new BigUint64Array(new Uint8Array(bytes).buffer));
}
