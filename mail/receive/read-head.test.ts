import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHead } from './read-head.ts';

const headOf = (...lines: string[]) => readHead(Buffer.from([...lines, '', 'body'].join('\r\n')));
const BASE = ['From: Keiko <Keiko@Example.com>', 'To: replies+x@deskferry.example', 'Subject: Re: done'];

describe('the head of a mail', () => {
  it('tells sender, recipients, subject and id', async () => {
    expect(
      await headOf(
        'Delivered-To: replies+token@deskferry.example',
        'X-Original-To: <Replies+Other@deskferry.example>',
        'From: =?UTF-8?B?5L2Q6Jek?= <Keiko@Example.com>',
        'To: "Deskferry" <replies+x@deskferry.example>, b@example.com',
        'Subject: =?ISO-2022-JP?B?GyRCPSQ1NRsoQg==?=',
        'Message-ID: <abc@example.com>',
        'Date: Mon, 5 Jan 2026 12:34:56 +0900',
      ),
    ).toEqual({
      from: ['keiko@example.com'],
      recipients: [
        'replies+token@deskferry.example',
        'replies+other@deskferry.example',
        'replies+x@deskferry.example',
        'b@example.com',
      ],
      subject: '修亀',
      messageId: 'abc@example.com',
      sentAt: Date.parse('2026-01-05T03:34:56Z'),
      automatic: null,
    });
  });

  it('E1: knows what a program wrote', async () => {
    const written: [string[], string][] = [
      [['Auto-Submitted: auto-replied'], 'auto-submitted'],
      [['Auto-Submitted: auto-generated (vacation)'], 'auto-submitted'],
      [['Precedence: bulk'], 'precedence'],
      [['Precedence: auto_reply'], 'precedence'],
      [['X-Auto-Response-Suppress: All'], 'x-auto-response-suppress'],
      [['X-Autoreply: yes'], 'x-autoreply'],
      [['Return-Path: <>'], 'return-path'],
      [['Content-Type: multipart/report; report-type=delivery-status; boundary=a'], 'report'],
      [['Content-Type: message/disposition-notification'], 'report'],
      [['List-Id: <news.example.com>'], 'list-id'],
    ];
    for (const [lines, by] of written)
      expect([lines, (await headOf(...BASE, ...lines)).automatic]).toEqual([lines, by]);
    for (const from of ['MAILER-DAEMON@example.com', 'postmaster@example.com', 'no-reply@example.com'])
      expect((await headOf(`From: <${from}>`, 'Subject: hi')).automatic).toBe('sender');
    for (const subject of [
      'Automatic reply: done',
      'Out of Office: x',
      '自動応答: 不在です',
      '不在通知：休暇中',
    ])
      expect((await headOf(BASE[0] ?? '', `Subject: ${subject}`)).automatic).toBe('subject');
  });

  it('E1: takes a person for a person', async () => {
    for (const lines of [
      ['Auto-Submitted: no'],
      ['Precedence: normal'],
      ['X-Auto-Response-Suppress: None'],
      ['Return-Path: <keiko@example.com>'],
      ['Content-Type: multipart/mixed; boundary=report'],
    ])
      expect((await headOf(...BASE, ...lines)).automatic).toBeNull();
    expect((await headOf(BASE[0] ?? '', 'Subject: Re: Automatic reply: done')).automatic).toBeNull();
    expect((await headOf('From: noreplyman@example.com', 'Subject: x')).automatic).toBeNull();
  });

  it('does not fail with anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        const head = await readHead(bytes);
        expect(Array.isArray(head.from)).toBe(true);
      }),
      { numRuns: 200 },
    );
    const pieces = fc.constantFrom(
      'From: ',
      'To: a@b',
      '\r\n',
      '\n',
      '<',
      '>',
      ';',
      '=?utf-8?B?',
      '?=',
      ' ',
      'group: a@b;',
      '\0',
      'é',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 40 }), async (parts) => {
        await readHead(Buffer.from(parts.join('')));
      }),
      { numRuns: 200 },
    );
  });
});
