// Only digest.ts and the desk use this file of domain/; a Buffer, which a workflow does not have, is what digests are made from.
import type { Fields, Value } from './canonical.ts';
import { SortedNames } from './sorted-names.ts';

const code = (character: string): number => character.charCodeAt(0);
const COLON = code(':');
const SEMICOLON = code(';');
const TEXT = code('s');
const NUMBER = code('d');
const MOMENT = code('m');
const TRUE = code('t');
const FALSE = code('f');
const NONE = code('n');
const OPEN_LIST = code('[');
const CLOSE_LIST = code(']');
const OPEN_OBJECT = code('{');
const CLOSE_OBJECT = code('}');

const names = new SortedNames();

/** Up to so many characters are written, or bytes copied, faster one by one. */
const SHORT = 32;
/** Room that a number or a mark may take without asking. */
const SPARE = 64;

/**
 * Writes canonical forms (canonical.ts) as UTF-8 into a buffer that is used again and again: what is only hashed need not
 * become a text. One form at a time.
 */
export class CanonicalBytes {
  // a Buffer writes a text at a place; of a Uint8Array each text would need a view of its own
  #to = firstRoom();
  #end = 0;

  /** The form written since `clear`; good until something else is written. */
  get form(): Uint8Array {
    return this.#to.subarray(0, this.#end);
  }

  /** How many bytes are written since `clear`. */
  get length(): number {
    return this.#end;
  }

  clear(): void {
    this.#end = 0;
    if (isLargeRoom(this.#to)) this.#to = firstRoom();
  }

  value(value: Value | undefined): void {
    switch (typeof value) {
      case 'string':
        this.text(value);
        return;
      case 'number':
        this.number(value);
        return;
      case 'boolean':
        this.boolean(value);
        return;
      case 'object':
        if (value === null) this.none();
        else if (value instanceof Date) this.moment(value.getTime());
        else if (Array.isArray(value)) {
          this.openList();
          for (const each of value) this.value(each);
          this.closeList();
        } else this.#object(value);
        return;
      default:
        throw new TypeError(`a ${typeof value} has no canonical form`);
    }
  }

  text(text: string): void {
    this.#mark(TEXT);
    this.#digits(text.length);
    this.#mark(COLON);
    this.#characters(text);
  }

  /** A text given as UTF-8. @param units its length in UTF-16 units */
  textBytes(bytes: Buffer, from: number, to: number, units: number): void {
    this.#mark(TEXT);
    this.#digits(units);
    this.#mark(COLON);
    this.#copy(bytes, from, to);
  }

  number(value: number): void {
    this.#mark(NUMBER);
    this.#digits(Object.is(value, -0) ? 0 : value);
    this.#mark(SEMICOLON);
  }

  /** @param time epoch milliseconds */
  moment(time: number): void {
    this.#mark(MOMENT);
    this.#digits(time);
    this.#mark(SEMICOLON);
  }

  boolean(value: boolean): void {
    this.#mark(value ? TRUE : FALSE);
  }

  none(): void {
    this.#mark(NONE);
  }

  openList(): void {
    this.#mark(OPEN_LIST);
  }

  closeList(): void {
    this.#mark(CLOSE_LIST);
  }

  openObject(): void {
    this.#mark(OPEN_OBJECT);
  }

  closeObject(): void {
    this.#mark(CLOSE_OBJECT);
  }

  /** The name of an object's field, before its value; names come sorted. */
  name(name: string): void {
    this.#digits(name.length);
    this.#mark(COLON);
    this.#characters(name);
  }

  /** Writes again what another form holds from one length to another. */
  again(other: CanonicalBytes, from: number, to: number): void {
    this.#copy(other.#to, from, to);
  }

  #object(fields: Fields): void {
    this.openObject();
    for (const name of names.sorted(Object.keys(fields))) {
      const value = fields[name];
      if (value === undefined) continue;
      this.name(name);
      this.value(value);
    }
    this.closeObject();
  }

  #mark(character: number): void {
    if (this.#end === this.#to.length) this.#grow(1);
    this.#to[this.#end++] = character;
  }

  #digits(value: number): void {
    const digits = String(value);
    if (this.#end + SPARE > this.#to.length) this.#grow(SPARE);
    for (let at = 0; at < digits.length; at++) this.#to[this.#end++] = digits.charCodeAt(at);
  }

  #characters(text: string): void {
    const most = mostUtf8Bytes(text);
    if (this.#end + most > this.#to.length) this.#grow(most);
    if (text.length <= SHORT) {
      let end = this.#end;
      let at = 0;
      for (; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        if (unit > 0x7f) break;
        this.#to[end++] = unit;
      }
      if (at === text.length) {
        this.#end = end;
        return;
      }
    }
    this.#end += this.#to.write(text, this.#end, 'utf8');
  }

  #copy(bytes: Buffer, from: number, to: number): void {
    if (this.#end + to - from > this.#to.length) this.#grow(to - from);
    if (to - from > SHORT) {
      this.#end += bytes.copy(this.#to, this.#end, from, to);
    } else for (let at = from; at < to; at++) this.#to[this.#end++] = bytes[at] as number;
  }

  #grow(more: number): void {
    this.#to = grownRoom(this.#to, this.#end, more);
  }
}

// Room for what is written as bytes into one buffer, used again and again; the desk's documents as well.

const FIRST = 1 << 16;
/** A larger one is rare, and given back. */
const LARGEST_KEPT = 1 << 22;
/** Of a longer text the bytes are counted. */
const LONG = 1_000_000;

/** The room that writing begins with. */
export function firstRoom(): Buffer {
  return Buffer.allocUnsafeSlow(FIRST);
}

/** Whether a room is to be given back once it is used. */
export function isLargeRoom(room: Buffer): boolean {
  return room.length > LARGEST_KEPT;
}

/** A room with what was written, and at least so many bytes more: twice as much, or some MB of a large one. */
export function grownRoom(room: Buffer, written: number, more: number): Buffer {
  const needed = written + more;
  const grown = Buffer.allocUnsafeSlow(needed + Math.min(needed, LARGEST_KEPT));
  grown.set(room.subarray(0, written));
  return grown;
}

/** Bytes that are enough for a text in UTF-8, whose units take at most three each; of a long one exactly as many as it takes. */
export function mostUtf8Bytes(text: string): number {
  return text.length > LONG ? Buffer.byteLength(text) : text.length * 3;
}
