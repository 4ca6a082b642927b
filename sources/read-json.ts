import { ByteWindow } from './byte-window.ts';
import { jsonRecord } from './json-record.ts';
import { collectHeader, type Element, type ReadElementsOptions, readElements } from './read-elements.ts';
import type { OpenBytes, RowBatch } from './rows.ts';
import { type Boundary, isBlank, skipBlanks, takeUntil } from './take-element.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LF = 0x0a;
const BREAKS_OFF = 'the array breaks off';

const FORMAT = { split: splitJson, fieldsOf: jsonRecord };

/**
 * Reads a JSON part: an array of objects, or one object per line (JSON Lines). A record that is not one fails alone; of an array
 * that breaks off, the rest is one malformed row.
 * @param open opens the part's bytes in UTF-8
 */
export function readJson(
  open: OpenBytes,
  options: ReadElementsOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  return readElements(FORMAT, open, options);
}

/** The columns of a JSON part; null = more than a table can have. */
export function jsonHeader(open: OpenBytes): Promise<string[] | null> {
  return collectHeader(FORMAT, open);
}

async function* splitJson(open: OpenBytes): AsyncGenerator<Element, void, undefined> {
  const window = await ByteWindow.open(open, 'utf-8', 0);
  try {
    await window.skipByteOrderMark();
    if (!(await skipBlanks(window))) return;
    if (window.units[window.start] === OPEN_ARRAY) {
      window.start++;
      yield* splitArray(window);
    } else {
      yield* splitLines(window);
    }
  } finally {
    await window.close();
  }
}

async function* splitLines(window: ByteWindow): AsyncGenerator<Element, void, undefined> {
  while (await skipBlanks(window)) {
    const line = trimmed(await takeUntil(window, new LineEnd()));
    yield line;
    if (line.found) window.start++;
  }
}

async function* splitArray(window: ByteWindow): AsyncGenerator<Element, void, undefined> {
  let afterComma = false;
  for (;;) {
    if (!(await skipBlanks(window))) break;
    if (!afterComma && window.units[window.start] === CLOSE_ARRAY) break;
    const element = trimmed(await takeUntil(window, new ElementEnd()));
    if (!element.found) {
      yield { ...element, fault: BREAKS_OFF };
      return;
    }
    afterComma = window.units[window.start] === COMMA;
    yield element;
    if (!afterComma) break;
    window.start++;
  }
  if (window.start >= window.end) {
    yield { bytes: Buffer.alloc(0), end: window.offset(window.start), fault: BREAKS_OFF };
    return;
  }
  window.start++;
  if (await skipBlanks(window)) {
    const rest = await takeUntil(window, { find: () => -1 });
    yield { ...rest, fault: 'text after the end of the array' };
  }
}

class LineEnd implements Boundary {
  find(units: Uint8Array, from: number, end: number): number {
    for (let at = from; at < end; at++) if (units[at] === LF) return at;
    return -1;
  }
}

class ElementEnd implements Boundary {
  #depth = 0;
  #inString = false;
  #escaped = false;

  find(units: Uint8Array, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const c = units[at] as number;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (c === BACKSLASH) this.#escaped = true;
        else if (c === QUOTE) this.#inString = false;
      } else if (c === QUOTE) this.#inString = true;
      else if (c === OPEN_OBJECT || c === OPEN_ARRAY) this.#depth++;
      else if (this.#depth === 0 && (c === COMMA || c === CLOSE_ARRAY)) return at;
      else if (this.#depth > 0 && (c === CLOSE_OBJECT || c === CLOSE_ARRAY)) this.#depth--;
    }
    return -1;
  }
}

function trimmed<Piece extends Element>(piece: Piece): Piece {
  let end = piece.bytes.length;
  while (end > 0 && isBlank(piece.bytes[end - 1] as number)) end--;
  return { ...piece, bytes: piece.bytes.subarray(0, end) };
}
