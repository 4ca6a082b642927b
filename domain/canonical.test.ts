import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical, type Value } from './canonical.ts';

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Equal as the desk sees it: -0 is 0, and names have no order. */
function same(a: Value, b: Value): boolean {
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((each, i) => same(each, b[i] ?? null))
    );
  }
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(a[name] ?? null, b[name] ?? null))
  );
}

describe('D2: the canonical form', () => {
  test('two values have one form exactly when they are equal', () => {
    const pair = fc.oneof(
      fc.tuple(value, value),
      value.map((each): [Value, Value] => [each, structuredClone(each)]),
    );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(canonical(a) === canonical(b)).toBe(same(a, b));
      }),
    );
  });

  test('the order of names does not matter, that of a list does', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value, { maxKeys: 6 }), (fields) => {
        const turned = Object.fromEntries(Object.entries(fields).toReversed());
        expect(canonical(turned)).toBe(canonical(fields));
      }),
    );
    expect(canonical(['a', 'b'])).not.toBe(canonical(['b', 'a']));
  });

  test('kinds are never taken for one another, and text is not normalised', () => {
    const forms = [
      '1',
      1,
      true,
      'true',
      't',
      null,
      'n',
      new Date(1),
      ['1'],
      { 1: '1' },
      '',
      [],
      {},
      'é',
      'e\u0301',
    ].map((each) => canonical(each as Value));
    expect(new Set(forms).size).toBe(forms.length);
    expect(canonical(-0)).toBe(canonical(0));
  });

  test('what is undefined is absent', () => {
    const fields: { [field: string]: Value } = { a: 1 };
    Object.assign(fields, { b: undefined });
    expect(canonical(fields)).toBe(canonical({ a: 1 }));
  });
});
