import { withoutByteOrderMark } from './byte-order-mark.ts';
import { jsonRecord } from './json-record.ts';
import { ELEMENT_LIMIT, type OpenBytes, type RowCount } from './rows.ts';

/**
 * Counts the records of a JSON part by a scanner of its own (D1).
 * @param open opens the part's bytes in UTF-8
 */
export async function countJson(open: OpenBytes): Promise<RowCount> {
  const scanner = new JsonScanner();
  for await (const chunk of withoutByteOrderMark(await open(0))) {
    for (const byte of chunk) scanner.step(byte);
  }
  return scanner.finish();
}

type Place = 'start' | 'lines' | 'array' | 'behind' | 'trailing';

const BLANKS = new Set(Buffer.from(' \t\r\n'));

class JsonScanner {
  readonly #count: RowCount = { records: 0, malformed: 0, badEncoding: 0 };
  #place: Place = 'start';
  #depth = 0;
  #string: 'no' | 'yes' | 'escape' = 'no';
  #wanted = false;
  #record = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  step(byte: number): void {
    const blank = BLANKS.has(byte);
    switch (this.#place) {
      case 'start':
        if (blank) return;
        this.#place = byte === 0x5b ? 'array' : 'lines';
        if (this.#place === 'lines') this.#line(byte, blank);
        return;
      case 'lines':
        return this.#line(byte, blank);
      case 'array':
        return this.#inArray(byte, blank);
      case 'behind':
        if (!blank) this.#place = 'trailing';
        return;
      case 'trailing':
        return;
    }
  }

  finish(): RowCount {
    if (this.#place === 'lines' && this.#length > 0) this.#judge();
    // an array that breaks off, or goes on behind its end, is one record more
    if (this.#place === 'array' || this.#place === 'trailing') this.#tally('malformed');
    return this.#count;
  }

  #line(byte: number, blank: boolean): void {
    if (byte === 0x0a) {
      if (this.#length > 0) this.#judge();
    } else if (!blank || this.#length > 0) this.#keep(byte);
  }

  #inArray(byte: number, blank: boolean): void {
    if (this.#string !== 'no') {
      this.#keep(byte);
      if (this.#string === 'escape') this.#string = 'yes';
      else if (byte === 0x5c) this.#string = 'escape';
      else if (byte === 0x22) this.#string = 'no';
      return;
    }
    if (this.#depth === 0 && (byte === 0x2c || byte === 0x5d)) {
      if (byte === 0x2c || this.#wanted || this.#length > 0) this.#judge();
      this.#wanted = byte === 0x2c;
      if (byte === 0x5d) this.#place = 'behind';
      return;
    }
    if (byte === 0x22) this.#string = 'yes';
    else if (byte === 0x7b || byte === 0x5b) this.#depth++;
    else if ((byte === 0x7d || byte === 0x5d) && this.#depth > 0) this.#depth--;
    if (!blank || this.#length > 0) this.#keep(byte);
  }

  #keep(byte: number): void {
    if (this.#length > ELEMENT_LIMIT) return;
    if (this.#length === this.#record.length) {
      this.#record = Buffer.concat([this.#record, Buffer.allocUnsafe(this.#length)]);
    }
    this.#record[this.#length++] = byte;
  }

  #judge(): void {
    const judged = this.#length > ELEMENT_LIMIT ? null : jsonRecord(this.#record.subarray(0, this.#length));
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
