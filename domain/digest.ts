// The one file of domain/ that reaches for a Node module: SHA-256 is a pure function, and workflows never import it.
import { hash } from 'node:crypto';
import type { Fields } from './canonical.ts';
import { CanonicalBytes } from './canonical-bytes.ts';
import { SortedNames } from './sorted-names.ts';

/** D2: the digest of one record: SHA-256 of its canonical form, 64 hexadecimal digits. */
export function recordDigest(fields: Fields): string {
  return formDigest((form) => form.value(fields));
}

/**
 * `recordDigest` of a record as stored and as given at once: most fields are the same in both, and are written once.
 */
export function recordDigests(stored: Fields, given: Fields): { stored: string; given: string } {
  let left = 0;
  for (const name in given) if (given[name] !== undefined) left++;
  scratch.clear();
  second.clear();
  scratch.openObject();
  second.openObject();
  for (const name of names.sorted(Object.keys(stored))) {
    const value = stored[name];
    if (value === undefined) continue;
    const from = scratch.length;
    scratch.name(name);
    scratch.value(value);
    const own = given[name];
    if (own === undefined) continue;
    left--;
    if (own === value) second.again(scratch, from, scratch.length);
    else {
      second.name(name);
      second.value(own);
    }
  }
  scratch.closeObject();
  second.closeObject();
  const written = taken(scratch);
  // a field that is only given stands somewhere between the others
  return { stored: written, given: left === 0 ? taken(second) : recordDigest(given) };
}

/** `recordDigest` of a record whose canonical form somebody else writes, as from what a server sent. */
export function formDigest(write: (form: CanonicalBytes) => void): string {
  scratch.clear();
  write(scratch);
  return taken(scratch);
}

/** The hash of a form, whose room is given back if it was large. */
function taken(form: CanonicalBytes): string {
  const digest = hash('sha256', form.form, 'hex');
  form.clear();
  return digest;
}

const scratch = new CanonicalBytes();
const second = new CanonicalBytes();
const names = new SortedNames();

/**
 * D2: the digest of a tab: the sum modulo 2^256 of SHA-256(id, record digest). It does not depend on the order in
 * which records are added, so that segments can be digested apart and merged.
 */
export class TabDigest {
  readonly #limbs = new Uint32Array(8);

  /** Adds one record by its external id and its record digest. */
  add(externalId: string, digest: string): void {
    this.#addBytes(hash('sha256', `${externalId.length}:${externalId}${digest}`, 'binary'));
  }

  /** Adds what another digest has summed up, given as its hexadecimal text. */
  merge(hex: string): void {
    if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('a tab digest is 64 hexadecimal digits');
    this.#addBytes(Buffer.from(hex, 'hex').toString('latin1'));
  }

  /** 64 hexadecimal digits. */
  toString(): string {
    let text = '';
    for (const limb of this.#limbs) text += limb.toString(16).padStart(8, '0');
    return text;
  }

  /** @param bytes a character a byte: a text costs less than a buffer where millions are made */
  #addBytes(bytes: string): void {
    let carry = 0;
    for (let i = 7; i >= 0; i--) {
      const at = i * 4;
      const limb =
        ((bytes.charCodeAt(at) << 24) |
          (bytes.charCodeAt(at + 1) << 16) |
          (bytes.charCodeAt(at + 2) << 8) |
          bytes.charCodeAt(at + 3)) >>>
        0;
      const sum = (this.#limbs[i] ?? 0) + limb + carry;
      this.#limbs[i] = sum >>> 0;
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
  }
}
