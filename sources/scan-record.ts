import { QUOTE_LIMIT, RECORD_LIMIT } from './rows.ts';

const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;

/** What a scan found: a record, an empty line, a malformed record, the end of the part, or too few units to tell. */
export type Scan = 'record' | 'blank' | 'malformed' | 'end' | 'more';

/**
 * Finds one record of formats.md's grammar in a window of code units. After a scan `next` is the unit behind the record and
 * its line end, and the first `count` elements of the arrays say where its cells are.
 */
export class RecordScanner {
  cellStart = new Uint32Array(64);
  cellEnd = new Uint32Array(64);
  /** 1 where a cell holds doubled quotes */
  cellEscaped = new Uint8Array(64);
  count = 0;
  next = 0;
  /** end of the record without its line end */
  bodyEnd = 0;
  /** whether a unit above 7F is in it */
  beyondAscii = false;
  /** why the record is malformed */
  reason = '';
  readonly #delimiter: number;
  readonly #unitBytes: number;

  constructor(delimiter: string, unitBytes: 1 | 2) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.#unitBytes = unitBytes;
  }

  /**
   * @param units the window
   * @param start first unit of the record
   * @param end end of the window
   * @param atEnd whether the part ends with the window
   * @param columns how many cells the record must have; 0 = any number (the header)
   */
  scan(units: Uint8Array | Uint16Array, start: number, end: number, atEnd: boolean, columns: number): Scan {
    const delimiter = this.#delimiter;
    const quoteLimit = QUOTE_LIMIT / this.#unitBytes;
    let count = 0;
    let seen = 0;
    let i = start;
    if (i >= end) return atEnd ? 'end' : 'more';
    const first = units[i] as number;
    if (first === LF || first === CR) return this.#lineEnd(units, i, end, atEnd) ? 'blank' : 'more';

    for (;;) {
      if (count === this.cellStart.length) this.#grow();
      if (columns !== 0 && count === columns) return this.#malformed(`more than ${columns} fields`);
      let c = 0;
      if (i < end && units[i] === QUOTE) {
        const open = i++;
        let escaped = 0;
        for (;;) {
          while (i < end && (c = units[i] as number) !== QUOTE) {
            seen |= c;
            i++;
          }
          if (i - open - 1 > quoteLimit) return this.#malformed('a quote is not closed within 16 MB');
          if (i >= end) return atEnd ? this.#malformed('a quote is never closed') : this.#more(start, end);
          if (i + 1 >= end && !atEnd) return this.#more(start, end);
          if (i + 1 < end && units[i + 1] === QUOTE) {
            escaped = 1;
            i += 2;
          } else break;
        }
        this.cellStart[count] = open + 1;
        this.cellEnd[count] = i;
        this.cellEscaped[count++] = escaped;
        i++;
        if (i < end) {
          c = units[i] as number;
          if (c !== delimiter && c !== LF && c !== CR) return this.#malformed('text after a closing quote');
        }
      } else {
        const from = i;
        while (i < end && (c = units[i] as number) !== delimiter && c !== LF && c !== CR) {
          if (c === QUOTE) return this.#malformed('a quote inside a field that is not quoted');
          seen |= c;
          i++;
        }
        if (i >= end && !atEnd) return this.#more(start, end);
        this.cellStart[count] = from;
        this.cellEnd[count] = i;
        this.cellEscaped[count++] = 0;
      }
      if (i < end && c === delimiter) {
        i++;
        if (i >= end && !atEnd) return this.#more(start, end);
        continue;
      }
      if ((i - start) * this.#unitBytes > RECORD_LIMIT) return this.#malformed('a record of more than 32 MB');
      if (columns !== 0 && count !== columns) return this.#malformed(`${count} fields instead of ${columns}`);
      this.bodyEnd = i;
      if (i >= end) this.next = i;
      else if (!this.#lineEnd(units, i, end, atEnd)) return 'more';
      this.count = count;
      this.beyondAscii = seen > 0x7f;
      return 'record';
    }
  }

  /**
   * Finds the end of the physical line that goes on at `from`: true with `bodyEnd` before the line end and `next` behind it,
   * false when the window ends first.
   */
  scanLine(units: Uint8Array | Uint16Array, from: number, end: number, atEnd: boolean): boolean {
    let i = from;
    while (i < end && units[i] !== LF && units[i] !== CR) i++;
    this.bodyEnd = i;
    if (i >= end) {
      this.next = i;
      return atEnd;
    }
    return this.#lineEnd(units, i, end, atEnd);
  }

  #lineEnd(units: Uint8Array | Uint16Array, at: number, end: number, atEnd: boolean): boolean {
    if (units[at] === CR) {
      if (at + 1 >= end && !atEnd) return false;
      if (at + 1 < end && units[at + 1] === LF) {
        this.next = at + 2;
        return true;
      }
    }
    this.next = at + 1;
    return true;
  }

  #more(start: number, end: number): Scan {
    return (end - start) * this.#unitBytes > RECORD_LIMIT + 2 * this.#unitBytes
      ? this.#malformed('a record of more than 32 MB')
      : 'more';
  }

  #malformed(reason: string): Scan {
    this.reason = reason;
    return 'malformed';
  }

  #grow(): void {
    const longer = <T extends Uint8Array | Uint32Array>(old: T, grown: T): T => {
      grown.set(old);
      return grown;
    };
    this.cellStart = longer(this.cellStart, new Uint32Array(this.cellStart.length * 2));
    this.cellEnd = longer(this.cellEnd, new Uint32Array(this.cellEnd.length * 2));
    this.cellEscaped = longer(this.cellEscaped, new Uint8Array(this.cellEscaped.length * 2));
  }
}
