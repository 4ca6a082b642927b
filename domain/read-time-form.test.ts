import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTimeZone, timeForm, TimeFormError } from './read-time-form.ts';

const read = (format: string | null, zone: string | null, text: string): string | null => {
  const time = timeForm(format, zone).read(text);
  return time === null ? null : new Date(time).toISOString();
};

describe('reading times by a format', () => {
  test.each([
    ['yyyy-MM-dd HH:mm:ss', 'UTC', '2023-06-01 12:15:36', '2023-06-01T12:15:36.000Z'],
    ['yyyy-MM-dd HH:mm:ss', 'Asia/Tokyo', '2023-06-01 12:15:36', '2023-06-01T03:15:36.000Z'],
    ['dd/MM/yyyy', 'Europe/Berlin', '01/06/2023', '2023-05-31T22:00:00.000Z'],
    ['M/d/yyyy h:mm a', 'America/New_York', '6/1/2023 12:05 AM', '2023-06-01T04:05:00.000Z'],
    ['M/d/yyyy h:mm a', 'America/New_York', '6/1/2023 12:05\u202fpm', '2023-06-01T16:05:00.000Z'],
    ['yyyy年M月d日 HH:mm', 'Asia/Tokyo', '2023年6月1日 09:00', '2023-06-01T00:00:00.000Z'],
    ['yyyy/MM/dd(EEE) aK:mm', 'Asia/Tokyo', '2023/06/01(木) 午後0:30', '2023-06-01T03:30:00.000Z'],
    ['dd/MMM/yy h:mm a', null, '01/Jun/23 9:05 AM', '2023-06-01T09:05:00.000Z'],
    ['EEEE, MMMM d, yyyy', null, 'Thursday, June 1, 2023', '2023-06-01T00:00:00.000Z'],
    [
      'EEE, dd MMM yyyy HH:mm:ss X',
      'Asia/Tokyo',
      'Thu, 01 Jun 2023 12:15:36 -0330',
      '2023-06-01T15:45:36.000Z',
    ],
    ['yyyyMMddHHmmssSSS', null, '20230601121536789', '2023-06-01T12:15:36.789Z'],
    ["yyyy-MM-ddTHH:mm:ss.S 'o''clock'", null, "2023-06-01T12:15:36.5 o'clock", '2023-06-01T12:15:36.500Z'],
    ['epochSeconds', 'Asia/Tokyo', '1685621736', '2023-06-01T12:15:36.000Z'],
    ['epochMilliseconds', null, '1685621736123', '2023-06-01T12:15:36.123Z'],
    [null, 'Asia/Tokyo', '2023/6/1 9:00', '2023-06-01T00:00:00.000Z'],
    [null, 'Asia/Tokyo', '2023-06-01T09:00:00-05:00', '2023-06-01T14:00:00.000Z'],
    [null, null, '2023-06-01T09:00:00', '2023-06-01T09:00:00.000Z'],
  ])('A10: %s in %s reads %s', (format, zone, text, instant) => {
    expect(read(format, zone, text)).toBe(instant);
    expect(read(format, zone, ` ${text} `)).toBe(instant);
  });

  test.each([
    ['yyyy-MM-dd HH:mm:ss', '2023-06-01'],
    ['yyyy-MM-dd HH:mm:ss', '2023-6-1 12:15:36'],
    ['yyyy-MM-dd HH:mm:ss', '2023-06-01  12:15:36'],
    ['yyyy-MM-dd', '2023-02-29'],
    ['yyyy-MM-dd', '1899-12-31'],
    ['yyyy-MM-dd', '２０２３-06-01'],
    ['yyyy-MM-dd HH:mm', '2023-06-01 24:00'],
    ['yyyy-MM-dd h:mm a', '2023-06-01 13:00 PM'],
    ['yyyy-MM-dd h:mm a', '2023-06-01 0:00 AM'],
    ['EEE yyyy-MM-dd', 'Fri 2023-06-01'],
    ['yyyy-MM-dd HH:mm X', '2023-06-01 12:00 +19:00'],
    ['epochSeconds', '1e9'],
    ['epochSeconds', '1685621736123'],
    [null, '01/06/2023 12:00'],
  ])('C5: %s does not read %s, nothing is guessed', (format, text) => {
    expect(read(format, null, text)).toBeNull();
  });

  test('A10: of a time that the clock showed twice the earlier is meant, one that it skipped is none', () => {
    const berlin = timeForm('yyyy-MM-dd HH:mm', 'Europe/Berlin');
    expect(berlin.read('2023-03-26 02:30')).toBeNull();
    expect(berlin.read('2023-03-26 01:59')).toBe(Date.UTC(2023, 2, 26, 0, 59));
    expect(berlin.read('2023-03-26 03:00')).toBe(Date.UTC(2023, 2, 26, 1, 0));
    expect(berlin.read('2023-10-29 02:30')).toBe(Date.UTC(2023, 9, 29, 0, 30));
    expect(berlin.read('2023-10-29 03:00')).toBe(Date.UTC(2023, 9, 29, 2, 0));
    // Samoa left this day out
    expect(read('yyyy-MM-dd', 'Pacific/Apia', '2011-12-30')).toBeNull();
    expect(read('yyyy-MM-dd', 'Pacific/Apia', '2011-12-31')).toBe('2011-12-30T10:00:00.000Z');
    // midnight itself was skipped
    expect(read('yyyy-MM-dd', 'America/Sao_Paulo', '2018-11-04')).toBeNull();
  });

  test.each([
    ['', 'does not name the year'],
    ['yyyy-MM', 'does not name the day'],
    ['yyyy-MM-dd HH:mm:ss Z', 'stands for nothing'],
    ['YYYY-MM-dd', 'stands for nothing'],
    ['yyyy-M-d Hm', 'does not say where "H" ends'],
    ['constructor', 'stands for nothing'],
    ['Mdyyyy', 'does not say where "M" ends'],
    ['yyyy-MM-dd MM', 'names the month twice'],
    ['yyyy-MM-dd hh:mm', 'without "a"'],
    ['yyyy-MM-dd HH:mm a', 'without an hour h or K'],
    ['yyyy-MM-dd HH hh a', 'names the hour twice'],
    ['yyyy-MM-dd mm', 'does not name the hour'],
    ['yyyy-MM-dd HH:ss', 'seconds without minutes'],
    ["yyyy-MM-dd 'at HH:mm", 'does not close'],
  ])('A10: the format "%s" is refused: it %s', (format, reason) => {
    expect(() => timeForm(format, null)).toThrow(TimeFormError);
    expect(() => timeForm(format, null)).toThrow(reason);
  });

  test('A10: a zone is an IANA name', () => {
    for (const zone of ['Asia/Tokyo', 'UTC', 'Europe/Berlin']) expect(isTimeZone(zone)).toBe(true);
    for (const zone of ['', '+09:00', 'Tokyo', 'JST?']) expect(isTimeZone(zone)).toBe(false);
    expect(() => timeForm(null, 'Tokyo')).toThrow(TimeFormError);
  });
});

describe('format, then read', () => {
  const ZONES = [
    'UTC',
    'Asia/Tokyo',
    'America/New_York',
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'America/St_Johns',
    'Africa/Casablanca',
  ];
  const instants = fc.integer({ min: Date.UTC(1901, 0, 1) / 1_000, max: Date.UTC(2099, 0, 1) / 1_000 });
  const two = (number: string): string => number.padStart(2, '0');

  /** What a clock in a zone shows, by another road than the reader's. */
  function shown(seconds: number, timeZone: string): Record<string, string> {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
      hourCycle: 'h23',
    });
    const [, day = '', month = '', year = '', hour = '', minute = '', second = ''] =
      /(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)/.exec(format.format(seconds * 1_000)) ?? [];
    return { day, month, year, hour, minute, second };
  }
  const hour12 = (hour: number): string => `${hour % 12 === 0 ? 12 : hour % 12}`;

  const WRITERS: [format: string, write: (at: Record<string, string>) => string][] = [
    [
      'yyyy-MM-dd HH:mm:ss',
      (at) => `${at['year']}-${at['month']}-${at['day']} ${at['hour']}:${at['minute']}:${at['second']}`,
    ],
    [
      'yyyy年M月d日 H時m分s秒',
      (at) =>
        `${at['year']}年${Number(at['month'])}月${Number(at['day'])}日 ${Number(at['hour'])}時${Number(at['minute'])}分${Number(at['second'])}秒`,
    ],
    [
      'M/d/yyyy h:mm:ss a',
      (at) =>
        `${Number(at['month'])}/${Number(at['day'])}/${at['year']} ${hour12(Number(at['hour']))}:${at['minute']}:${at['second']} ${Number(at['hour']) < 12 ? 'AM' : 'PM'}`,
    ],
    [
      'ddMMyyyyHHmmss',
      (at) => `${at['day']}${at['month']}${at['year']}${at['hour']}${at['minute']}${at['second']}`,
    ],
  ];

  test('A10: what is read back is the same moment, or the earlier one that the clock showed alike', () => {
    fc.assert(
      fc.property(
        instants,
        fc.constantFrom(...ZONES),
        fc.constantFrom(...WRITERS),
        (seconds, zone, [format, write]) => {
          const at = shown(seconds, zone);
          const text = write({ ...at, day: two(at['day'] ?? ''), month: two(at['month'] ?? '') });
          const time = timeForm(format, zone).read(text);
          expect(time).not.toBeNull();
          const found = (time ?? 0) / 1_000;
          if (found === seconds) return;
          // shown twice: the moment that was found shows the same and comes before
          expect(found).toBeLessThan(seconds);
          expect(shown(found, zone)).toEqual(at);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('A10: moments around every change of the clock in a year are read back', () => {
    const wrong: string[] = [];
    for (const zone of ['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe']) {
      const form = timeForm('yyyy-MM-dd HH:mm:ss', zone);
      const end = Date.UTC(2025, 0, 1) / 1_000;
      for (let seconds = Date.UTC(2024, 0, 1) / 1_000; seconds < end; seconds += 1_800 * 7) {
        const at = shown(seconds, zone);
        const text = `${at['year']}-${at['month']}-${at['day']} ${at['hour']}:${at['minute']}:${at['second']}`;
        const time = (form.read(text) ?? 0) / 1_000;
        const isSame = time === seconds || (time < seconds && shown(time, zone)['minute'] === at['minute']);
        if (!isSame) wrong.push(`${zone} ${text}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
