import { isUtf8 } from 'node:buffer';
import type { ElementFields } from './read-elements.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const BLANK = 0x20;

/**
 * The fields of one JSON object: strings as they are, null empty, numbers and booleans as written, nested values as their JSON
 * text. Numbers are never parsed, so that none loses a digit. A name that comes twice makes it malformed: neither value may be
 * lost.
 */
export function jsonRecord(bytes: Buffer): ElementFields {
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed('it is not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return malformed('it is not an object');
  const fields = new Map<string, string>();
  for (const [name, cell] of membersOf(text)) {
    if (fields.has(name)) return malformed(`"${name}" comes twice in it`);
    fields.set(name, cell);
  }
  if (!isUtf8(bytes)) return undecodable('The record is not valid UTF-8.');
  // only an escape can make a lone surrogate
  if (text.includes('\\u')) {
    for (const [name, cell] of fields) {
      if (!name.isWellFormed() || !cell.isWellFormed())
        return undecodable('The record holds half a character.');
    }
  }
  return { fields };
}

function malformed(reason: string): ElementFields {
  return { code: 'MALFORMED_ROW', message: `Not a record: ${reason}.` };
}

function undecodable(message: string): ElementFields {
  return { code: 'BAD_ENCODING', message };
}

/** Names and cells of an object's members. @param text a valid JSON object */
export function* membersOf(text: string): Generator<[name: string, cell: string], void, undefined> {
  let at = skip(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = stringEnd(text, at);
    const name = stringOf(text.slice(at, nameEnd));
    const valueAt = skip(text, nameEnd);
    const valueEnd = valueEndOf(text, valueAt);
    yield [name, cellOf(text.slice(valueAt, valueEnd))];
    at = skip(text, valueEnd);
  }
}

/** Past blanks, colons and commas. */
function skip(text: string, from: number): number {
  let at = from;
  for (let c = text.charCodeAt(at); c <= BLANK || c === COLON || c === COMMA; c = text.charCodeAt(at)) at++;
  return at;
}

/** Behind the string that begins at `from`. */
function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); ; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
}

/** Behind the value that begins at `from`. */
function valueEndOf(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at) - 1;
        break;
      case '{':
      case '[':
        depth++;
        break;
      case '}':
      case ']':
        if (depth-- === 0) return trimmedEnd(text, at);
        break;
      case ',':
        if (depth === 0) return trimmedEnd(text, at);
        break;
      default:
    }
  }
}

function trimmedEnd(text: string, end: number): number {
  let at = end;
  while (text.charCodeAt(at - 1) <= BLANK) at--;
  return at;
}

function stringOf(json: string): string {
  return json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1);
}

function cellOf(json: string): string {
  if (json.startsWith('"')) return stringOf(json);
  return json === 'null' ? '' : json;
}
