import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CaughtMail, type CaughtMailBody, type MailCatcher, startMailCatcher } from './mail-catcher.ts';

let dataFolder: string;
let catcher: MailCatcher;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-mail-'));
  catcher = await startMailCatcher({ dataFolder });
});
afterEach(async () => {
  await catcher.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

async function send(subject: string): Promise<void> {
  const transport = createTransport(catcher.address);
  await transport.sendMail({
    from: 'Deskferry <team@deskferry.example>',
    to: ['花子 <hanako@acme.example>', 'b@acme.example'],
    cc: 'c@acme.example',
    bcc: 'hidden@acme.example',
    subject,
    messageId: '<r1.report@deskferry.example>',
    references: ['<a@x>', '<b@x>'],
    text: 'こんにちは',
    html: '<p>こんにちは <img src="cid:pixel"><script>alert(1)</script></p>',
    attachments: [
      { filename: 'レポート.zip', content: Buffer.from('PK123') },
      { cid: 'pixel', filename: 'p.png', content: Buffer.from(pixel, 'base64') },
    ],
  });
  transport.close();
}

const get = async <T>(path: string) => (await (await fetch(`${catcher.ui}${path}`)).json()) as T;

test('a mail is listed with its people, headers and attachments, and can be read in all its forms', async () => {
  await send('移行レポート');
  const [mail, ...others] = await get<CaughtMail[]>('/messages');
  expect(others).toEqual([]);
  expect(mail).toMatchObject({
    from: 'team@deskferry.example',
    to: ['hanako@acme.example', 'b@acme.example'],
    cc: ['c@acme.example'],
    subject: '移行レポート',
    envelope: {
      from: 'team@deskferry.example',
      to: ['hanako@acme.example', 'b@acme.example', 'c@acme.example', 'hidden@acme.example'],
    },
    headers: { 'message-id': '<r1.report@deskferry.example>', references: '<a@x> <b@x>' },
    attachments: [
      { filename: 'p.png', contentType: 'image/png' },
      { filename: 'レポート.zip', size: 5 },
    ],
  });
  const body = await get<CaughtMailBody>(`/messages/${mail?.id}`);
  expect(body.text).toBe('こんにちは');
  expect(body.html).toContain('data:image/png;base64,');
  const raw = await fetch(`${catcher.ui}/messages/${mail?.id}/raw`);
  expect(await raw.text()).toContain('Message-ID: <r1.report@deskferry.example>');
  const attached = await fetch(`${catcher.ui}/messages/${mail?.id}/attachments/1`);
  expect(await attached.text()).toBe('PK123');
  expect(attached.headers.get('content-disposition')).toMatch(/^attachment/);
  expect((await fetch(`${catcher.ui}/messages/none`)).status).toBe(404);
});

test('a mail is shown in a sandbox: its scripts do not run and nothing is fetched for it', async () => {
  await send('<b>bold</b>');
  const [mail] = await get<CaughtMail[]>('/messages');
  const html = await fetch(`${catcher.ui}/messages/${mail?.id}/html`);
  expect(html.headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'/);
  const view = await fetch(`${catcher.ui}/mail/${mail?.id}`);
  expect(view.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
  const page = await view.text();
  expect(page).toContain('<iframe sandbox ');
  expect(page).not.toContain('<b>bold');
  expect(await (await fetch(catcher.ui)).text()).toContain('&#60;b&#62;bold');
});

test('the pages are read-only and answer to loopback names alone', async () => {
  expect((await fetch(`${catcher.ui}/messages`, { method: 'DELETE' })).status).toBe(405);
  const status = await new Promise((resolve, reject) => {
    request(`${catcher.ui}/messages`, { headers: { host: 'evil.example' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});

test('mails are there again after a restart', async () => {
  await send('first');
  const before = await get<CaughtMail[]>('/messages');
  await catcher.stop();
  catcher = await startMailCatcher({ dataFolder });
  expect(await get<CaughtMail[]>('/messages')).toEqual(before);
  await send('second');
  expect((await get<CaughtMail[]>('/messages')).map(({ subject }) => subject)).toEqual(['first', 'second']);
});
