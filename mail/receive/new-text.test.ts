import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newText } from './new-text.ts';

/** What a person wrote, and below it the history as mail programs of the field write it. */
const SAMPLES: Readonly<Record<string, [mail: string, wanted: string]>> = {
  'Gmail, English': [
    `Please find the mended file attached.

Best,
Keiko

On Mon, Jan 5, 2026 at 12:34 PM Deskferry <replies+m_1-abc@deskferry.example> wrote:

> Phase 1 is done.
>
> Reply until 19 January.
`,
    'Please find the mended file attached.\n\nBest,\nKeiko',
  ],
  'Gmail, English, attribution wrapped': [
    `Done.

On Mon, Jan 5, 2026 at 12:34 PM Deskferry Migration Team
<replies+m_01kdqrstuvwxyz0123456789ab-abcdefghijklmnop@deskferry.example>
wrote:

> Phase 1 is done.
`,
    'Done.',
  ],
  'Gmail, Japanese': [
    `修正したファイルをお送りします。
よろしくお願いいたします。

2026年1月5日(月) 12:34 Deskferry <replies+m_1-abc@deskferry.example>:

> 1回目の移行が完了しました。
> 返信は1月19日までです。
`,
    '修正したファイルをお送りします。\nよろしくお願いいたします。',
  ],
  'Gmail, Japanese, attribution wrapped': [
    `承知しました。

2026年1月5日(月) 12:34 Deskferry 移行担当チーム
<replies+m_01kdqrstuvwxyz0123456789ab-abcdefghijklmnop@deskferry.example>:

> 完了しました。
`,
    '承知しました。',
  ],
  'Apple Mail, Japanese': [
    `添付をご確認ください。

iPhoneから送信

> 2026/01/05 12:34、Deskferry <replies@deskferry.example>のメール:
> 
> ﻿完了しました。
`,
    '添付をご確認ください。',
  ],
  'Apple Mail, Japanese, unquoted attribution': [
    `対応しました。

2026/01/05 12:34、Deskferry <replies@deskferry.example>のメール:

> 完了しました。
`,
    '対応しました。',
  ],
  'Apple Mail, English': [
    `Here it is.

Sent from my iPhone

> On Jan 5, 2026, at 12:34, Deskferry <replies@deskferry.example> wrote:
> 
> ﻿Phase 1 is done.
`,
    'Here it is.',
  ],
  'Thunderbird, below the quote': [
    `On 2026/01/05 12:34, Deskferry wrote:
> Phase 1 is done.
> Which file is right?

The second one.

-- 
Keiko Sato
Example K.K.
`,
    'The second one.',
  ],
  'answers between the quotes': [
    `2026年1月5日(月) 12:34 Deskferry <a@deskferry.example>:
> 1. どのファイルですか。

2番目です。

> 2. 項目の関連付けは変わりますか。

いいえ。
`,
    '2番目です。\n\nいいえ。',
  ],
  'Outlook, English': [
    `New export attached.

Kind regards
John

From: Deskferry <replies@deskferry.example>
Sent: Monday, January 5, 2026 12:34 PM
To: John Doe <john@example.com>
Cc: Keiko Sato <keiko@example.com>
Subject: Phase 1 is done

Dear John,
phase 1 is done.
`,
    'New export attached.\n\nKind regards\nJohn',
  ],
  'Outlook, English, with a rule': [
    `Thanks!
________________________________
From: Deskferry <replies@deskferry.example>
Sent: Monday, January 5, 2026 12:34 PM
To: John Doe <john@example.com>
Subject: Phase 1 is done

phase 1 is done.
`,
    'Thanks!',
  ],
  'Outlook, old': [
    `See file.

-----Original Message-----
From: Deskferry [mailto:replies@deskferry.example]
Sent: Monday, January 05, 2026 12:34 PM

Phase 1 is done.
`,
    'See file.',
  ],
  'Outlook, Japanese': [
    `お世話になっております。
修正版を添付いたします。

差出人: Deskferry <replies@deskferry.example>
送信日時: 2026年1月5日 12:34
宛先: 佐藤 恵子 <keiko@example.com>
件名: 1回目の移行が完了しました

佐藤 恵子 様
1回目の移行が完了しました。
`,
    'お世話になっております。\n修正版を添付いたします。',
  ],
  'Outlook, Japanese, full-width colons': [
    `了解です。

差出人： Deskferry
送信日時： 2026年1月5日 12:34
宛先： 佐藤
件名： 完了

本文
`,
    '了解です。',
  ],
  'Japanese separator': [
    `確認しました。

-------- 元のメッセージ --------
件名: 完了
日付: 2026年1月5日

完了しました。
`,
    '確認しました。',
  ],
  'Becky!, Japanese': [
    `再送します。

On Mon, 5 Jan 2026 12:34:56 +0900
Deskferry <replies@deskferry.example> wrote:

> 完了しました。
`,
    '再送します。',
  ],
  'webmail, Japanese': [
    `了解しました。

2026年1月5日(月) 12:34、Deskferry さんは書きました:
> 完了しました。
`,
    '了解しました。',
  ],
  'Yahoo! Mail, history without marks': [
    `Will do.

On Monday, January 5, 2026 at 12:34:56 PM GMT+9, Deskferry <replies@deskferry.example> wrote:

Dear John,
phase 1 is done.
`,
    'Will do.',
  ],
  'Zoho Mail': [
    `Attached.

---- On Mon, 05 Jan 2026 12:34:56 +0900 Deskferry <replies@deskferry.example> wrote ----

Phase 1 is done.
`,
    'Attached.',
  ],
  'a person quotes headers and times in their own words': [
    `From: tickets in January are wrong.
On 5 January our admin wrote:
the file was cut at row 12:34. See 2026/01/05: wrong.
To: do this again, please.`,
    `From: tickets in January are wrong.
On 5 January our admin wrote:
the file was cut at row 12:34. See 2026/01/05: wrong.
To: do this again, please.`,
  ],
  'nothing new': ['\n> all quoted\n', ''],
};

describe('the new text of a mail', () => {
  for (const [program, [mail, wanted]] of Object.entries(SAMPLES)) {
    it(`E1: is without the history: ${program}`, () => {
      expect(newText(mail)).toBe(wanted);
      expect(newText(mail.replaceAll('\n', '\r\n'))).toBe(wanted);
    });
  }

  const words = fc
    .array(fc.stringMatching(/^[a-z。あ-んア-ン一-三]{1,12}$/), { minLength: 1, maxLength: 8 })
    .map((list) => list.join(' '));
  const said = fc.array(words, { minLength: 1, maxLength: 6 }).map((lines) => lines.join('\n'));
  const histories = Object.values(SAMPLES)
    .filter(([, wanted]) => wanted !== '')
    .map(([mail, wanted]): string => mail.slice(mail.indexOf(wanted) + wanted.length))
    .filter((history) => history.startsWith('\n') && newText(history) === '');

  it('E1: keeps every word that was written above the history, and none of the history', () => {
    expect(histories.length).toBeGreaterThan(8);
    fc.assert(
      fc.property(said, fc.constantFrom(...histories), (text, history) => {
        expect(newText(`${text}\n${history}`)).toBe(text);
      }),
    );
  });

  it('E1: taking the history off twice is taking it off once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(words, fc.constantFrom('> a', '--', '', 'x wrote:', 'From: a')), { maxLength: 12 }),
        (lines) => {
          const once = newText(lines.join('\n'));
          expect(once.split('\n').every((line) => line === '' || lines.includes(line))).toBe(true);
        },
      ),
    );
  });

  it('is quick with any text', () => {
    for (const hard of [
      'on '.repeat(200_000),
      `${'a wrote '.repeat(60)}:\n`.repeat(5_000),
      '-'.repeat(400_000),
      'From: a\n'.repeat(50_000),
      '\n'.repeat(300_000),
    ]) {
      const started = performance.now();
      newText(hard);
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});
