import {
  type BatchSize,
  DEFAULT_BATCH_BYTES,
  DEFAULT_BATCH_ROWS,
  type ReadRow,
  type RowBatch,
} from './rows.ts';

/** Gathers rows into batches of the wanted size. */
export class RowBatcher {
  readonly #entry: string | null;
  readonly #rows: number;
  readonly #bytes: number;
  #begin: number;
  #batch: RowBatch;

  /** @param begin offset of the first row */
  constructor(entry: string | null, { batchRows, batchBytes }: BatchSize, begin: number) {
    this.#entry = entry;
    this.#rows = batchRows ?? DEFAULT_BATCH_ROWS;
    this.#bytes = batchBytes ?? DEFAULT_BATCH_BYTES;
    this.#begin = begin;
    this.#batch = this.#empty();
  }

  /** Takes a row that ends at an offset; gives the batch when it is full. */
  take(row: ReadRow, end: number): RowBatch | null {
    this.#batch.rows.push(row);
    this.#batch.ends.push(end);
    return this.#batch.rows.length >= this.#rows || end - this.#begin >= this.#bytes ? this.rest() : null;
  }

  /** The last, unfull batch; null when there is none. */
  rest(): RowBatch | null {
    const batch = this.#batch;
    const last = batch.rows.at(-1);
    if (last === undefined) return null;
    const end = batch.ends.at(-1) as number;
    batch.after = { entry: this.#entry, decodedBytes: end, row: last.row };
    this.#begin = end;
    this.#batch = this.#empty();
    return batch;
  }

  #empty(): RowBatch {
    return { rows: [], ends: [], after: { entry: this.#entry, decodedBytes: this.#begin, row: 0 } };
  }
}
