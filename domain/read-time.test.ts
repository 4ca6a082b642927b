import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTime } from './read-time.ts';

const moment = fc.date({
  min: new Date('1900-01-02T00:00:00Z'),
  max: new Date('2099-12-30T23:59:59.999Z'),
  noInvalidDate: true,
});
const two = (part: number): string => String(part).padStart(2, '0');

describe('times of the prepared format', () => {
  test('what toISOString writes is read as that moment', () => {
    fc.assert(
      fc.property(moment, (date) => {
        expect(readTime(date.toISOString())).toBe(date.getTime());
      }),
    );
  });

  test('separators, one-digit parts, no seconds and offsets mean the same moment', () => {
    fc.assert(
      fc.property(
        moment,
        fc.constantFrom('-', '/', '.'),
        fc.constantFrom('T', ' ', 't'),
        fc.boolean(),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (date, separator, between, short, offset) => {
          const minutes = new Date(Math.floor(date.getTime() / 60_000) * 60_000);
          const local = new Date(minutes.getTime() + offset * 60_000);
          const part = short ? String : two;
          const day = [
            String(local.getUTCFullYear()),
            part(local.getUTCMonth() + 1),
            part(local.getUTCDate()),
          ].join(separator);
          const time = `${part(local.getUTCHours())}:${part(local.getUTCMinutes())}`;
          const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
          expect(readTime(`${day}${between}${time}${zone}`)).toBe(minutes.getTime());
        },
      ),
    );
  });

  test.each([
    ['2024-05-31T09:08:07.000Z', '2024-05-31T09:08:07.000Z'],
    ['2024-05-31T09:08:07', '2024-05-31T09:08:07.000Z'],
    ['2024/5/1 9:8', '2024-05-01T09:08:00.000Z'],
    ['2024.05.31 09:08:07.5', '2024-05-31T09:08:07.500Z'],
    [' 2024-02-29T00:00:00+0900 ', '2024-02-28T15:00:00.000Z'],
    ['2099-12-31T23:59:59Z', '2099-12-31T23:59:59.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(readTime(text)).toBe(Date.parse(iso));
  });

  test.each([
    '',
    'yesterday',
    '2024-05-31',
    '2023-02-29T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2024-00-01T00:00:00Z',
    '2024-05/31T00:00:00Z',
    '2024-05-31T24:00:00Z',
    '2024-05-31T00:60:00Z',
    '1899-12-31T23:59:59Z',
    '2100-01-01T00:00:00Z',
    '31-05-2024T00:00:00Z',
    '2024-05-31T00:00:00+25:00',
    '２０２４-05-31T00:00:00Z',
  ])('%j is no time: nothing is guessed', (text) => {
    expect(readTime(text)).toBeNull();
  });
});
