import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedNames } from './sorted-names.ts';

test('D2: names come in the order of the canonical form, the first time and again, also as a part of a list', () => {
  const names = new SortedNames();
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 3 })), fc.nat(5), (list, from) => {
      for (let again = 0; again < 2; again++) {
        expect(names.sorted(list)).toEqual(list.toSorted());
        const part = list.slice(from);
        expect(names.places(list, from, list.length).map((place) => part[place])).toEqual(part.toSorted());
      }
    }),
  );
});

test('D2: more lists than are kept are sorted all the same', () => {
  const names = new SortedNames();
  for (let n = 0; n < 30_000; n++) expect(names.sorted([`b${n}`, `a${n}`])).toEqual([`a${n}`, `b${n}`]);
});
