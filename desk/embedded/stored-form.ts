import type { CanonicalBytes } from '../../domain/canonical-bytes.ts';
import { formDigest } from '../../domain/digest.ts';

/** A stored document as the server sent it: its id, and the digest of its fields. */
export interface StoredForm {
  id: string;
  /** D2: what `digestOf` gives for the document */
  digest: string;
}

/** One field of a document: its name, and where its value stands. */
interface Element {
  name: string;
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
  try {
    const reader = new DocumentReader(document);
    const fields: Element[] = [];
    let id: string | null = null;
    for (const element of reader.elements(0)) {
      if (element.name === '_id' && element.type === STRING) id = reader.text(element.at);
      else if (element.name !== 'migration') fields.push(element);
    }
    if (id === null) return null;
    return { id, digest: formDigest((form) => reader.writeObject(form, fields)) };
  } catch (error) {
    if (error instanceof UnknownForm) return null;
    throw error;
  }
}

/** Reads values of a document and writes their forms. */
class DocumentReader {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The elements of the document that begins at an offset. */
  elements(begin: number): Element[] {
    const bytes = this.#bytes;
    const end = begin + bytes.readInt32LE(begin) - 1;
    const found: Element[] = [];
    for (let at = begin + 4; at < end; ) {
      const type = bytes[at++] as number;
      const nameAt = at;
      let seen = 0;
      for (let byte = bytes[at] as number; byte !== 0; byte = bytes[++at] as number) seen |= byte;
      const name = bytes.toString(seen < 0x80 ? 'latin1' : 'utf8', nameAt, at);
      found.push({ name, type, at: at + 1 });
      at += 1 + this.#bytesOf(type, at + 1);
    }
    return found;
  }

  text(at: number): string {
    return this.#bytes.toString('utf8', at + 4, at + 3 + this.#bytes.readInt32LE(at));
  }

  writeObject(form: CanonicalBytes, elements: Element[]): void {
    elements.sort((a, b) => (a.name < b.name ? -1 : 1));
    form.openObject();
    for (const { name, type, at } of elements) {
      form.name(name);
      this.#writeValue(form, type, at);
    }
    form.closeObject();
  }

  #writeValue(form: CanonicalBytes, type: number, at: number): void {
    const bytes = this.#bytes;
    switch (type) {
      case STRING: {
        const from = at + 4;
        const to = from + bytes.readInt32LE(at) - 1;
        form.textBytes(bytes, from, to, utf16Units(bytes, from, to));
        return;
      }
      case DATE: {
        const time = bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
        if (Math.abs(time) > LATEST) throw new UnknownForm();
        form.moment(time);
        return;
      }
      case INT32:
        form.number(bytes.readInt32LE(at));
        return;
      case DOUBLE:
        form.number(bytes.readDoubleLE(at));
        return;
      case BOOLEAN:
        form.boolean(bytes[at] === 1);
        return;
      case NULL:
        form.none();
        return;
      case ARRAY:
        form.openList();
        for (const each of this.elements(at)) this.#writeValue(form, each.type, each.at);
        form.closeList();
        return;
      case DOCUMENT:
        this.writeObject(form, this.elements(at));
        return;
      default:
        throw new UnknownForm();
    }
  }

  #bytesOf(type: number, at: number): number {
    switch (type) {
      case STRING:
        return 4 + this.#bytes.readInt32LE(at);
      case DOCUMENT:
      case ARRAY:
        return this.#bytes.readInt32LE(at);
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
}

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
