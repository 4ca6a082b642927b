import type { CanonicalBytes } from '../../domain/canonical-bytes.ts';
import { formDigest } from '../../domain/digest.ts';
import { SortedNames } from '../../domain/sorted-names.ts';
import { ARRAY, BOOLEAN, DATE, DOCUMENT, DOUBLE, INT32, NULL, STRING } from './bson-types.ts';

/** A stored document as the server sent it. */
export interface StoredForm {
  id: string;
  /** D2: what `digestOf` gives for the document */
  digest: string;
  /** where among the bytes the import's stamp begins, a document of its own; null of a record that no import made */
  migrationAt: number | null;
}

/** A date beyond so many milliseconds is none. */
const LATEST = 8.64e15;

/** The document holds a value whose form is not known here; it is to be read in the usual way. */
class UnknownForm extends Error {}

/**
 * The digest of a stored document (D2) straight from its bytes: what is only compared need not become texts and objects, which
 * costs several times as much. The form is `canonical`'s, in UTF-8.
 * @param bytes one document in BSON
 * @returns null for a document with a value that no import writes: it is to be read in the usual way
 */
export function readStoredForm(bytes: Uint8Array): StoredForm | null {
  const reader = new DocumentReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  try {
    const digest = formDigest((form) => reader.writeRecord(form));
    const { id, migrationAt } = reader;
    return id === null ? null : { id, digest, migrationAt };
  } catch (error) {
    if (error instanceof UnknownForm) return null;
    throw error;
  }
}

/** The fields of the documents under way, those of an inner one behind those of the outer: the same room for all documents. */
const open = { names: [] as string[], types: [] as number[], ats: [] as number[] };
const order = new SortedNames();

/** Reads values of a document and writes their forms. */
class DocumentReader {
  readonly #bytes: Buffer;
  #top = 0;
  /** of a record, once it is written */
  id: string | null = null;
  migrationAt: number | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The document's own fields: neither its id nor the import's stamp. */
  writeRecord(form: CanonicalBytes): void {
    this.#readElements(0, true);
    this.#writeFields(form, 0);
  }

  /** Reads where the elements of the document stand that begins at an offset. */
  #readElements(begin: number, isRecord: boolean): void {
    const bytes = this.#bytes;
    const end = begin + bytes.readInt32LE(begin) - 1;
    for (let at = begin + 4; at < end; ) {
      const type = bytes[at++] as number;
      const nameAt = at;
      let seen = 0;
      let hashed = 0;
      for (let byte = bytes[at] as number; byte !== 0; byte = bytes[++at] as number) {
        seen |= byte;
        hashed = (Math.imul(hashed, 31) + byte) | 0;
      }
      const name = seen < 0x80 ? knownName(bytes, nameAt, at, hashed) : bytes.toString('utf8', nameAt, at);
      at++;
      if (isRecord && name === '_id' && type === STRING) {
        this.id = bytes.toString('utf8', at + 4, at + 3 + bytes.readInt32LE(at));
      } else if (isRecord && name === 'migration') {
        // anything but a document was made by no import
        if (type === DOCUMENT) this.migrationAt = at;
      } else {
        const top = this.#top++;
        open.names[top] = name;
        open.types[top] = type;
        open.ats[top] = at;
      }
      at += this.#bytesOf(type, at);
    }
  }

  /** Writes the fields that were read from a place on, in order, and forgets them. */
  #writeFields(form: CanonicalBytes, base: number): void {
    form.openObject();
    for (const place of order.places(open.names, base, this.#top)) {
      form.name(open.names[base + place] as string);
      this.#writeValue(form, open.types[base + place] as number, open.ats[base + place] as number);
    }
    form.closeObject();
    this.#top = base;
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
        this.#writeList(form, at);
        return;
      case DOCUMENT: {
        const base = this.#top;
        this.#readElements(at, false);
        this.#writeFields(form, base);
        return;
      }
      default:
        throw new UnknownForm();
    }
  }

  #writeList(form: CanonicalBytes, begin: number): void {
    const base = this.#top;
    this.#readElements(begin, false);
    const to = this.#top;
    form.openList();
    for (let at = base; at < to; at++) {
      this.#writeValue(form, open.types[at] as number, open.ats[at] as number);
    }
    form.closeList();
    this.#top = base;
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

/** Names that came before, by a hash of their bytes; another name with the same one takes the place. */
const known: (string | undefined)[] = Array.from({ length: 4_096 });

/** A name of ASCII: the same text for the same bytes, where it came lately. */
function knownName(bytes: Buffer, from: number, to: number, hashed: number): string {
  const place = hashed & (known.length - 1);
  const name = known[place];
  if (name !== undefined && isName(name, bytes, from, to)) return name;
  const read = bytes.toString('latin1', from, to);
  known[place] = read;
  return read;
}

function isName(name: string, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) !== bytes[from + at]) return false;
  return true;
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
