import fc from 'fast-check';
import { BSON } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { anyName, anyValue } from '../../test/any-desk-value.ts';
import type { DeskDocument } from './desk-document.ts';
import { DocumentBytes, type Part } from './document-bytes.ts';

const document = fc
  .tuple(fc.string(), fc.dictionary(anyName, fc.option(anyValue, { nil: undefined }), { maxKeys: 20 }))
  .map(([_id, fields]): DeskDocument => ({ ...(fields as object), _id }));

const asLibrary = (documents: readonly DeskDocument[]): Buffer =>
  Buffer.concat(documents.map((each) => BSON.serialize(each, { ignoreUndefined: true })));

/** Each of one part. */
const whole = (documents: readonly DeskDocument[]): DeskDocument[][] => documents.map((each) => [each]);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('documents in BSON', () => {
  it("are byte for byte the library's, whatever they hold, one behind the other", () => {
    const bytes = new DocumentBytes();
    fc.assert(
      fc.property(fc.array(document, { maxLength: 4 }), (documents) => {
        expect(hex(bytes.of(whole(documents)))).toBe(hex(asLibrary(documents)));
      }),
      { numRuns: 500 },
    );
  });

  it('may be given in parts', () => {
    const bytes = new DocumentBytes();
    const parts = [{ _id: 'x' }, { a: 'b', c: undefined }, { list: [1, 'two', { three: null }] }];
    const document = { _id: 'x', a: 'b', list: [1, 'two', { three: null }] };
    expect(hex(bytes.of([parts]))).toBe(hex(asLibrary([document])));
  });

  it('may hold others that are in BSON already, beside what is left to the library', () => {
    const bytes = new DocumentBytes();
    const read = { _id: 'x', z: [1], a: new BSON.Long(7) };
    const odd = { _id: 'x', c: new Date(Number.NaN), list: [{ big: 5n }] };
    const statement = { q: { is: [{ $literal: read }], more: odd }, u: odd };
    const given = { ...statement, q: { is: [{ $literal: BSON.serialize(read) }], more: odd } };
    expect(hex(bytes.of([[given as unknown as Part]]))).toBe(hex(BSON.serialize(statement)));
  });

  it('are made of texts of any length', () => {
    const bytes = new DocumentBytes();
    for (const length of [31, 32, 33, 70_000, 1_000_001, 5_000_000]) {
      for (const character of ['a', 'ä', '件']) {
        const documents = [
          { _id: 'x', text: character.repeat(length) },
          { _id: 'y', z: null },
        ];
        expect(asLibrary(documents).equals(bytes.of(whole(documents)))).toBe(true);
      }
    }
  });

  it('leave what is no plain value to the library, within their row', () => {
    const bytes = new DocumentBytes();
    const odd = {
      _id: 'odd',
      a: [new BSON.Long(7)],
      b: 5n,
      c: new Date(Number.NaN),
    } as unknown as DeskDocument;
    const documents = [{ _id: 'x', a: 1 }, odd, { _id: 'y', a: 2 }];
    expect(hex(bytes.of(whole(documents)))).toBe(hex(asLibrary(documents)));
  });

  it('a name with NUL is refused as the library refuses it, and leaves nothing behind', () => {
    const bytes = new DocumentBytes();
    for (const odd of ['a\0', '\0', '件\0'])
      expect(() => bytes.of(whole([{ _id: 'x' }, { _id: 'y', [odd]: 1 }]))).toThrow(BSON.BSONError);
    expect(hex(bytes.of(whole([{ _id: 'x' }, { _id: 'z' }])))).toBe(
      hex(asLibrary([{ _id: 'x' }, { _id: 'z' }])),
    );
  });
});
