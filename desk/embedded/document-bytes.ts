import { BSON } from 'mongodb';
import { firstRoom, grownRoom, isLargeRoom, mostUtf8Bytes } from '../../domain/canonical-bytes.ts';
import type { Value } from '../../domain/canonical.ts';
import { ARRAY, BOOLEAN, DATE, DOCUMENT, DOUBLE, INT32, NULL, STRING } from './bson-types.ts';
import type { DeskDocument, Migration } from './desk-document.ts';

const LARGEST_INT32 = 2 ** 31 - 1;
const SMALLEST_INT32 = -(2 ** 31);
/** Up to so many characters are written faster one by one. */
const SHORT = 32;
/** A type, the end of a name and a number, or less. */
const SPARE = 16;

/** The document holds what is left to the library, which may refuse it. */
class NotPlain extends Error {}

/** A document by its fields; one that is in BSON already by its bytes. */
export type Part = Readonly<Partial<DeskDocument>> | { readonly [field: string]: PartValue };
type PartValue = Value | Migration | Uint8Array | Part | readonly PartValue[] | undefined;

/**
 * Documents in BSON, one behind the other, as the library's serializer makes them with `ignoreUndefined`: what desk records hold are
 * texts, numbers, times and lists of them, which takes a third of its time. They are written into a buffer that is used again and again.
 */
export class DocumentBytes {
  #to = firstRoom();
  #end = 0;

  /**
   * @param documents each by its fields, those of one part behind those of another
   * @throws BSON.BSONError for a document that has no form in BSON
   */
  of(documents: Iterable<readonly Part[]>): Uint8Array {
    // of documents that could not be written nothing stays for the next
    this.#end = 0;
    for (const parts of documents) this.#document(parts);
    const bytes = this.#to.subarray(0, this.#end);
    if (!isLargeRoom(this.#to)) return Uint8Array.prototype.slice.call(bytes);
    this.#to = firstRoom();
    return bytes;
  }

  #document(parts: readonly Part[]): void {
    const before = this.#end;
    try {
      const begin = this.#open();
      for (const part of parts) this.#elements(part);
      this.#close(begin);
    } catch (error) {
      if (!(error instanceof NotPlain)) throw error;
      this.#end = before;
      this.#bytes(BSON.serialize(Object.assign({}, ...parts) as object, { ignoreUndefined: true }));
    }
  }

  #bytes(document: Uint8Array): void {
    this.#reserve(document.length);
    this.#to.set(document, this.#end);
    this.#end += document.length;
  }

  #elements(fields: Part): void {
    for (const name in fields) {
      const value = (fields as Record<string, PartValue>)[name];
      if (value !== undefined) this.#element(name, value);
    }
  }

  #list(values: readonly PartValue[]): void {
    const begin = this.#open();
    for (let place = 0; place < values.length; place++) this.#element(String(place), values[place]);
    this.#close(begin);
  }

  #open(): number {
    this.#reserve(SPARE);
    this.#end += 4;
    return this.#end - 4;
  }

  #close(begin: number): void {
    this.#reserve(SPARE);
    this.#to[this.#end++] = 0;
    this.#int32At(begin, this.#end - begin);
  }

  #element(name: string, value: PartValue): void {
    switch (typeof value) {
      case 'string':
        this.#name(STRING, name);
        this.#text(value);
        return;
      case 'number':
        this.#number(name, value);
        return;
      case 'boolean':
        this.#name(BOOLEAN, name);
        this.#to[this.#end++] = value ? 1 : 0;
        return;
      case 'object':
        if (value === null) this.#name(NULL, name);
        else if (value instanceof Date) {
          this.#name(DATE, name);
          this.#int64(value.getTime());
        } else if (Array.isArray(value)) {
          this.#name(ARRAY, name);
          this.#list(value);
        } else {
          this.#name(DOCUMENT, name);
          if (value instanceof Uint8Array) this.#bytes(value);
          else this.#document([value as Part]);
        }
        return;
      default:
        throw new NotPlain();
    }
  }

  #number(name: string, value: number): void {
    const isInt32 =
      Number.isInteger(value) && value <= LARGEST_INT32 && value >= SMALLEST_INT32 && !Object.is(value, -0);
    this.#name(isInt32 ? INT32 : DOUBLE, name);
    if (isInt32) {
      this.#int32At(this.#end, value);
      this.#end += 4;
    } else this.#end = this.#to.writeDoubleLE(value, this.#end);
  }

  /** A name, and room for a short value behind it. */
  #name(type: number, name: string): void {
    this.#reserve(name.length * 3 + SPARE);
    this.#to[this.#end++] = type;
    for (let at = 0; at < name.length; at++) {
      const unit = name.charCodeAt(at);
      if (unit === 0) throw new NotPlain();
      if (unit > 0x7f) {
        if (name.includes('\0', at)) throw new NotPlain();
        this.#end += this.#to.write(name.slice(at), this.#end, 'utf8');
        break;
      }
      this.#to[this.#end++] = unit;
    }
    this.#to[this.#end++] = 0;
  }

  #text(text: string): void {
    this.#reserve(mostUtf8Bytes(text) + SPARE);
    const begin = this.#end + 4;
    let end = begin;
    if (text.length <= SHORT) {
      for (let at = 0; at < text.length; at++) {
        const unit = text.charCodeAt(at);
        if (unit > 0x7f) break;
        this.#to[end++] = unit;
      }
    }
    if (end - begin < text.length) end = begin + this.#to.write(text, begin, 'utf8');
    this.#to[end++] = 0;
    this.#int32At(this.#end, end - begin);
    this.#end = end;
  }

  /** @param value whole */
  #int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new NotPlain();
    const high = Math.floor(value / 2 ** 32);
    this.#int32At(this.#end, value - high * 2 ** 32);
    this.#int32At(this.#end + 4, high);
    this.#end += 8;
  }

  #int32At(at: number, value: number): void {
    const to = this.#to;
    to[at] = value;
    to[at + 1] = value >>> 8;
    to[at + 2] = value >>> 16;
    to[at + 3] = value >>> 24;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#to.length) return;
    this.#to = grownRoom(this.#to, this.#end, more);
  }
}
