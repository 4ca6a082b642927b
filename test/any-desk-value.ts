import fc from 'fast-check';
import type { Value } from '../domain/canonical.ts';

/** Names of fields, usual and odd. */
export const anyName = fc.oneof(
  fc.constantFrom(
    'subject',
    'status',
    'createdTime',
    'a',
    'B',
    '',
    'カスタム',
    'ab件',
    '𝄞',
    '\uffff',
    '10',
    '9',
    '$set',
    'a.b',
  ),
  fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0') && each !== '__proto__'),
);

/** What a desk field can hold, nested and at its edges. */
export const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc.constantFrom('\ud800', 'a\udfffb', '\0', `${'x'.repeat(32)}é`, 'é'.repeat(32), 'あ'.repeat(33)),
    fc.double(),
    fc.integer(),
    fc.constantFrom(
      0,
      -0,
      0.5,
      1e21,
      2 ** 31,
      2 ** 31 - 1,
      -(2 ** 31),
      -(2 ** 31) - 1,
      2 ** 53,
      Number.MAX_SAFE_INTEGER,
    ),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(new Date(-1), new Date(0), new Date(2 ** 32), new Date(-(2 ** 32)), new Date(8.64e15)),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 12 }),
    fc.dictionary(anyName, tie('value'), { maxKeys: 5 }),
  ),
})).value;
