import fc from 'fast-check';
import { expect, test } from 'vitest';
import { neutralise, plainCell } from './report-cell.ts';

const cell = fc.oneof(
  fc.string(),
  fc
    .tuple(fc.constantFrom('=', '+', '-', '@', '\t', '\r', "'", "'='"), fc.string())
    .map((both) => both.join('')),
);

test('C7: no cell of a report begins as a formula does, and what it was can be told', () => {
  fc.assert(
    fc.property(cell, (each) => {
      expect(neutralise(each)).not.toMatch(/^[=+\-@\t\r]/);
      expect(plainCell(neutralise(each))).toBe(each);
    }),
  );
});
