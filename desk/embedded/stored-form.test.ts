import fc from 'fast-check';
import { BSON, Long } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { recordDigest } from '../../domain/digest.ts';
import { anyName, anyValue } from '../../test/any-desk-value.ts';
import { readStoredForm } from './stored-form.ts';

describe('D2: the digest read from bytes', () => {
  it('is the digest of the fields, whatever they hold', () => {
    fc.assert(
      fc.property(fc.dictionary(anyName, anyValue, { maxKeys: 20 }), (given) => {
        const { _id, migration, ...fields } = given;
        const bytes = BSON.serialize({ _id: 'p/files/1', ...fields, migration: { last: { segment: 1 } } });
        const { _id: id, migration: stamp, ...stored } = BSON.deserialize(bytes);
        const form = readStoredForm(bytes);
        expect(form).toMatchObject({ id: 'p/files/1', digest: recordDigest(stored) });
        const ends = { allowObjectSmallerThanBufferSize: true };
        expect(BSON.deserialize(bytes.subarray(form?.migrationAt ?? 0), ends)).toEqual({
          last: { segment: 1 },
        });
      }),
    );
  });

  it('does not depend on the order of the fields', () => {
    const one = readStoredForm(BSON.serialize({ _id: 'x', a: 1, b: 'two', c: [true] }));
    const other = readStoredForm(BSON.serialize({ c: [true], b: 'two', _id: 'x', a: 1 }));
    expect(one).not.toBeNull();
    expect(other).toEqual(one);
  });

  it.each(['b', 'é', '件', '😀'])('is that of a record as large as it may be, too: of %s', (character) => {
    const stored = { a: character.repeat(15_900_000 / Buffer.byteLength(character)), list: ['z', character] };
    expect(readStoredForm(BSON.serialize({ _id: 'x', ...stored }))?.digest).toBe(recordDigest(stored));
  });

  it('has no stamp where the document has none', () => {
    expect(readStoredForm(BSON.serialize({ _id: 'x', a: 1 }))?.migrationAt).toBeNull();
    expect(readStoredForm(BSON.serialize({ _id: 'x', migration: null }))?.migrationAt).toBeNull();
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
    ['within a list', { _id: 'x', a: [[/b/]] }],
  ])('leaves what no import writes to the usual way: %s', (_, document) => {
    expect(readStoredForm(BSON.serialize(document))).toBeNull();
  });
});
