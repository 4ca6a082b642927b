import { describe, expect, test } from 'vitest';
import {
  changeState,
  DEFAULT_LIMITS,
  expiryMoments,
  isFinal,
  missingSteps,
  REPLY_WINDOW_MS,
  reminderMoments,
  STATES,
  TRANSITIONS,
  TransitionError,
} from './lifecycle.ts';
import { limitBreach } from './request.ts';

const DAY = 24 * 3_600_000;
const GB = 1_000_000_000;

describe('the table of states', () => {
  const pairs = STATES.flatMap((from) =>
    STATES.map((to) => ({ from, to, known: TRANSITIONS[from].includes(to) })),
  );
  test.each(pairs.filter(({ known }) => known))('$from becomes $to', ({ from, to }) => {
    expect(changeState(from, to)).toBe(to);
  });
  test.each(pairs.filter(({ known }) => !known))('$from does not become $to', ({ from, to }) => {
    expect(() => changeState(from, to)).toThrow(TransitionError);
  });

  test('every state can be reached, and from every state an end', () => {
    const reached = new Set(['PENDING', ...Object.values(TRANSITIONS).flat()]);
    expect([...reached].toSorted()).toEqual([...STATES].toSorted());
    expect(STATES.filter(isFinal)).toEqual(['COMPLETED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'STOPPED']);
  });
});

test('A2: remarks may stay empty, files are counted', () => {
  expect(missingSteps([], 0)).toEqual(['basic', 'files', 'tabs', 'desk', 'portal']);
  expect(missingSteps(['basic', 'tabs', 'desk', 'portal'], 1)).toEqual([]);
  expect(missingSteps(['basic', 'files', 'tabs', 'desk', 'portal'], 0)).toEqual(['files']);
});

test('A9: 30 days, with a reminder 3 days before', () => {
  expect(expiryMoments(5)).toEqual({ remindAt: 5 + 27 * DAY, expiresAt: 5 + 30 * DAY });
});

test('E1: reminders 7 days and 1 day before the end; a shorter window scales them', () => {
  expect(reminderMoments(0, REPLY_WINDOW_MS)).toEqual([7 * DAY, 13 * DAY]);
  expect(reminderMoments(1_000, 14_000)).toEqual([1_000 + 7_000, 1_000 + 13_000]);
});

describe('A4: limits of files', () => {
  const present = [1, 2, 3, 4].map((number) => ({ key: `f${number}`, bytes: 2 * GB }));
  test.each([
    ['a fifth of 2 GB makes 10 GB together', { key: 'f5', bytes: 2 * GB }, null],
    ['a file of a byte more than 2 GB', { key: 'f5', bytes: 2 * GB + 1 }, 'FILE_TOO_LARGE'],
    ['a file that replaces another counts once', { key: 'f4', bytes: 1 }, null],
  ] as const)('%s', (_, added, breach) => {
    expect(limitBreach(DEFAULT_LIMITS, present, [added])).toBe(breach);
  });
  test('a sixth file', () => {
    const six = [...present, { key: 'f5', bytes: 1 }];
    expect(limitBreach(DEFAULT_LIMITS, six, [{ key: 'f6', bytes: 1 }])).toBe('TOO_MANY_FILES');
  });
  test('a byte more than 10 GB together', () => {
    const limits = { ...DEFAULT_LIMITS, files: 6 };
    const full = [...present, { key: 'f5', bytes: 2 * GB }];
    expect(limitBreach(limits, full, [{ key: 'f6', bytes: 1 }])).toBe('FILES_TOO_LARGE');
  });
});
