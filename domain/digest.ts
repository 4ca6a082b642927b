// The one file of domain/ that reaches for a Node module: SHA-256 is a pure function, and workflows never import it.
import { hash } from 'node:crypto';
import { type Fields, canonical } from './canonical.ts';

/** D2: the digest of one record: SHA-256 of its canonical form, 64 hexadecimal digits. */
export function recordDigest(fields: Fields): string {
  return hash('sha256', canonical(fields), 'hex');
}

/**
 * D2: the digest of a tab: the sum modulo 2^256 of SHA-256(id, record digest). It does not depend on the order in
 * which records are added, so that segments can be digested apart and merged.
 */
export class TabDigest {
  readonly #limbs = new Uint32Array(8);

  /** Adds one record by its external id and its record digest. */
  add(externalId: string, digest: string): void {
    this.#addBytes(hash('sha256', `${externalId.length}:${externalId}${digest}`, 'buffer'));
  }

  /** Adds what another digest has summed up, given as its hexadecimal text. */
  merge(hex: string): void {
    if (!/^[0-9a-f]{64}$/.test(hex)) throw new RangeError('a tab digest is 64 hexadecimal digits');
    this.#addBytes(Buffer.from(hex, 'hex'));
  }

  /** 64 hexadecimal digits. */
  toString(): string {
    let text = '';
    for (const limb of this.#limbs) text += limb.toString(16).padStart(8, '0');
    return text;
  }

  #addBytes(bytes: Buffer): void {
    let carry = 0;
    for (let i = 7; i >= 0; i--) {
      const sum = (this.#limbs[i] ?? 0) + bytes.readUInt32BE(i * 4) + carry;
      this.#limbs[i] = sum >>> 0;
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
  }
}
