import { describe, expect, test } from 'vitest';
import type { QueueEntry, QueueState } from './messages.ts';
import { expectedStart, join, leave, lineOf, toFront } from './queue-order.ts';

const empty = (): QueueState => ({ running: [], waiting: [] });
const entry = (request: string, more: Partial<QueueEntry> = {}): QueueEntry => ({
  request,
  phase: 'phase-1',
  front: false,
  ticket: 1,
  since: 0,
  milliseconds: 1_000,
  ...more,
});
const order = (state: QueueState): string => state.waiting.map((waiting) => waiting.request).join(' ');

describe('B4: the line', () => {
  test('B4: stands in the order of approval, whenever they come', () => {
    const state = empty();
    join(state, entry('b', { since: 2 }));
    join(state, entry('c', { since: 3 }));
    join(state, entry('a', { since: 1 }));
    expect(order(state)).toBe('a b c');
  });

  test('B4: phase 2 before phase 1, resumed ones before both, in the order in which they came back', () => {
    const state = empty();
    join(state, entry('a', { since: 1 }));
    join(state, entry('second', { since: 9, phase: 'phase-2' }));
    join(state, entry('back1', { since: 8, front: true }));
    join(state, entry('back2', { since: 7, front: true }));
    expect(order(state)).toBe('back1 back2 second a');
  });

  test('B4: an operator moves one ahead of all; one that does not wait is not moved', () => {
    const state = empty();
    join(state, entry('a', { since: 1 }));
    join(state, entry('b', { since: 2 }));
    join(state, entry('back', { front: true }));
    expect(toFront(state, 'b')).toBe(true);
    expect(order(state)).toBe('b back a');
    expect(toFront(state, 'x')).toBe(false);
  });

  test('B4: the same turn asked for again changes nothing; a later one takes the place of an earlier one', () => {
    const state = empty();
    join(state, entry('a', { since: 1 }));
    join(state, entry('b', { since: 2 }));
    join(state, entry('a', { since: 1 }));
    expect(order(state)).toBe('a b');
    join(state, entry('a', { since: 3, ticket: 2 }));
    expect(order(state)).toBe('b a');
    state.running.push({ request: 'r', phase: 'phase-1', ticket: 4, since: 0, milliseconds: null });
    join(state, entry('r', { ticket: 4 }));
    expect(order(state)).toBe('b a');
  });

  test('F6, B4: told of a turn that nobody has, it keeps a later one of the same request', () => {
    const state = empty();
    state.running.push({ request: 'a', phase: 'phase-1', ticket: 1, milliseconds: null, since: 0 });
    join(state, entry('a', { ticket: 2 }));
    leave(state, 'a', 1);
    expect(lineOf(state, 1)).toMatchObject({ running: [], waiting: [{ request: 'a', ticket: 2 }] });
    leave(state, 'a', 1);
    expect(order(state)).toBe('a');
  });

  test('B4: leaving gives back both the turn and the place', () => {
    const state = empty();
    state.running.push({ request: 'a', phase: 'phase-1', ticket: 1, since: 0, milliseconds: null });
    join(state, entry('b'));
    leave(state, 'a');
    leave(state, 'b');
    expect(lineOf(state, 1)).toEqual({ running: [], waiting: [], turns: 1 });
  });
});

describe('B5: the expected start', () => {
  const state = empty();
  state.running.push({ request: 'r', phase: 'phase-1', ticket: 1, since: 1_000, milliseconds: 5_000 });
  join(state, entry('a', { since: 1, milliseconds: 10_000 }));
  join(state, entry('b', { since: 2, milliseconds: null }));
  join(state, entry('c', { since: 3 }));

  test('B5: counts those that run and those ahead', () => {
    expect(expectedStart(state, 1, 1, 2_000)).toBe(6_000);
    expect(expectedStart(state, 1, 2, 2_000)).toBe(16_000);
    expect(expectedStart(state, 2, 1, 2_000)).toBe(2_000);
  });
  test('B5: one that is overdue is expected to end now', () => {
    expect(expectedStart(state, 1, 1, 60_000)).toBe(60_000);
  });
  test('B5: behind one of unknown length it is not known', () => {
    expect(expectedStart(state, 1, 3, 2_000)).toBeNull();
  });
});
