import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FAILURE_CODES, RESULTS, SKIP_CODES, WARNING_CODES } from './codes.ts';
import { countOutcomes, packOutcomes, type RecordOutcome, unpackOutcomes } from './record-outcome.ts';

const text = fc.option(fc.string({ minLength: 1 }));
const outcome: fc.Arbitrary<RecordOutcome> = fc.record({
  row: fc.nat(),
  part: fc.nat(20),
  externalId: fc.string(),
  deskId: text,
  result: fc.constantFrom(...RESULTS),
  code: fc.option(fc.constantFrom(...FAILURE_CODES, ...SKIP_CODES)),
  column: text,
  message: text,
  warnings: fc.subarray([...WARNING_CODES]),
  digest: text,
});

test('D3: outcomes come out of the ledger as they went in', () => {
  fc.assert(
    fc.property(fc.array(outcome), (list) => {
      expect(unpackOutcomes(packOutcomes(list))).toEqual(list);
    }),
  );
});

test('D1: the five results add up to the records', () => {
  fc.assert(
    fc.property(fc.array(outcome), (list) => {
      const { source, created, updated, unchanged, skipped, failed } = countOutcomes(list);
      expect(source).toBe(list.length);
      expect(created + updated + unchanged + skipped + failed).toBe(source);
    }),
  );
});
