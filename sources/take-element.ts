import type { ByteWindow } from './byte-window.ts';
import type { Element } from './read-elements.ts';
import { ELEMENT_LIMIT } from './rows.ts';

const REFILL_BYTES = 256 * 1024;

export const isBlank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/** Finds where an element ends, piece by piece: each call goes on where the last one stopped. */
export interface Boundary {
  /** the index that ends it, or -1 when it does not end among units [from, end) */
  find(units: Uint8Array, from: number, end: number): number;
}

/** Moves to the next byte that is not blank; false at the end of the part. */
export async function skipBlanks(window: ByteWindow): Promise<boolean> {
  for (;;) {
    while (window.start < window.end && isBlank(window.units[window.start] as number)) window.start++;
    if (window.start < window.end) return true;
    if (window.atEnd) return false;
    await window.fill(REFILL_BYTES);
  }
}

/**
 * The bytes up to a boundary, at most ELEMENT_LIMIT of them; the window moves to the boundary, or to the end of the part when
 * there is none (`found` false).
 */
export async function takeUntil(
  window: ByteWindow,
  boundary: Boundary,
): Promise<Element & { found: boolean }> {
  let head: Buffer | null = null;
  let looked = 0;
  for (;;) {
    const boundaryAt = boundary.find(window.bytes, window.start + looked, window.end);
    const found = boundaryAt !== -1;
    const at = found ? boundaryAt : window.end;
    if (head === null && at - window.start > ELEMENT_LIMIT) {
      head = Buffer.from(window.bytes.subarray(window.start, window.start + ELEMENT_LIMIT));
    }
    if (found || window.atEnd) {
      const bytes = head ?? window.bytes.subarray(window.start, at);
      window.start = at;
      return {
        bytes,
        end: window.offset(at),
        fault: head === null ? null : 'it is longer than 16 MB',
        found,
      };
    }
    if (head !== null) window.start = at;
    looked = at - window.start;
    await window.fill(REFILL_BYTES);
  }
}
