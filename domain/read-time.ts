const FORM =
  /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:T|t| +)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)? ?(Z|z|[+-]\d{2}:?\d{2})?$/;

/**
 * Reads a time of the prepared format (docs/formats.md): `2024-05-31T09:08:07.000Z`; `-`, `/` and `.` as date
 * separators, one-digit parts, no fraction, no seconds, an offset instead of Z; without either it is UTC.
 * @returns epoch milliseconds, or null when the text is no such time, no real date, or not in the years 1900-2099
 */
export function readTime(text: string): number | null {
  const parts = FORM.exec(text.trim());
  if (parts === null) return null;
  const [, year, , month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = parts;
  const millisecond = Number(fraction.padEnd(3, '0').slice(0, 3));
  const time = timeOf(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    millisecond,
  );
  if (time === null) return null;
  if (zone === 'Z' || zone === 'z') return time;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 18 || minutes > 59) return null;
  return time - (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** Epoch milliseconds of a calendar moment in UTC, or null when there is no such moment in 1900-2099. */
export function timeOf(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  millisecond: number,
): number | null {
  if (
    year < 1900 ||
    year > 2099 ||
    month < 1 ||
    month > 12 ||
    day < 1 ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    return null;
  if (day > 28 && day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
}
