import { isAscii, isUtf8 } from 'node:buffer';
import { type Encoding, type OpenBytes, QUOTE_LIMIT, RECORD_LIMIT, type RowCount } from './rows.ts';

/*
 * The other road to the number of records (D1): a byte automaton over formats.md's grammar. It shares nothing with
 * read-csv.ts, so that a fault of one is seen by the other. A line end is one CR or LF: the LF of a CRLF is an
 * empty line, and those are no records.
 */

const OTHER = 0;
const QUOTE = 1;
const DELIMITER = 2;
const CR = 3;
const LF = 4;
const CLASSES = 5;

// where the automaton is
const AT_RECORD = 0;
const AT_FIELD = 1;
const IN_BARE = 2;
const IN_QUOTES = 3;
const AFTER_QUOTE = 4;
const IN_BAD_LINE = 5;
// what a symbol leads to that is no state
const ENDS_RECORD = 6;
const BREAKS_RECORD = 7;
const ENDS_LINE = 8;

// biome-ignore format: a table, a row per state: OTHER, QUOTE, DELIMITER, CR, LF
const LEADS_TO = Uint8Array.from([
  IN_BARE,       IN_QUOTES,     AT_FIELD,    ENDS_LINE,   ENDS_LINE,
  IN_BARE,       IN_QUOTES,     AT_FIELD,    ENDS_RECORD, ENDS_RECORD,
  IN_BARE,       BREAKS_RECORD, AT_FIELD,    ENDS_RECORD, ENDS_RECORD,
  IN_QUOTES,     AFTER_QUOTE,   IN_QUOTES,   IN_QUOTES,   IN_QUOTES,
  BREAKS_RECORD, IN_QUOTES,     AT_FIELD,    ENDS_RECORD, ENDS_RECORD,
  IN_BAD_LINE,   IN_BAD_LINE,   IN_BAD_LINE, ENDS_LINE,   ENDS_LINE,
]);

export interface CountCsvOptions {
  encoding: Encoding;
  delimiter: string;
  /** how many fields the header has */
  columns: number;
}

/**
 * Counts the records of a CSV part, header apart, and those of them that cannot be read.
 * @throws what the source throws
 */
export async function countCsv(open: OpenBytes, options: CountCsvOptions): Promise<RowCount> {
  const automaton = new CsvAutomaton(options);
  for await (const chunk of await open(0)) automaton.take(chunk);
  return automaton.finish();
}

class CsvAutomaton {
  readonly #columns: number;
  readonly #decodes: (record: Buffer) => boolean;
  readonly #classOf = new Uint8Array(256);
  /** bytes per symbol, and which of them is the low one */
  readonly #stride: 1 | 2;
  readonly #low: 0 | 1;
  readonly #count: RowCount = { records: 0, malformed: 0, badEncoding: 0 };
  /** the bytes from the record at hand on */
  #held = Buffer.allocUnsafeSlow(1 << 16);
  #heldEnd = 0;
  #at = 0;
  #state = AT_RECORD;
  #markPassed = false;
  #headerPassed = false;
  /** UTF-16 that ends within a unit */
  #cutShort = false;
  #begin = 0;
  #fields = 1;
  #quoteBegin = 0;

  constructor({ encoding, delimiter, columns }: CountCsvOptions) {
    this.#columns = columns;
    this.#stride = encoding.startsWith('utf-16') ? 2 : 1;
    this.#low = encoding === 'utf-16be' ? 1 : 0;
    this.#decodes = validity(encoding);
    this.#classOf[0x22] = QUOTE;
    this.#classOf[delimiter.charCodeAt(0)] = DELIMITER;
    this.#classOf[0x0d] = CR;
    this.#classOf[0x0a] = LF;
  }

  take(chunk: Uint8Array): void {
    this.#hold(chunk);
    if (!this.#markPassed && this.#heldEnd < 3) return;
    this.#follow(false);
  }

  finish(): RowCount {
    if (this.#stride === 2 && this.#heldEnd % 2 === 1) {
      this.#hold(Uint8Array.of(0xd8));
      this.#cutShort = true;
    }
    this.#follow(true);
    return this.#count;
  }

  #hold(chunk: Uint8Array): void {
    const from = this.#state === IN_BAD_LINE ? this.#at : this.#begin;
    if (from > 0) {
      this.#held.copyWithin(0, from, this.#heldEnd);
      this.#heldEnd -= from;
      this.#at -= from;
      this.#begin = 0;
      this.#quoteBegin -= from;
    }
    if (this.#heldEnd + chunk.length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#heldEnd + chunk.length, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, this.#heldEnd);
      this.#held = grown;
    }
    this.#held.set(chunk, this.#heldEnd);
    this.#heldEnd += chunk.length;
  }

  #follow(atEnd: boolean): void {
    if (!this.#markPassed) this.#passMark();
    do this.#run();
    while (this.#giveUp(atEnd));
  }

  #passMark(): void {
    this.#markPassed = true;
    const head = this.#held.toString('latin1', 0, Math.min(this.#heldEnd, 3));
    const mark = this.#stride === 1 ? '\xef\xbb\xbf' : this.#low === 0 ? '\xff\xfe' : '\xfe\xff';
    if (head.startsWith(mark)) this.#start(mark.length);
  }

  #run(): void {
    const held = this.#held;
    const classOf = this.#classOf;
    const stride = this.#stride;
    const low = this.#low;
    const last = this.#heldEnd - stride;
    while (this.#at <= last) {
      const state = this.#state;
      const row = state * CLASSES;
      let at = this.#at;
      let kind = OTHER;
      if (state === IN_QUOTES && stride === 1) at = this.#nextQuote(at);
      for (; at <= last; at += stride) {
        kind =
          stride === 1 || held[at + 1 - low] === 0 ? (classOf[held[at + low] as number] as number) : OTHER;
        if (kind !== OTHER || LEADS_TO[row] !== state) break;
      }
      this.#at = at;
      if (at > last) return;
      const next = LEADS_TO[row + kind] as number;
      const behind = at + stride;
      if (next === ENDS_RECORD) this.#end(behind);
      else if (next === BREAKS_RECORD) this.#break(behind);
      else if (next === ENDS_LINE) this.#start(behind);
      else if (next === AFTER_QUOTE && at - this.#quoteBegin > QUOTE_LIMIT) this.#break(behind);
      else {
        if (next === AT_FIELD) this.#fields++;
        else if (next === IN_QUOTES && kind === QUOTE && state !== AFTER_QUOTE) this.#quoteBegin = behind;
        this.#state = next;
        this.#at = behind;
      }
    }
  }

  /** Where the next quote stands, or the end of what is held. */
  #nextQuote(from: number): number {
    const place = this.#held.subarray(from, this.#heldEnd).indexOf(0x22);
    return place === -1 ? this.#heldEnd : from + place;
  }

  /** Ends or breaks a record that what is held cannot end; true when there is more to run over. */
  #giveUp(atEnd: boolean): boolean {
    if (this.#state === AT_RECORD || this.#state === IN_BAD_LINE) return false;
    const unclosed = this.#state === IN_QUOTES && (atEnd || this.#at - this.#quoteBegin > QUOTE_LIMIT);
    if (unclosed || this.#at - this.#begin > RECORD_LIMIT) this.#break(this.#at);
    else if (atEnd) this.#end(this.#at);
    else return false;
    return true;
  }

  #start(at: number): void {
    this.#at = at;
    this.#state = AT_RECORD;
    this.#begin = at;
    this.#fields = 1;
  }

  /** The record at hand ends at `#at`, its line end before `behind`. */
  #end(behind: number): void {
    const wellFormed = this.#columns === 0 || this.#fields === this.#columns;
    if (this.#at - this.#begin > RECORD_LIMIT || (this.#headerPassed && !wellFormed)) {
      this.#tally('malformed');
      this.#start(this.#secondLine() ?? behind);
      return;
    }
    const cut = this.#cutShort && behind === this.#heldEnd;
    const readable = this.#headerPassed && !cut && this.#decodes(this.#held.subarray(this.#begin, this.#at));
    this.#tally(readable ? null : 'badEncoding');
    this.#start(behind);
  }

  /** The record at hand is malformed: it is its first line, and the next line starts anew. */
  #break(behind: number): void {
    this.#tally('malformed');
    const secondLine = this.#secondLine();
    if (secondLine === null) {
      this.#state = IN_BAD_LINE;
      this.#at = behind;
    } else this.#start(secondLine);
  }

  /** Where the second line of the record at hand begins, behind a line end within quotes; null when it has but one. */
  #secondLine(): number | null {
    for (let at = this.#begin; at < this.#at; at += this.#stride) {
      if (this.#stride === 2 && this.#held[at + 1 - this.#low] !== 0) continue;
      const kind = this.#classOf[this.#held[at + this.#low] as number];
      if (kind === CR || kind === LF) return at + this.#stride;
    }
    return null;
  }

  #tally(fault: 'malformed' | 'badEncoding' | null): void {
    if (!this.#headerPassed) {
      this.#headerPassed = true;
      return;
    }
    this.#count.records++;
    if (fault !== null) this.#count[fault]++;
  }
}

/** Whether a record's bytes decode. */
function validity(encoding: Encoding): (record: Buffer) => boolean {
  if (encoding === 'utf-8') return isUtf8;
  if (encoding === 'windows-1252') return () => true;
  const decoder = new TextDecoder(encoding, { fatal: true });
  const utf16 = encoding.startsWith('utf-16');
  return (record) => {
    if (!utf16 && isAscii(record)) return true;
    try {
      const text = decoder.decode(record);
      return encoding !== 'euc-jp' || !/[\u0080-\u009f]/.test(text);
    } catch {
      return false;
    }
  };
}
