import { withoutByteOrderMark } from './byte-order-mark.ts';
import { ELEMENT_LIMIT, type OpenBytes, type RowCount } from './rows.ts';
import { xmlRecord } from './xml-record.ts';

/**
 * Counts the records of an XML part by a scanner of its own (D1).
 * @param open opens the part's bytes in UTF-8
 */
export async function countXml(open: OpenBytes): Promise<RowCount> {
  const scanner = new XmlScanner();
  for await (const chunk of withoutByteOrderMark(await open(0))) {
    for (const byte of chunk) scanner.step(byte);
  }
  return scanner.finish();
}

type Within =
  | 'text'
  | 'mark'
  | 'tag'
  | 'value'
  | 'end-tag'
  | 'comment'
  | 'cdata'
  | 'instruction'
  | 'declaration';

const COMMENT = '!--';
const CDATA = '![CDATA[';
const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const DASH = 0x2d;
const BRACKET = 0x5d;
const QUOTES = new Set(Buffer.from(`"'`));
const BLANKS = new Set(Buffer.from(' \t\r\n'));

class XmlScanner {
  readonly #count: RowCount = { records: 0, malformed: 0, badEncoding: 0 };
  #within: Within = 'text';
  /** what stands behind `<`, while that does not tell yet what it begins; all of a declaration */
  #mark = '';
  /** the last two bytes within the markup at hand; 0 = none */
  #before = 0;
  #beforeThat = 0;
  #quote = 0;
  #stage: 'before' | 'root' | 'after' | 'lost' = 'before';
  #depth = 0;
  #strayText = false;
  #record = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  step(c: number): void {
    if (this.#stage === 'lost') return;
    if (this.#stage === 'root') {
      if (this.#depth === 0 && this.#within === 'text') this.#between(c);
      this.#keep(c);
    }
    this.#scan(c);
  }

  finish(): RowCount {
    if (this.#stage === 'root') this.#endStray();
    // a document that breaks off, or goes on where it must not, is one record more
    if (this.#stage !== 'after' || this.#within !== 'text') this.#tally('malformed');
    return this.#count;
  }

  #between(c: number): void {
    this.#length = 0;
    if (c === LESS) this.#endStray();
    else if (!BLANKS.has(c)) this.#strayText = true;
  }

  #scan(c: number): void {
    switch (this.#within) {
      case 'text':
        if (c === LESS) {
          this.#within = 'mark';
          this.#mark = '';
        } else if (this.#stage !== 'root' && !BLANKS.has(c)) this.#stage = 'lost';
        return;
      case 'mark':
        this.#mark += String.fromCharCode(c);
        this.#judgeMark(c);
        return;
      case 'value':
        if (c === this.#quote) this.#within = 'tag';
        break;
      case 'tag':
        if (c === GREATER) return this.#leave(this.#before === SLASH ? 'empty' : 'tag');
        if (QUOTES.has(c)) {
          this.#quote = c;
          this.#within = 'value';
        }
        break;
      case 'declaration':
        if (c === GREATER) return this.#leave('declaration');
        // an opening bracket is all that is asked of the rest
        if (c === 0x5b) this.#mark += '[';
        return;
      default:
        if (c === GREATER && this.#mayLeave()) return this.#leave(this.#within);
    }
    this.#beforeThat = this.#before;
    this.#before = c;
  }

  #judgeMark(c: number): void {
    const mark = this.#mark;
    if (mark === COMMENT) this.#enter('comment');
    else if (mark === CDATA) this.#enter('cdata');
    else if (mark === '?') this.#enter('instruction');
    else if (mark === '/') this.#enter('end-tag');
    else if (!COMMENT.startsWith(mark) && !CDATA.startsWith(mark)) {
      this.#enter(mark.startsWith('!') ? 'declaration' : 'tag');
      this.#scan(c);
    }
  }

  /** Whether the markup at hand ends with a `>` here. */
  #mayLeave(): boolean {
    switch (this.#within) {
      case 'comment':
        return this.#before === DASH && this.#beforeThat === DASH;
      case 'cdata':
        return this.#before === BRACKET && this.#beforeThat === BRACKET;
      case 'instruction':
        return this.#before === QUESTION;
      default:
        return true;
    }
  }

  #enter(within: Within): void {
    this.#within = within;
    this.#before = 0;
    this.#beforeThat = 0;
  }

  #leave(piece: Within | 'empty'): void {
    this.#within = 'text';
    if (this.#depth > 0) {
      if (piece === 'tag') this.#depth++;
      if (piece === 'end-tag' && --this.#depth === 0) this.#judge();
      return;
    }
    if (piece === 'comment' || piece === 'instruction') return;
    if (piece === 'declaration') {
      if (this.#stage !== 'before' || this.#mark.includes('[')) this.#stage = 'lost';
    } else if (this.#stage === 'before') {
      this.#stage = piece === 'tag' ? 'root' : piece === 'empty' ? 'after' : 'lost';
    } else if (this.#stage === 'after') {
      this.#stage = 'lost';
    } else if (piece === 'end-tag') {
      this.#stage = 'after';
    } else if (piece === 'tag') {
      this.#depth = 1;
    } else if (piece === 'empty') {
      this.#judge();
    } else {
      this.#tally('malformed');
    }
  }

  #endStray(): void {
    if (this.#strayText) this.#tally('malformed');
    this.#strayText = false;
  }

  #keep(byte: number): void {
    if (this.#length > ELEMENT_LIMIT) return;
    if (this.#length === this.#record.length) {
      this.#record = Buffer.concat([this.#record, Buffer.allocUnsafe(this.#length)]);
    }
    this.#record[this.#length++] = byte;
  }

  #judge(): void {
    const judged = this.#length > ELEMENT_LIMIT ? null : xmlRecord(this.#record.subarray(0, this.#length));
    this.#length = 0;
    if (judged === null) this.#tally('malformed');
    else if ('fields' in judged) this.#tally(null);
    else this.#tally(judged.code === 'BAD_ENCODING' ? 'badEncoding' : 'malformed');
  }

  #tally(fault: 'malformed' | 'badEncoding' | null): void {
    this.#count.records++;
    if (fault !== null) this.#count[fault]++;
  }
}
