import fc from 'fast-check';
import { BSON, Long } from 'mongodb';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../domain/canonical.ts';
import { recordDigest } from '../../domain/digest.ts';
import { readStoredForm } from './stored-form.ts';

const name = fc.oneof(
  fc.constantFrom('subject', 'status', 'createdTime', 'a', 'B', '', 'カスタム', '𝄞', '\uffff', '10', '9'),
  fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0') && each !== '__proto__'),
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc.double(),
    fc.integer(),
    fc.constantFrom(0, -0, 0.5, 1e21, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 12 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5 }),
  ),
})).value;

describe('D2: the digest read from bytes', () => {
  it('is the digest of the fields, whatever they hold', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 20 }), (given) => {
        const { _id, migration, ...fields } = given;
        const bytes = BSON.serialize({ _id: 'p/files/1', ...fields, migration: { last: { segment: 1 } } });
        const { _id: id, migration: stamp, ...stored } = BSON.deserialize(bytes);
        expect(readStoredForm(bytes)).toEqual({ id: 'p/files/1', digest: recordDigest(stored) });
      }),
    );
  });

  it('does not depend on the order of the fields', () => {
    const one = readStoredForm(BSON.serialize({ _id: 'x', a: 1, b: 'two', c: [true] }));
    const other = readStoredForm(BSON.serialize({ c: [true], b: 'two', _id: 'x', a: 1 }));
    expect(one).not.toBeNull();
    expect(other).toEqual(one);
  });

  it('reads a document that lies within a larger message', () => {
    const bytes = BSON.serialize({ _id: 'x', subject: '件名', number: 7 });
    const message = Buffer.concat([Buffer.alloc(13, 7), bytes, Buffer.alloc(5, 7)]);
    expect(readStoredForm(message.subarray(13, 13 + bytes.length))).toEqual(readStoredForm(bytes));
  });

  it.each([
    ['a number of 64 bits', { _id: 'x', a: Long.fromString('9007199254740993') }],
    ['bytes', { _id: 'x', a: Buffer.from('b') }],
    ['an id that is no text', { _id: 7, a: 'b' }],
    ['a large record', { _id: 'x', a: 'b'.repeat(1_000_000) }],
    ['within a list', { _id: 'x', a: [[/b/]] }],
  ])('leaves what no import writes to the usual way: %s', (_, document) => {
    expect(readStoredForm(BSON.serialize(document))).toBeNull();
  });
});
