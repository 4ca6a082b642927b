import fc from 'fast-check';
import { BSON } from 'mongodb';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../domain/canonical.ts';
import type { DeskDocument } from './desk-document.ts';
import { DocumentBytes } from './document-bytes.ts';

const name = fc.oneof(
  fc.constantFrom('subject', 'createdTime', 'a', '', 'カスタム', 'ab件', '𝄞', '\uffff', '10', '$set', 'a.b'),
  fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0') && each !== '__proto__'),
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc.constantFrom('\ud800', 'a\udfffb', '\0', `${'x'.repeat(32)}é`, 'é'.repeat(32), 'あ'.repeat(33)),
    fc.double(),
    fc.integer(),
    fc.constantFrom(0, -0, 0.5, 1e21, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(new Date(-1), new Date(0), new Date(2 ** 32), new Date(-(2 ** 32)), new Date(8.64e15)),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 12 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5 }),
  ),
})).value;
const document = fc
  .tuple(fc.string(), fc.dictionary(name, fc.option(value, { nil: undefined }), { maxKeys: 20 }))
  .map(([_id, fields]): DeskDocument => ({ ...(fields as object), _id }));

const asLibrary = (documents: readonly DeskDocument[]): Buffer =>
  Buffer.concat(documents.map((each) => BSON.serialize(each, { ignoreUndefined: true })));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('documents in BSON', () => {
  it("are byte for byte the library's, whatever they hold, one behind the other", () => {
    const bytes = new DocumentBytes();
    fc.assert(
      fc.property(fc.array(document, { maxLength: 4 }), (documents) => {
        for (const each of documents) bytes.add(each);
        expect(hex(bytes.take())).toBe(hex(asLibrary(documents)));
      }),
      { numRuns: 500 },
    );
  });

  it('may be given in parts', () => {
    const bytes = new DocumentBytes();
    bytes.add({ _id: 'x' }, { a: 'b', c: undefined }, { list: [1, 'two', { three: null }] });
    const whole = { _id: 'x', a: 'b', list: [1, 'two', { three: null }] };
    expect(hex(bytes.take())).toBe(hex(asLibrary([whole])));
  });

  it('are made of texts of any length', () => {
    const bytes = new DocumentBytes();
    for (const length of [31, 32, 33, 70_000, 1_000_001, 5_000_000]) {
      for (const character of ['a', 'ä', '件']) {
        const documents = [
          { _id: 'x', text: character.repeat(length) },
          { _id: 'y', z: null },
        ];
        for (const each of documents) bytes.add(each);
        expect(asLibrary(documents).equals(bytes.take())).toBe(true);
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
    for (const each of documents) bytes.add(each);
    expect(hex(bytes.take())).toBe(hex(asLibrary(documents)));
  });

  it('a name with NUL is refused as the library refuses it, and leaves nothing behind', () => {
    const bytes = new DocumentBytes();
    bytes.add({ _id: 'x' });
    for (const odd of ['a\0', '\0', '件\0'])
      expect(() => bytes.add({ _id: 'y', [odd]: 1 })).toThrow(BSON.BSONError);
    bytes.add({ _id: 'z' });
    expect(hex(bytes.take())).toBe(hex(asLibrary([{ _id: 'x' }, { _id: 'z' }])));
  });
});
