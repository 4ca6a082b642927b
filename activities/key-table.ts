import { hash } from 'node:crypto';

/** What is kept of a row under one of its keys. */
export interface KeyEntry {
  /** 64 bits of the hash of the row's content, as two halves */
  content: readonly [number, number];
  /** arrival of the upload that the row came with */
  arrival: number;
}

const WORDS = 7;
const KEY_WORDS = 4;

/**
 * Keys of rows already seen, in an open-addressing table of typed arrays: 28 bytes a slot, so that millions of rows fit.
 * A key is 128 bits of a hash, so that two keys are never taken for one. New keys are also logged, for the segment to
 * close with: a stager that starts anew fills the table from the logs.
 */
export class KeyTable {
  #slots = new Uint32Array(4096 * WORDS);
  #mask = 4095;
  #count = 0;
  #log: Buffer[] = [];

  /** The entry of a key, or undefined. */
  find(key: string): KeyEntry | undefined {
    const words = wordsOf(key);
    const at = this.#slotOf(words, 0);
    return this.#isEmpty(at) ? undefined : this.#entryAt(at);
  }

  /** Keeps a key's entry unless there is one; answers the one that was there, or undefined when this one is new. */
  keep(key: string, entry: KeyEntry): KeyEntry | undefined {
    const words = wordsOf(key);
    const at = this.#slotOf(words, 0);
    if (!this.#isEmpty(at)) return this.#entryAt(at);
    const slot = new Uint32Array(WORDS);
    slot.set(words);
    slot[KEY_WORDS] = entry.content[0];
    slot[KEY_WORDS + 1] = entry.content[1];
    slot[KEY_WORDS + 2] = entry.arrival;
    this.#put(slot, 0, at);
    this.#log.push(Buffer.from(slot.buffer));
    return undefined;
  }

  /** Forgets everything. */
  clear(): void {
    this.#slots = new Uint32Array(4096 * WORDS);
    this.#mask = 4095;
    this.#count = 0;
    this.#log = [];
  }

  /** What came in since the last call. */
  takeLog(): Buffer {
    const bytes = Buffer.concat(this.#log);
    this.#log = [];
    return bytes;
  }

  get hasLog(): boolean {
    return this.#log.length > 0;
  }

  /** Takes in a log. */
  load(log: Buffer): void {
    const words = new Uint32Array(log.length >> 2);
    for (let i = 0; i < words.length; i++) words[i] = log.readUInt32LE(i * 4);
    for (let from = 0; from + WORDS <= words.length; from += WORDS) {
      const at = this.#slotOf(words, from);
      if (this.#isEmpty(at)) this.#put(words, from, at);
    }
  }

  #put(words: Uint32Array, from: number, at: number): void {
    this.#slots.set(words.subarray(from, from + WORDS), at);
    this.#count++;
    if (this.#count * 4 > (this.#mask + 1) * 3) this.#grow();
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
    for (let place = (words[from] as number) & this.#mask; ; place = (place + 1) & this.#mask) {
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
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from] === 0 && old[from + 1] === 0 && old[from + 2] === 0 && old[from + 3] === 0) continue;
      this.#slots.set(old.subarray(from, from + WORDS), this.#slotOf(old, from));
    }
  }
}

function wordsOf(key: string): Uint32Array {
  const digest = hash('sha1', key, 'buffer');
  return Uint32Array.of(
    digest.readUInt32LE(0),
    digest.readUInt32LE(4),
    digest.readUInt32LE(8),
    digest.readUInt32LE(12),
  );
}

/** 64 bits of the hash of a row's content. */
export function contentHash(content: string): [number, number] {
  const digest = hash('sha1', content, 'buffer');
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}
