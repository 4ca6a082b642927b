import { hash } from 'node:crypto';

/** A stored document as the server sent it: its id, and the digest of its fields. */
export interface StoredForm {
  id: string;
  /** D2: what `digestOf` gives for the document */
  digest: string;
}

/** One field of a document: its name, and where name and value stand. */
interface Element {
  name: string;
  nameAt: number;
  type: number;
  at: number;
}

// types of values in BSON
const DOUBLE = 1;
const STRING = 2;
const DOCUMENT = 3;
const ARRAY = 4;
const BOOLEAN = 8;
const DATE = 9;
const NULL = 10;
const INT32 = 16;

/** A document over so many bytes is read in the usual way: it is rare, and its form takes several times its room. */
const LARGE = 1_000_000;

/** A date beyond so many milliseconds is none. */
const LATEST = 8.64e15;

/** The document holds a value whose form is not known here; it is to be read in the usual way. */
class UnknownForm extends Error {}

/**
 * The digest of a stored document (D2) straight from its bytes: what is only compared need not become texts and objects, which
 * costs several times as much. The form is `canonical`'s, in UTF-8.
 * @param bytes one document in BSON
 * @returns null for a document with a value that no import writes, and for a large one: it is to be read in the usual way
 */
export function readStoredForm(bytes: Uint8Array): StoredForm | null {
  if (bytes.length > LARGE) return null;
  const document = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // a form is longer than its document only by the digits of lengths and numbers
  if (scratch.length < document.length * 8) scratch = Buffer.allocUnsafeSlow(document.length * 8);
  try {
    const writer = new FormWriter(document, scratch);
    const fields: Element[] = [];
    let id: string | null = null;
    for (const element of writer.elements(0)) {
      if (element.name === '_id' && element.type === STRING) id = writer.text(element.at);
      else if (element.name !== 'migration') fields.push(element);
    }
    if (id === null) return null;
    writer.object(fields);
    return { id, digest: hash('sha256', writer.form(), 'hex') };
  } catch (error) {
    if (error instanceof UnknownForm) return null;
    throw error;
  }
}

/** Where forms are written: of one document at a time. */
let scratch = Buffer.allocUnsafeSlow(1 << 16);

class FormWriter {
  readonly #from: Buffer;
  readonly #to: Buffer;
  #end = 0;

  constructor(from: Buffer, to: Buffer) {
    this.#from = from;
    this.#to = to;
  }

  form(): Uint8Array {
    return this.#to.subarray(0, this.#end);
  }

  /** The elements of the document that begins at an offset. */
  elements(begin: number): Element[] {
    const bytes = this.#from;
    const end = begin + bytes.readInt32LE(begin) - 1;
    const found: Element[] = [];
    for (let at = begin + 4; at < end; ) {
      const type = bytes[at++] as number;
      const nameAt = at;
      let seen = 0;
      for (let byte = bytes[at] as number; byte !== 0; byte = bytes[++at] as number) seen |= byte;
      const name = bytes.toString(seen < 0x80 ? 'latin1' : 'utf8', nameAt, at);
      found.push({ name, nameAt, type, at: at + 1 });
      at += 1 + this.#bytesOf(type, at + 1);
    }
    return found;
  }

  text(at: number): string {
    return this.#from.toString('utf8', at + 4, at + 3 + this.#from.readInt32LE(at));
  }

  object(elements: Element[]): void {
    elements.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#mark(OPEN_OBJECT);
    for (const { name, nameAt, type, at } of elements) {
      this.#number(name.length);
      this.#mark(COLON);
      this.#copy(nameAt, at - 1);
      this.#value(type, at);
    }
    this.#mark(CLOSE_OBJECT);
  }

  #value(type: number, at: number): void {
    const bytes = this.#from;
    switch (type) {
      case STRING: {
        const from = at + 4;
        const to = from + bytes.readInt32LE(at) - 1;
        this.#mark(TEXT);
        this.#number(utf16Units(bytes, from, to));
        this.#mark(COLON);
        this.#copy(from, to);
        return;
      }
      case DATE: {
        const time = bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
        if (Math.abs(time) > LATEST) throw new UnknownForm();
        this.#mark(MOMENT);
        this.#number(time);
        this.#mark(SEMICOLON);
        return;
      }
      case INT32:
      case DOUBLE: {
        const value = type === INT32 ? bytes.readInt32LE(at) : bytes.readDoubleLE(at);
        this.#mark(NUMBER);
        this.#number(Object.is(value, -0) ? 0 : value);
        this.#mark(SEMICOLON);
        return;
      }
      case BOOLEAN:
        this.#mark(bytes[at] === 1 ? TRUE : FALSE);
        return;
      case NULL:
        this.#mark(NONE);
        return;
      case ARRAY:
        this.#mark(OPEN_LIST);
        for (const each of this.elements(at)) this.#value(each.type, each.at);
        this.#mark(CLOSE_LIST);
        return;
      case DOCUMENT:
        this.object(this.elements(at));
        return;
      default:
        throw new UnknownForm();
    }
  }

  #bytesOf(type: number, at: number): number {
    switch (type) {
      case STRING:
        return 4 + this.#from.readInt32LE(at);
      case DOCUMENT:
      case ARRAY:
        return this.#from.readInt32LE(at);
      case DATE:
      case DOUBLE:
        return 8;
      case INT32:
        return 4;
      case BOOLEAN:
        return 1;
      case NULL:
        return 0;
      default:
        throw new UnknownForm();
    }
  }

  #mark(character: number): void {
    this.#to[this.#end++] = character;
  }

  #number(value: number): void {
    const digits = String(value);
    for (let at = 0; at < digits.length; at++) this.#mark(digits.charCodeAt(at));
  }

  #copy(from: number, to: number): void {
    if (to - from > SHORT) this.#end += this.#from.copy(this.#to, this.#end, from, to);
    else for (let at = from; at < to; at++) this.#mark(this.#from[at] as number);
  }
}

/** Up to so many bytes are copied faster one by one. */
const SHORT = 32;

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

/** How many UTF-16 units the text of these UTF-8 bytes has. */
function utf16Units(bytes: Uint8Array, from: number, to: number): number {
  let units = to - from;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    // bytes that go on with a character are no unit of their own; a character of four bytes has two
    if (byte >= 0x80) units += byte < 0xc0 ? -1 : byte >= 0xf0 ? 1 : 0;
  }
  return units;
}
