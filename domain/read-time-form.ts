import { readTime, timeOf } from './read-time.ts';

/** How a source writes its times: a format and the zone of its clock (A10). */
export interface TimeForm {
  /** for messages: what a text should have looked like */
  readonly looks: string;
  /** Epoch milliseconds, or null when the text is not of this form, no real moment, or not in the years 1900-2099. */
  read(text: string): number | null;
}

/** A format text or a zone that cannot be used; the message says why, as the end of a sentence. */
export class TimeFormError extends Error {
  readonly code: 'BAD_TIME_FORMAT' | 'UNKNOWN_TIME_ZONE';
  constructor(code: TimeFormError['code'], message: string) {
    super(message);
    this.name = 'TimeFormError';
    this.code = code;
  }
}

type Part =
  | 'year'
  | 'month'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'hour11'
  | 'half'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'weekday'
  | 'offset';

interface Token {
  part: Part;
  /** a regular expression without groups */
  pattern: string;
  read: (text: string) => number;
  /** may be followed by a digit of the next token without saying where it ends */
  isOpen?: true;
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const WEEKDAYS_JA = ['日', '月', '火', '水', '木', '金', '土'];

const two = (part: Part): Token => ({ part, pattern: '\\d{2}', read: Number });
const oneOrTwo = (part: Part): Token => ({ part, pattern: '\\d{1,2}', read: Number, isOpen: true });

/** A token of names: the number is the name's place in any of the lists. */
function names(part: Part, first: number, ...lists: readonly (readonly string[])[]): Token {
  const places = new Map(
    lists.flatMap((list) => list.map((name, place) => [name.toLowerCase(), place + first] as const)),
  );
  return {
    part,
    pattern: [...places.keys()].map((name) => name.replaceAll('.', '\\.')).join('|'),
    read: (text) => places.get(text.toLowerCase()) ?? Number.NaN,
  };
}

const short = (list: readonly string[]): string[] => list.map((name) => name.slice(0, 3));

const TOKENS: Readonly<Record<string, Token>> = {
  yyyy: { part: 'year', pattern: '\\d{4}', read: Number },
  yy: { part: 'year', pattern: '\\d{2}', read: (text) => 2000 + Number(text) },
  MMMM: names('month', 1, MONTHS),
  MMM: names('month', 1, short(MONTHS)),
  MM: two('month'),
  M: oneOrTwo('month'),
  dd: two('day'),
  d: oneOrTwo('day'),
  HH: two('hour'),
  H: oneOrTwo('hour'),
  hh: two('hour12'),
  h: oneOrTwo('hour12'),
  KK: two('hour11'),
  K: oneOrTwo('hour11'),
  a: names('half', 0, ['AM', 'PM'], ['a.m.', 'p.m.'], ['午前', '午後']),
  mm: two('minute'),
  m: oneOrTwo('minute'),
  ss: two('second'),
  s: oneOrTwo('second'),
  EEEE: names(
    'weekday',
    0,
    WEEKDAYS,
    WEEKDAYS_JA.map((name) => `${name}曜日`),
  ),
  EEE: names('weekday', 0, short(WEEKDAYS), WEEKDAYS_JA),
  X: { part: 'offset', pattern: 'z|[+-]\\d{2}(?::?\\d{2})?', read: readOffset },
};

function readOffset(text: string): number {
  if (text === 'Z' || text === 'z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = text.length > 3 ? Number(text.slice(-2)) : 0;
  if (hours > 18 || minutes > 59) return Number.NaN;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** `S` to `SSSSSSSSS`: digits of the second's fraction; what is finer than a millisecond is not kept. */
function fraction(digits: number): Token {
  return {
    part: 'fraction',
    pattern: `\\d{${digits}}`,
    read: (text) => Number(text.padEnd(3, '0').slice(0, 3)),
  };
}

/** Formats that are no calendar date. */
const EPOCHS: ReadonlyMap<string, number> = new Map([
  ['epochSeconds', 1_000],
  ['epochMilliseconds', 1],
]);
const EPOCH = /^-?\d{1,15}(?:\.\d{1,9})?$/;
const FIRST_MOMENT = Date.UTC(1900, 0, 1);
const BEHIND_LAST = Date.UTC(2100, 0, 1);

/** The forms of the prepared format (docs/formats.md), for which no format needs to be given. */
const PREPARED = '2024-05-31T09:08:07.000Z';
const ENDS_WITH_OFFSET = /(?:[Zz]|[+-]\d{2}:?\d{2})$/;

/**
 * Makes the reader of a source's times (A10). The letters of a format are those of Unicode's date patterns: `yyyy` `yy` (20yy),
 * `M` `MM` `MMM` `MMMM`, `d` `dd`, `H` `HH`, `h` `hh` (1-12) or `K` `KK` (0-11) with `a`, `m` `mm`, `s` `ss`, `S`..., `EEE` `EEEE`,
 * `X` (Z or an offset); one letter takes one or two digits, two take exactly two. Other letters stand in '...'; all else is
 * itself. `epochSeconds` and `epochMilliseconds` are numbers since 1970. A date without a time is its midnight.
 * @param format null = the forms of the prepared format
 * @param zone IANA name of the zone of texts that name no offset; null = UTC. A time that the clock skipped is none; of one that it
 * showed twice the earlier is meant
 * @throws TimeFormError
 */
export function timeForm(format: string | null, zone: string | null): TimeForm {
  const clock = zone === null ? null : clockOf(zone);
  if (format === null) return preparedForm(clock);
  const scale = EPOCHS.get(format);
  if (scale !== undefined) return epochForm(format, scale);
  return calendarForm(format, clock);
}

function preparedForm(clock: Clock | null): TimeForm {
  return {
    looks: PREPARED,
    read(text) {
      const time = readTime(text);
      return time === null || clock === null || ENDS_WITH_OFFSET.test(text.trim())
        ? time
        : clock.instantOf(time);
    },
  };
}

function epochForm(looks: string, scale: number): TimeForm {
  return {
    looks,
    read(text) {
      const number = text.trim();
      if (!EPOCH.test(number)) return null;
      const time = Math.floor(Number(number) * scale);
      return time >= FIRST_MOMENT && time < BEHIND_LAST ? time : null;
    },
  };
}

interface Step {
  part: Part;
  read: (text: string) => number;
}

function calendarForm(format: string, clock: Clock | null): TimeForm {
  const { pattern, steps } = compile(format);
  return {
    looks: format,
    read(text) {
      const found = pattern.exec(text.trim());
      if (found === null) return null;
      const parts: Partial<Record<Part, number>> = {};
      for (let place = 0; place < steps.length; place++) {
        const step = steps[place] as Step;
        const value = step.read(found[place + 1] as string);
        if (Number.isNaN(value)) return null;
        parts[step.part] = value;
      }
      const wall = wallOf(parts);
      if (wall === null) return null;
      if (parts.offset !== undefined) return wall - parts.offset;
      return clock === null ? wall : clock.instantOf(wall);
    },
  };
}

/** What the clock shows, as if it showed UTC. */
function wallOf(parts: Partial<Record<Part, number>>): number | null {
  const { year = 0, month = 0, day = 0, minute = 0, second = 0, fraction: millisecond = 0 } = parts;
  const hour = hourOf(parts);
  if (hour === null) return null;
  const wall = timeOf(year, month, day, hour, minute, second, millisecond);
  if (wall === null) return null;
  return parts.weekday === undefined || new Date(wall).getUTCDay() === parts.weekday ? wall : null;
}

function hourOf({ hour, hour12, hour11, half = 0 }: Partial<Record<Part, number>>): number | null {
  if (hour12 !== undefined) return hour12 >= 1 && hour12 <= 12 ? (hour12 % 12) + half * 12 : null;
  if (hour11 !== undefined) return hour11 <= 11 ? hour11 + half * 12 : null;
  return hour ?? 0;
}

/** Runs of one letter, quoted texts, and single other characters. */
const PIECES = /([A-Za-z])\1*|'((?:[^']|'')*)'|[\s\S]/gu;

function compile(format: string): { pattern: RegExp; steps: Step[] } {
  const steps: Step[] = [];
  let pattern = '';
  let open: string | null = null;
  for (const [piece, letter, quoted] of format.matchAll(PIECES)) {
    if (letter !== undefined && piece !== 'T') {
      const token = /^S{1,9}$/.test(piece) ? fraction(piece.length) : TOKENS[piece];
      if (token === undefined) {
        throw bad(
          `holds "${piece}", which stands for nothing; quote letters that stand for themselves, as 'at'`,
        );
      }
      if (open !== null && token.pattern.startsWith('\\d')) {
        throw bad(`does not say where "${open}" ends: put something between it and "${piece}"`);
      }
      if (steps.some(({ part }) => part === token.part)) throw bad(`names the ${token.part} twice`);
      open = token.isOpen === true ? piece : null;
      steps.push({ part: token.part, read: token.read });
      pattern += `(${token.pattern})`;
      continue;
    }
    if (piece === "'") throw bad("opens a quote ' that it does not close");
    open = null;
    // '' is one quotation mark, within quotes and without
    pattern += literal(quoted === undefined ? piece : quoted === '' ? "'" : quoted.replaceAll("''", "'"));
  }
  requireParts(new Set(steps.map(({ part }) => part)));
  return { pattern: new RegExp(`^${pattern}$`, 'i'), steps };
}

function bad(reason: string): TimeFormError {
  return new TimeFormError('BAD_TIME_FORMAT', reason);
}

/** A space also stands for the spaces without a break that some systems write. */
function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replaceAll(' ', '[ \\u00a0\\u202f\\u3000]');
}

function requireParts(parts: ReadonlySet<Part>): void {
  for (const part of ['year', 'month', 'day'] as const) {
    if (!parts.has(part)) throw bad(`does not name the ${part}`);
  }
  const hours = (['hour', 'hour12', 'hour11'] as const).filter((part) => parts.has(part));
  if (hours.length > 1) throw bad('names the hour twice');
  const [hour] = hours;
  if ((hour === 'hour12' || hour === 'hour11') !== parts.has('half')) {
    throw bad(
      parts.has('half')
        ? 'has an "a" without an hour h or K'
        : 'has an hour of twelve without "a"; use H, or add a',
    );
  }
  if (hour === undefined && (parts.has('minute') || parts.has('offset'))) throw bad('does not name the hour');
  if (parts.has('second') && !parts.has('minute')) throw bad('has seconds without minutes');
  if (parts.has('fraction') && !parts.has('second')) throw bad('has a fraction without seconds');
}

/** Whether a name is one of the IANA zones, such as Asia/Tokyo; offsets are none. */
export function isTimeZone(name: string): boolean {
  // an offset such as +09:00 is taken by Intl too, but knows no summer time
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const DAY = 86_400_000;
const clocks = new Map<string, Clock>();

/** The clock of a zone; one for all who ask, since what it has learned of its days is worth keeping. */
function clockOf(zone: string): Clock {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    if (!isTimeZone(zone))
      throw new TimeFormError('UNKNOWN_TIME_ZONE', 'is no IANA time zone such as Asia/Tokyo');
    clock = new Clock(zone);
    clocks.set(zone, clock);
  }
  return clock;
}

/** A zone's clock. Intl is slow, so the offset at the start of each day that was asked for is kept. */
class Clock {
  readonly #format: Intl.DateTimeFormat;
  readonly #atDayStart = new Map<number, number>();

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** The moment at which the clock shows this, or null when it skips it; the earlier one when it shows it twice. */
  instantOf(wall: number): number | null {
    const day = Math.floor(wall / DAY);
    // no zone is a day away from UTC, so that these two moments lie around the one that is looked for
    const before = this.#offsetAtStart(day - 1);
    const after = this.#offsetAtStart(day + 2);
    if (before === after) return wall - before;
    const fits = [wall - before, wall - after].filter((time) => time + this.#offsetAt(time) === wall);
    return fits.length === 0 ? null : Math.min(...fits);
  }

  #offsetAtStart(day: number): number {
    let offset = this.#atDayStart.get(day);
    if (offset === undefined) {
      offset = this.#offsetAt(day * DAY);
      this.#atDayStart.set(day, offset);
    }
    return offset;
  }

  /** How far the clock is ahead of UTC at a moment, in milliseconds. */
  #offsetAt(time: number): number {
    const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of this.#format.formatToParts(time)) shown[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
    const whole = Math.floor(time / 1_000) * 1_000;
    return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
  }
}
