import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from './canonical.ts';
import { recordDigest, recordDigests, TabDigest } from './digest.ts';

const records = fc.array(fc.tuple(fc.string(), fc.base64String()), { maxLength: 30 });

function digestOf(list: readonly (readonly [string, string])[]): string {
  const digest = new TabDigest();
  for (const [id, each] of list) digest.add(id, each);
  return digest.toString();
}

describe('D2: digests', () => {
  test('a record digest is the SHA-256 of the canonical form', () => {
    const fields = { subject: 'S', tags: ['a'], createdTime: new Date(5) };
    expect(recordDigest(fields)).toBe(createHash('sha256').update(canonical(fields)).digest('hex'));
  });

  test('two digests at once are what each is alone', () => {
    const fields = fc.dictionary(
      fc.constantFrom('a', 'B', 'subject', 'contactId', 'タグ', 'z'),
      fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()), fc.date({ noInvalidDate: true })),
    );
    fc.assert(
      fc.property(fields, fields, fields, (both, stored, given) => {
        const one = { ...both, ...stored };
        const other = { ...both, ...given };
        expect(recordDigests(one, other)).toEqual({ stored: recordDigest(one), given: recordDigest(other) });
      }),
    );
  });

  test('a tab digest does not depend on the order of its records', () => {
    fc.assert(
      fc.property(
        records.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, turned]) => {
          expect(digestOf(turned)).toBe(digestOf(list));
        },
      ),
    );
  });

  test('digests of segments add up to the digest of the tab', () => {
    fc.assert(
      fc.property(records, fc.nat(30), (list, at) => {
        const merged = new TabDigest();
        merged.merge(digestOf(list.slice(0, at)));
        merged.merge(digestOf(list.slice(at)));
        expect(merged.toString()).toBe(digestOf(list));
      }),
    );
  });

  test('it is the sum modulo 2^256', () => {
    fc.assert(
      fc.property(records, (list) => {
        const sum = list.reduce((all, [id, each]) => {
          const hex = createHash('sha256').update(`${id.length}:${id}${each}`).digest('hex');
          return (all + BigInt(`0x${hex}`)) % 2n ** 256n;
        }, 0n);
        expect(digestOf(list)).toBe(sum.toString(16).padStart(64, '0'));
      }),
    );
  });

  test('one record more, less or different gives another digest; swapped digests do, too', () => {
    const list = [
      ['a', 'x'],
      ['b', 'y'],
    ] as const;
    const others = [
      [['a', 'x']],
      [
        ['a', 'x'],
        ['b', 'z'],
      ],
      [
        ['a', 'y'],
        ['b', 'x'],
      ],
      [...list, ['b', 'y']],
    ] as const;
    for (const other of others) expect(digestOf(other)).not.toBe(digestOf(list));
  });

  test('what is no digest is not merged', () => {
    expect(() => new TabDigest().merge('12')).toThrow(RangeError);
  });
});
