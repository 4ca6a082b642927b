import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Problem } from './problem.ts';
import { validBody } from './valid.ts';

const anything = z.record(z.string(), z.unknown());

function faults(body: unknown): unknown {
  try {
    validBody(anything, body);
    return [];
  } catch (error) {
    if (error instanceof Problem) return error.errors;
    throw error;
  }
}

const nested = (levels: number): unknown => (levels === 0 ? 'x' : { a: nested(levels - 1) });

describe('H: what is sent', () => {
  it('H: a body is refused that is nested too deeply', () => {
    expect(faults(nested(32))).toEqual([]);
    expect(faults(nested(34))).toMatchObject([{ detail: 'is nested more than 32 levels deep' }]);
    expect(faults(nested(5_000))).toHaveLength(1);
  });

  it('H: a name that would reach into the program is refused wherever it stands', () => {
    const body: unknown = JSON.parse('{"a":[{"b":{"__proto__":{"role":"operator"}}}]}');
    expect(faults(body)).toEqual([
      { pointer: '/a/0/b/__proto__', detail: 'is not a name that can be used here' },
    ]);
  });
});
