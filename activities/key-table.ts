import { hashOf, wordOf } from './hash-words.ts';

/** What is kept of a row under one of its keys. */
export interface KeyEntry {
  /** 64 bits of the hash of the row's content, as two halves */
  content: readonly [number, number];
  /** arrival of the upload that the row came with */
  arrival: number;
}

const WORDS = 7;
const KEY_WORDS = 4;
/** A power of two; parts grow one after the other, so that there is never a second table. */
const PARTS = 64;
const FIRST_SLOTS = 64;
/** Of a part's slots at most so many are taken; then it grows. */
const FULLEST = 0.8;
const GROWTH = 1.4;

/**
 * Keys of rows already seen, in open-addressing tables of typed arrays: 28 bytes a slot, so that millions of rows fit.
 * A key is 128 bits of a hash, so that two keys are never taken for one. New keys are also logged, for the segment to
 * close with: a stager that starts anew fills the table from the logs.
 */
export class KeyTable {
  readonly #parts: readonly Part[] = Array.from({ length: PARTS }, () => new Part());
  readonly #key = new Uint32Array(WORDS);
  #log = new Uint32Array(1024 * WORDS);
  #logged = 0;

  /** The entry of a key, or undefined. */
  find(key: string): KeyEntry | undefined {
    this.#read(key);
    return partOf(this.#parts, this.#key, 0).find(this.#key, 0);
  }

  /** Keeps a key's entry unless there is one; answers the one that was there, or undefined when this one is new. */
  keep(key: string, entry: KeyEntry): KeyEntry | undefined {
    this.#read(key);
    const row = this.#key;
    row[KEY_WORDS] = entry.content[0];
    row[KEY_WORDS + 1] = entry.content[1];
    row[KEY_WORDS + 2] = entry.arrival;
    const known = partOf(this.#parts, row, 0).keep(row, 0);
    if (known !== undefined) return known;
    if (this.#logged === this.#log.length) this.#log = grown(this.#log, this.#log.length * 2);
    this.#log.set(row, this.#logged);
    this.#logged += WORDS;
    return undefined;
  }

  /** What came in since the last call: words of 32 bits, little-endian. */
  takeLog(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#logged * 4);
    for (let i = 0; i < this.#logged; i++) bytes.writeUInt32LE(this.#log[i] as number, i * 4);
    this.#logged = 0;
    return bytes;
  }

  get hasLog(): boolean {
    return this.#logged > 0;
  }

  /** Takes in a log. */
  load(log: Buffer): void {
    const words = new Uint32Array(log.length >> 2);
    for (let i = 0; i < words.length; i++) words[i] = log.readUInt32LE(i * 4);
    for (let from = 0; from + WORDS <= words.length; from += WORDS) {
      partOf(this.#parts, words, from).keep(words, from);
    }
  }

  #read(key: string): void {
    const hashed = hashOf(key);
    for (let place = 0; place < KEY_WORDS; place++) this.#key[place] = wordOf(hashed, place);
  }
}

function partOf(parts: readonly Part[], words: Uint32Array, from: number): Part {
  return parts[(words[from] as number) & (PARTS - 1)] as Part;
}

/** One open-addressing table. */
class Part {
  #slots = new Uint32Array(FIRST_SLOTS * WORDS);
  #count = 0;

  find(words: Uint32Array, from: number): KeyEntry | undefined {
    const at = this.#slotOf(words, from);
    return this.#isEmpty(at) ? undefined : this.#entryAt(at);
  }

  keep(words: Uint32Array, from: number): KeyEntry | undefined {
    const at = this.#slotOf(words, from);
    if (!this.#isEmpty(at)) return this.#entryAt(at);
    this.#put(words, from, at);
    this.#count++;
    if (this.#count * WORDS > this.#slots.length * FULLEST) this.#grow();
    return undefined;
  }

  #put(words: Uint32Array, from: number, at: number): void {
    for (let word = 0; word < WORDS; word++) this.#slots[at + word] = words[from + word] as number;
  }

  #isEmpty(at: number): boolean {
    const slots = this.#slots;
    return slots[at] === 0 && slots[at + 1] === 0 && slots[at + 2] === 0 && slots[at + 3] === 0;
  }

  #entryAt(at: number): KeyEntry {
    const slots = this.#slots;
    return {
      content: [slots[at + KEY_WORDS] as number, slots[at + KEY_WORDS + 1] as number],
      arrival: slots[at + KEY_WORDS + 2] as number,
    };
  }

  /** Where a key is, or the empty slot where it belongs. */
  #slotOf(words: Uint32Array, from: number): number {
    const slots = this.#slots;
    const count = slots.length / WORDS;
    // the first word has chosen the part
    let place = Math.floor(((words[from + 1] as number) / 2 ** 32) * count);
    for (;;) {
      const at = place * WORDS;
      if (this.#isEmpty(at)) return at;
      if (
        slots[at] === words[from] &&
        slots[at + 1] === words[from + 1] &&
        slots[at + 2] === words[from + 2] &&
        slots[at + 3] === words[from + 3]
      ) {
        return at;
      }
      if (++place === count) place = 0;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(Math.ceil((old.length / WORDS) * GROWTH) * WORDS);
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from] === 0 && old[from + 1] === 0 && old[from + 2] === 0 && old[from + 3] === 0) continue;
      this.#put(old, from, this.#slotOf(old, from));
    }
  }
}

function grown(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(length);
  longer.set(words);
  return longer;
}

/** 64 bits of the hash of a row's content. */
export function contentHash(content: string): [number, number] {
  const hashed = hashOf(content);
  return [wordOf(hashed, 0), wordOf(hashed, 1)];
}
