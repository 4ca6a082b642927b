import { describe, expect, it } from 'vitest';
import { createPace } from './show-progress.ts';

describe('H: records a second', () => {
  it('H: is measured between looks over the last minute', () => {
    const pace = createPace();
    expect(pace.measure('a', 0, 0)).toBeNull();
    expect(pace.measure('a', 50, 500)).toBeNull();
    expect(pace.measure('a', 2_000, 10_000)).toBe(200);
    expect(pace.measure('a', 2_000, 70_000)).toBe(0);
    expect(pace.measure('b', 100, 70_000)).toBeNull();
  });

  it('F1: begins anew when a tab is tried again', () => {
    const pace = createPace();
    pace.measure('a', 900, 0);
    expect(pace.measure('a', 10, 2_000)).toBeNull();
    expect(pace.measure('a', 30, 4_000)).toBe(10);
  });
});
