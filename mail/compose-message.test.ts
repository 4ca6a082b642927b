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
      expect(Object.keys(ja.also ?? {}), kind).toEqual(Object.keys(en.also ?? {}));
      const said = ({ subject, body, also = {} }: typeof en): string[] => [
        ...new Set(namesOf([subject, ...body, ...Object.values(also)].join(' '))),
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
      version: 1,
      attached: false as const,
      link: 'https://desk.example/r/abc',
      expiresAt: Date.UTC(2026, 0, 20),
    };
    const message = composeMessage({ ...FACTS, report });
    expect(message.text).toContain('https://desk.example/r/abc');
    expect(message.text).toContain('20 January 2026');
    expect(message.text).not.toContain('attached as a ZIP');
    expect(message.html).toContain('<a href="https://desk.example/r/abc">https://desk.example/r/abc</a>');
    expect(composeMessage({ ...FACTS, report: { version: 1, attached: true } }).html).not.toContain('<a ');
  });

  const both = (facts: Partial<MessageFacts>): [string, string] => [
    composeMessage({ ...FACTS, ...facts, locale: 'en' }).text,
    composeMessage({ ...FACTS, ...facts, locale: 'ja' }).text,
  ];

  test('B5: a start is told with its expected end where that is known, and what it means for the agents', () => {
    const started = { kind: 'phaseStarted', reason: undefined } as const;
    expect(both(started)).toEqual([
      expect.stringContaining('We expect it to end on Fri, 2 January 2026 at 12:04'),
      expect.stringContaining('完了予定は2026年1月2日(金) 12:04 JSTです。'),
    ]);
    for (const text of both({ ...started, expectedEnd: null })) expect(text).not.toMatch(/expect|完了予定/);
    const phase2 = both({ ...started, phase: 'phase-2' });
    expect(phase2[0]).toContain('The portal stays open to its agents.');
    expect(phase2[0]).not.toContain('closed');
    expect(phase2[1]).toContain('移行中も、担当者はポータルを利用できます。');
  });

  test('E1: how to reply is told, by mail only where mail is taken', () => {
    for (const kind of ['phase1Report', 'reminder'] as const) {
      for (const text of both({ kind, answersByMail: false })) {
        expect(text).toContain('deskferry reply m_01');
        expect(text).not.toMatch(/answering this mail|このメールに/);
      }
      const [en, ja] = both({ kind, answersByMail: true });
      expect([en, ja]).toEqual([
        expect.stringContaining('answering this mail'),
        expect.stringContaining('このメールにファイルを添付して'),
      ]);
    }
    expect(both({ kind: 'reminder', paused: true })[0]).toContain(
      'phase 2 starts when the migration goes on',
    );
    expect(both({ kind: 'reminder' })[0]).not.toContain('paused');
  });

  test.each([
    ['INTEGRATIONS_ON: zohoCrm must be off while data is migrated', /Please switch it off/, /連携をオフにし/],
    ['importSegments: INTEGRATIONS_ON: salesforce must be off', /Please switch it off/, /連携をオフにし/],
    ['DISCREPANCIES: source and desk do not agree (tickets 3)', /need not do/, /操作は必要ありません/],
    ['stageTab: STORAGE_FULL: make room, then resume', /fault \(STORAGE_FULL\)/, /問題（STORAGE_FULL）/],
    ['importSegments: TIMEOUT: no worker', /fault \(TIMEOUT\)/, /問題（TIMEOUT）/],
    ['TypeError', /fault \(TypeError\)/, /問題（TypeError）/],
  ])('F1: of the pause "%s" a customer is told what to do, in their language', (reason, en, ja) => {
    const told = both({ kind: 'paused', reason, reasonIsCode: true });
    expect(told).toEqual([expect.stringMatching(en), expect.stringMatching(ja)]);
    // what is said to the team stays with the team
    for (const text of told) expect(text).not.toMatch(/then resume|zohoCrm|no worker|importSegments/);
  });

  test('F1: what a person gave as a reason is told as it is', () => {
    const reason = 'TICKETS: お客様のご依頼 (FILE_TOO_LARGE)';
    for (const kind of ['paused', 'stopped', 'rejected', 'sentBack', 'cancelled'] as const) {
      for (const text of both({ kind, reason })) expect(text).toContain(reason);
    }
  });

  test('C2, E1: a pause is told with what it means: the portal stays closed, the end of the window stays', () => {
    const paused = { kind: 'paused', reason: undefined } as const;
    expect(both({ ...paused, state: 'PHASE_1' })).toEqual([
      expect.stringContaining('stays closed'),
      expect.stringContaining('担当者はポータルを利用できません'),
    ]);
    expect(both(paused)).toEqual([
      expect.stringContaining('does not change: Fri, 16 January 2026 at 01:30'),
      expect.stringContaining('返信の期限は2026年1月16日(金) 01:30 JSTのまま変わりません'),
    ]);
    expect(both({ ...paused, state: 'PHASE_2' })[0]).not.toMatch(/closed|reply/);
  });

  test('A4: files over the limits are told with which limit, and where to ask for a larger one', () => {
    const reason = { reason: 'TOO_MANY_FILES', reasonIsCode: true };
    const refused = { kind: 'replyRefused', ...reason, support: 'help@desk.example' } as const;
    const [en, ja] = both(refused);
    expect(en).toContain('there are more files than can be taken');
    expect(ja).toContain('ファイルの数が上限を超えています');
    for (const text of [en, ja]) {
      expect(text).toContain('help@desk.example');
      expect(text).not.toContain('TOO_MANY_FILES');
    }
  });

  test('F1: a stop is told with what is left of it: what was migrated, or nothing', () => {
    const stopped = { kind: 'stopped', reason: undefined } as const;
    expect(both({ ...stopped, phase: undefined })[0]).toContain('Nothing had been migrated yet.');
    expect(both(stopped)[0]).toContain('What was migrated until then stays in the portal');
  });

  test('F1: a new version of the report says which it is', () => {
    const report = { version: 2, attached: true } as const;
    expect(both({ kind: 'phase1ReportAgain', report })).toEqual([
      expect.stringContaining('(version 2)'),
      expect.stringContaining('（第2版）'),
    ]);
  });
});
