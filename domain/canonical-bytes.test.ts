import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, type Value } from './canonical.ts';
import { CanonicalBytes } from './canonical-bytes.ts';

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.double(),
    fc.constantFrom(0, -0, 1e21, Number.MAX_SAFE_INTEGER),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 12 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 50 }), tie('value'), { maxKeys: 12 }),
  ),
})).value;

describe('D2: the canonical form in bytes', () => {
  it('is the canonical form, in UTF-8', () => {
    const form = new CanonicalBytes();
    fc.assert(
      fc.property(value, (each) => {
        form.clear();
        form.value(each);
        expect(Buffer.from(form.form).toString()).toBe(canonical(each));
      }),
    );
  });

  it('holds what is larger than any before it', () => {
    const form = new CanonicalBytes();
    for (const length of [10, 100_000, 3, 6_000_000, 7]) {
      const fields = { list: ['件'.repeat(length), 'a'.repeat(length)], length };
      form.clear();
      form.value(fields);
      expect(Buffer.from(form.form).equals(Buffer.from(canonical(fields)))).toBe(true);
    }
  });
});
