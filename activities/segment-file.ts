import type { FailureCode, SkipCode } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { padded } from '../store/database.ts';
import type { Segment } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { ImportError } from './errors.ts';

/** One record of a segment file: a line of NDJSON with the source's values verbatim. */
export interface SegmentLine {
  /** 1 = first record after the header */
  row: number;
  /** index of the plan's part */
  file: number;
  /** external id; '' when there is none */
  id: string;
  /** absent for a row that could not be read */
  cells?: string[];
  /** decided while staging: the row is not imported */
  code?: FailureCode | SkipCode;
  message?: string;
  /** bytes of a row that could not be read, base64 */
  raw?: string;
  /** the article that this one translates is a translation itself */
  ofTranslation?: true;
}

/** A row of a reply that a later reply's row stands for (E3). */
export interface SupersededRow {
  row: number;
  file: number;
  id: string;
}

/** Most records and bytes of one segment. */
export const SEGMENT_RECORDS = 2_000;
export const SEGMENT_BYTES = 8_000_000;

/** Where a segment's files lie; `kind` is what the file holds. */
export function segmentKey(
  { request, phase, tab }: { request: string; phase: Phase; tab: Tab },
  number: number,
  kind: 'ndjson' | 'keys' | 'superseded' | 'chosen',
): string {
  return `segments/${request}/${phase}/${tab}/${padded(number)}.${kind}`;
}

/** Ends a line of a file of rows. */
export const LINE_END = 0x0a;

/**
 * A segment's records as they were read: a line becomes a text and an object only when it is asked for, so that a whole
 * segment is never on the heap.
 */
export class SegmentLines {
  readonly #bytes: Buffer;
  /** where each line begins, and where one behind the last would */
  readonly #starts: readonly number[];

  /** @param bytes lines of JSON, each with its line end */
  constructor(bytes: Buffer) {
    const starts = [0];
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(LINE_END, at);
      at = end === -1 ? bytes.length + 1 : end + 1;
      starts.push(at);
    }
    this.#bytes = bytes;
    this.#starts = starts;
  }

  get length(): number {
    return this.#starts.length - 1;
  }

  /** The line at a place, 0 = the first; undefined when there is none. */
  at(place: number): SegmentLine | undefined {
    const end = this.#starts[place + 1];
    if (end === undefined) return undefined;
    return JSON.parse(this.#bytes.toString('utf8', this.#starts[place], end - 1)) as SegmentLine;
  }

  /** The lines [from, to). */
  slice(from: number, to: number): SegmentLine[] {
    const lines: SegmentLine[] = [];
    for (let place = from; place < to; place++) {
      const line = this.at(place);
      if (line === undefined) break;
      lines.push(line);
    }
    return lines;
  }
}

/** Where a segment's records are. */
export type SegmentPlace = Pick<Segment, 'number' | 'records' | 'storageKey'>;

/**
 * Reads a segment's records.
 * @throws ImportError SEGMENT_DAMAGED when the file does not hold what the ledger says
 */
export async function readSegment(storage: Storage, segment: SegmentPlace): Promise<SegmentLines> {
  const lines = new SegmentLines(await storage.get(segment.storageKey));
  if (lines.length !== segment.records) {
    throw new ImportError(
      'SEGMENT_DAMAGED',
      `segment ${segment.number} holds ${lines.length} records instead of ${segment.records}`,
    );
  }
  return lines;
}
