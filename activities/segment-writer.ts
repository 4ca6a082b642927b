import type { StagerPosition, TabKey } from '../store/segments.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Storage } from '../store/storage.ts';
import type { KeyTable } from './key-table.ts';
import {
  LINE_END,
  SEGMENT_BYTES,
  SEGMENT_RECORDS,
  type SegmentLine,
  segmentKey,
  type SupersededRow,
} from './segment-file.ts';

interface Deps {
  stores: Pick<ImportStores, 'segments'>;
  storage: Storage;
}

/**
 * Gathers staged rows and closes them as segments: first the files, whole or not at all, then the ledger document. Where a
 * segment ends depends on its rows alone, so that a stager that starts anew makes the same segments.
 */
export class SegmentWriter {
  readonly #deps: Deps;
  readonly #key: TabKey;
  readonly #table: KeyTable;
  #number: number;
  /** the lines of the segment under way; the same buffer for every segment */
  #body = Buffer.allocUnsafeSlow(1 << 16);
  #records = 0;
  #bytes = 0;
  #superseded: SupersededRow[] = [];
  #replaced = 0;
  #carried = 0;

  constructor(deps: Deps, key: TabKey, table: KeyTable, last: number) {
    this.#deps = deps;
    this.#key = key;
    this.#table = table;
    this.#number = last;
  }

  /** number of the last closed segment */
  get number(): number {
    return this.#number;
  }

  /** Whether a line still fits into the segment under way. */
  fits(line: string): boolean {
    return (
      this.#records === 0 ||
      (this.#records < SEGMENT_RECORDS && this.#bytes + Buffer.byteLength(line) < SEGMENT_BYTES)
    );
  }

  add(line: string): void {
    // a UTF-16 unit takes at most three bytes
    this.#reserve(line.length * 3 + 1);
    this.#bytes += this.#body.write(line, this.#bytes);
    this.#body[this.#bytes++] = LINE_END;
    this.#records++;
  }

  supersede(row: SupersededRow): void {
    this.#superseded.push(row);
  }

  replace(): void {
    this.#replaced++;
  }

  carry(): void {
    this.#carried++;
  }

  /** Whether something came since the last segment that must not be lost. */
  get isPending(): boolean {
    return this.#records > 0 || this.#superseded.length > 0 || this.#replaced > 0 || this.#table.hasLog;
  }

  /** @param after where a stager that starts anew goes on */
  async close(rank: 0 | 1, after: StagerPosition): Promise<void> {
    const { storage, stores } = this.#deps;
    const number = this.#number + 1;
    const keys = this.#table.takeLog();
    if (keys.length > 0) await storage.put(segmentKey(this.#key, number, 'keys'), keys);
    if (this.#superseded.length > 0) {
      const body = Buffer.from(this.#superseded.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await storage.put(segmentKey(this.#key, number, 'superseded'), body);
    }
    const storageKey = segmentKey(this.#key, number, 'ndjson');
    const { bytes, sha256 } = await storage.put(storageKey, this.#body.subarray(0, this.#bytes));
    await stores.segments.close(this.#key, {
      number,
      rank,
      records: this.#records,
      bytes,
      sha256,
      storageKey,
      after,
      superseded: this.#superseded.length,
      replaced: this.#replaced,
      carried: this.#carried,
    });
    this.#number = number;
    this.#records = 0;
    this.#bytes = 0;
    if (this.#body.length > LARGEST_KEPT) this.#body = Buffer.allocUnsafeSlow(1 << 16);
    this.#superseded = [];
    this.#replaced = 0;
    this.#carried = 0;
  }

  #reserve(more: number): void {
    if (this.#bytes + more <= this.#body.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#body.length * 2, this.#bytes + more));
    grown.set(this.#body.subarray(0, this.#bytes));
    this.#body = grown;
  }
}

/** The room of a rare large record is given back. */
const LARGEST_KEPT = 4 * SEGMENT_BYTES;

/** A segment line as text: what is absent is left out. */
export function lineText(line: SegmentLine): string {
  return JSON.stringify(line);
}
