import { describe, expect, test } from 'vitest';
import { MESSAGE_KINDS } from '../domain/message.ts';
import { EN } from './locales/en.ts';
import { JA } from './locales/ja.ts';
import { type MessageFacts, composeMessage, formatMoment } from './compose-message.ts';

const FACTS: MessageFacts = {
  kind: 'phase1Report',
  locale: 'en',
  timeZone: 'Asia/Tokyo',
  request: 'm_01',
  state: 'REPLY_WINDOW',
  name: 'Yamada Hanako',
  system: 'OldDesk',
  portal: 'acme',
  ticket: 'T-7',
  phase: 'phase-1',
  reason: 'the key no longer works',
  place: 3,
  expectedStart: Date.UTC(2026, 0, 1, 12, 0),
  expectedEnd: Date.UTC(2026, 0, 2, 3, 4),
  windowEndsAt: Date.UTC(2026, 0, 15, 16, 30),
  expiresAt: Date.UTC(2026, 1, 1),
};

describe('messages', () => {
  test.each(MESSAGE_KINDS.flatMap((kind) => (['ja', 'en'] as const).map((locale) => ({ kind, locale }))))(
    'E1, C1: $kind in $locale leaves no fact unfilled',
    ({ kind, locale }) => {
      const message = composeMessage({ ...FACTS, kind, locale });
      for (const part of [message.subject, message.text, message.html]) {
        expect(part).not.toMatch(/\{\{|\}\}|undefined|messages\./);
      }
      expect(message.text).toContain('m_01');
      expect(/[ぁ-ん]/.test(message.subject + message.text)).toBe(locale === 'ja');
    },
  );

  test("C8: the end of the window is told with date and time in the requester's zone", () => {
    expect(composeMessage(FACTS).subject).toContain('16 January 2026 at 01:30');
    expect(composeMessage({ ...FACTS, timeZone: 'UTC' }).subject).toContain('15 January 2026 at 16:30');
    expect(composeMessage({ ...FACTS, locale: 'ja' }).text).toContain('2026年1月16日(金) 01:30 JST');
    expect(formatMoment(0, 'en', 'UTC')).toContain('1 January 1970');
  });

  test('B4, B5: the place in line is told, and the expected start where it is known', () => {
    const waiting = { ...FACTS, kind: 'inLine' as const };
    expect(composeMessage(waiting).subject).toContain('place 3 in line');
    expect(composeMessage(waiting).text).toContain('We expect it to start on Thu, 1 January 2026');
    expect(composeMessage({ ...waiting, locale: 'ja' }).text).toContain(
      '開始予定は2026年1月1日(木) 21:00 JST',
    );
    expect(composeMessage({ ...waiting, expectedStart: null }).text).not.toContain('We expect');
  });

  test('both languages say the same with the same facts', () => {
    const namesOf = (text: string): string[] => (text.match(/\{\{\w+\}\}/g) ?? []).toSorted();
    for (const kind of MESSAGE_KINDS) {
      const [en, ja] = [EN.messages[kind], JA.messages[kind]];
      expect(Object.keys(ja).toSorted(), kind).toEqual(Object.keys(en).toSorted());
      expect(ja.body.length, kind).toBe(en.body.length);
      const said = ({ subject, body, start, phase1 }: typeof en): string[] => [
        ...new Set(namesOf([subject, ...body, start, phase1].join(' '))),
      ];
      expect(said(ja), kind).toEqual(said(en));
    }
  });

  test('what a person typed is never markup', () => {
    const message = composeMessage({
      ...FACTS,
      name: '<img src=x>{{request}}$t(closing)',
      reason: '<script>1</script>',
    });
    expect(message.html).not.toMatch(/<img|<script/);
    expect(message.text).toContain('<img src=x>{{request}}$t(closing)');
  });

  test('C7: the five results of every tab stand in the message', () => {
    const counts = {
      tickets: { source: 1234, created: 1200, updated: 1, unchanged: 2, skipped: 3, failed: 28 },
    };
    const message = composeMessage({ ...FACTS, counts });
    expect(message.text).toContain('Tickets  |  1,234  |  1,200  |  1  |  2  |  3  |  28');
    expect(message.html).toContain('>1,234</td>');
  });

  test('C7: a report too large for a mail comes as a link with its expiry', () => {
    const report = {
      attached: false as const,
      link: 'https://desk.example/r/abc',
      expiresAt: Date.UTC(2026, 0, 20),
    };
    const message = composeMessage({ ...FACTS, report });
    expect(message.text).toContain('https://desk.example/r/abc');
    expect(message.text).toContain('20 January 2026');
    expect(message.text).not.toContain('attached as a ZIP');
  });
});
