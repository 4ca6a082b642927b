import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodemailer, { type SendMailOptions } from 'nodemailer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MessageOrder } from '../activities/lifecycle-activities.ts';
import type { MigrationLine } from '../activities/take-mail-reply.ts';
import { createLogger } from '../configuration/create-logger.ts';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { createPortal } from '../desk/embedded/portals.ts';
import type { State } from '../domain/lifecycle.ts';
import { EMPTY_DRAFT } from '../domain/request.ts';
import { replyAddress } from '../mail/reply-address.ts';
import { createIncomingMails, type IncomingMails, type MailOutcome } from '../store/incoming-mail.ts';
import { newRequestId } from '../store/requests.ts';
import { openStorage, type Storage } from '../store/storage.ts';
import { createStores, type Stores } from '../store/stores.ts';
import { startTestDatabase } from '../test/database.ts';
import { requestProgress } from '../test/request-progress.ts';
import { type ImapServer, startImapServer } from '../test/imap-server.ts';
import type { MailReply } from '../workflows/messages.ts';
import { type MailReceiver, type MailReceiverDependencies, startMailReceiver } from './receive-mail.ts';

const SECRET = 'a-secret-of-thirty-two-characters';
const MAILBOX = 'replies@deskferry.example';
const HOUR = 3_600_000;

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let stores: Stores;
let mails: IncomingMails;
let folder: string;
let storage: Storage;
let request: string;
let address: string;
let process: PlayedProcess;
let late: MessageOrder[];
let receiver: MailReceiver | null;

/** The process of a request, as far as replies go. */
interface PlayedProcess extends MigrationLine {
  state: State;
  endsAt: number | null;
  runs: boolean;
  answers: boolean;
  takes: boolean;
  told: MailReply[];
}

function playProcess(): PlayedProcess {
  const replies: string[] = [];
  return {
    state: 'REPLY_WINDOW',
    endsAt: Date.now() + HOUR,
    runs: true,
    answers: true,
    takes: true,
    told: [],
    tell(_request, reply) {
      if (!this.answers) return Promise.reject(new Error('no answer'));
      if (!this.runs) return Promise.resolve(false);
      this.told.push(reply);
      const open = this.state === 'REPLY_WINDOW' && this.endsAt !== null && this.endsAt > Date.now();
      if (open && this.takes && !replies.includes(reply.key)) replies.push(reply.key);
      return Promise.resolve(true);
    },
    ask() {
      if (!this.answers) return Promise.reject(new Error('no answer'));
      const { state, endsAt } = this;
      return Promise.resolve({
        state,
        replies,
        replyWindow: endsAt === null ? null : { opensAt: endsAt - HOUR, endsAt },
      });
    },
  };
}

async function receive(more: Partial<MailReceiverDependencies['settings']> = {}): Promise<MailReceiver> {
  receiver = await startMailReceiver({
    stores,
    incomingMails: mails,
    storage,
    desk: createEmbeddedDesk(server.database.db, stores.links),
    migrations: process,
    sendMessage: (order) => {
      late.push(order);
      return Promise.resolve();
    },
    logger: createLogger('silent', 'test'),
    settings: {
      secret: SECRET,
      mailbox: MAILBOX,
      smtp: { host: '127.0.0.1', port: 0, tls: null },
      imap: null,
      largestMail: 2_000_000,
      keepHeld: HOUR,
      retryAfter: 20,
      ...more,
    },
  });
  return receiver;
}

async function send(mail: SendMailOptions): Promise<void> {
  const transport = nodemailer.createTransport({ url: receiver?.smtpAddress ?? '' });
  try {
    await transport.sendMail({
      from: 'Keiko <Keiko@Example.com>',
      to: address,
      subject: 'Re: done',
      ...mail,
    });
  } finally {
    transport.close();
  }
  await receiver?.settled();
}

/** What became of all mails received in this test. */
async function outcomes(): Promise<(MailOutcome | null)[]> {
  const known = [...(await mails.ofRequest(request)), ...(await mails.unknown(null, 100))];
  return known.map(({ outcome }) => outcome);
}

async function inFolder(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(prefix)) keys.push(key);
  return keys;
}

beforeAll(async () => {
  server = await startTestDatabase();
  stores = createStores(server.database.db, null);
  mails = createIncomingMails(server.database.db);
  await createPortal(server.database.db, {
    id: 'acme',
    name: 'Acme',
    tenant: 'acme',
    plan: 'paid',
    recordQuota: null,
    departments: [],
    statuses: [],
    integrations: { zohoCrm: false, salesforce: false },
    primaryContact: { agentId: 'a-1', name: 'Chief', mail: 'Chief@Acme.example' },
  });
});

afterAll(() => server?.stop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-mail-'));
  storage = openStorage({ folder });
  request = newRequestId();
  address = replyAddress(SECRET, request, MAILBOX);
  process = playProcess();
  late = [];
  await putRequest('REPLY_WINDOW');
  await stores.supportTickets.open({ request, subject: `Migration ${request}`, at: new Date() });
});

afterEach(async () => {
  await receiver?.stop();
  receiver = null;
  for (const { id } of await mails.unknown(null, 1_000)) await mails.remove(id);
  await rm(folder, { recursive: true, force: true });
});

let sequence = 0;

async function putRequest(state: State): Promise<void> {
  const { endsAt } = process;
  await stores.requests.put(
    requestProgress(request, {
      sequence: ++sequence,
      state,
      submitted: true,
      submittedAt: 0,
      replyWindow: endsAt === null ? null : { opensAt: endsAt - HOUR, endsAt },
    }),
    {
      tenant: 'acme',
      draft: {
        ...EMPTY_DRAFT,
        requester: {
          name: 'Keiko',
          mail: 'keiko@example.com',
          company: 'Example',
          locale: 'ja',
          timeZone: 'Asia/Tokyo',
        },
        desk: { kind: 'embedded', portal: 'acme' },
      },
      files: [],
    },
  );
}

describe('replies by mail', () => {
  it('E1: a reply is taken with its text and files, told to the process, and put on the ticket', async () => {
    await receive();
    const csv = 'ContactExtId,Last Name\r\nC-1,佐藤\r\n';
    await send({
      text: '修正版です。\n\n2026年1月5日(月) 12:34 Deskferry <a@deskferry.example>:\n\n> 完了しました。\n',
      attachments: [
        { filename: 'Contacts.csv', content: csv },
        { filename: '問い合わせ.zip', content: Buffer.from('PK\x03\x04rest', 'latin1') },
        { filename: 'logo.png', content: Buffer.from('\x89PNG', 'latin1') },
        { filename: 'Book.xlsx', content: Buffer.from('PK\x03\x04', 'latin1') },
        { filename: 'Old.csv', content: Buffer.from('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'latin1') },
        { filename: 'Renamed.csv', content: Buffer.from('PK\x03\x04rest', 'latin1') },
        { filename: 'notes.txt', content: 'see you' },
        { filename: 'Empty.csv', content: '' },
        { filename: 'mapping.json', content: '{"contacts":{"Name":"Last Name"}}' },
      ],
    });
    expect(await outcomes()).toEqual(['taken']);
    const [reply] = await stores.replies.list(request);
    expect(reply).toMatchObject({
      by: 'mail',
      text: '修正版です。',
      mapping: { contacts: { Name: 'Last Name' } },
    });
    const uploads = await stores.uploads.list(request, reply?.key);
    expect(uploads.map(({ name }) => name)).toEqual(['Contacts.csv', '問い合わせ.zip']);
    expect((await storage.get(uploads[0]?.storageKey ?? '')).toString()).toBe(csv);
    expect(process.told).toEqual([
      { by: 'mail', key: reply?.key, files: uploads.map(({ key, bytes }) => ({ key, bytes })) },
    ]);
    const [mail] = await mails.ofRequest(request);
    expect(mail?.ignored.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'logo.png: NOT_A_TABLE',
      'Book.xlsx: NOT_A_TABLE',
      'Old.csv: SPREADSHEET',
      'Renamed.csv: NAME_MISLEADS',
      'notes.txt: NOT_A_TABLE',
      'Empty.csv: EMPTY',
    ]);
    const [entry] = (await stores.supportTickets.get(request))?.entries ?? [];
    expect(entry).toMatchObject({ key: `reply/${reply?.key}`, direction: 'in', subject: 'Re: done' });
    expect(entry?.text).toContain('修正版です。\n\n+ Contacts.csv');
    expect(entry?.text).toContain('- logo.png (NOT_A_TABLE)');
    expect(await inFolder('mail/incoming/')).toEqual([]);
    expect(await inFolder(`uploads/${request}/mail/`)).toHaveLength(1);
  });

  it('E1: the primary contact may reply as well, the case of the address does not matter', async () => {
    await receive();
    await send({ from: 'CHIEF@acme.EXAMPLE', to: address.toUpperCase(), text: 'fine' });
    expect(await outcomes()).toEqual(['taken']);
  });

  it('E1: the same mail delivered twice is one reply', async () => {
    await receive();
    for (const folded of ['first', 'second'])
      await send({ messageId: '<same@example.com>', text: 'fine', headers: { 'X-Way': folded } });
    expect(await outcomes()).toEqual(['taken']);
    expect(process.told).toHaveLength(1);
    expect(await stores.replies.list(request)).toHaveLength(1);
  });

  it('E1: nobody else is answered or taken: a forged address, a stranger, several authors, two requests', async () => {
    await receive();
    const forged = address.replace(/.@/, (found) => (found === 'a@' ? 'b@' : 'a@'));
    await send({ to: forged, text: 'let me in' });
    await send({ to: MAILBOX, text: 'hello?' });
    await send({ from: 'stranger@example.net', text: 'let me in' });
    await send({
      from: ['keiko@example.com', 'stranger@example.net'],
      sender: 'keiko@example.com',
      text: 'we',
    });
    await send({ to: [address, replyAddress(SECRET, newRequestId(), MAILBOX)], text: 'both' });
    expect((await outcomes()).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      'severalRequests',
      'unknownAddress',
      'unknownAddress',
      'unknownSender',
      'unknownSender',
    ]);
    expect(process.told).toEqual([]);
    expect(late).toEqual([]);
    expect(await stores.replies.list(request)).toEqual([]);
    expect((await stores.supportTickets.get(request))?.entries).toEqual([]);
    const [unknown] = await mails.unknown(null, 1);
    expect(unknown).toMatchObject({ from: 'keiko@example.com', subject: 'Re: done' });
    expect((await storage.get(unknown?.heldAs ?? '')).toString()).toContain('both');
  });

  it('E1: what a program wrote is never answered, so that mail cannot go in circles', async () => {
    await receive();
    await send({ text: 'away', headers: { 'Auto-Submitted': 'auto-replied' } });
    await send({ text: 'away', headers: { 'X-Auto-Response-Suppress': 'OOF' } });
    await send({ text: 'not delivered', envelope: { from: '', to: [address] } });
    await send({ from: 'mailer-daemon@example.com', text: 'not delivered' });
    expect(await outcomes()).toEqual(['automatic', 'automatic', 'automatic', 'automatic']);
    expect(process.told).toEqual([]);
  });

  it('E1: twenty mails within an hour are answered, no more: a program that hides may answer us', async () => {
    await receive();
    for (let count = 0; count < 22; count++) await send({ text: `answer ${count}` });
    expect(process.told).toHaveLength(20);
    expect((await outcomes()).filter((outcome) => outcome === 'tooMany')).toHaveLength(2);
  });

  it('E2: after the window the process is told, and no file is taken', async () => {
    await receive();
    process.endsAt = Date.now() - 1_000;
    await send({ text: 'too late', attachments: [{ filename: 'Contacts.csv', content: 'a,b\n1,2\n' }] });
    expect(await outcomes()).toEqual(['late']);
    expect(process.told).toMatchObject([{ files: [] }]);
    expect(await stores.uploads.list(request)).toEqual([]);
    expect(await inFolder(`uploads/${request}/`)).toEqual([]);
    expect((await stores.supportTickets.get(request))?.entries).toMatchObject([{ direction: 'in' }]);
  });

  it('E2: when the process has ended, the mail that it came too late is sent all the same, once', async () => {
    await receive();
    process.state = 'COMPLETED';
    process.runs = false;
    process.endsAt = Date.now() - 1_000;
    await putRequest('COMPLETED');
    await send({ text: 'too late', messageId: '<1@example.com>' });
    await send({ text: 'too late', messageId: '<1@example.com>' });
    expect(await outcomes()).toEqual(['late']);
    expect(late).toMatchObject([{ request, kind: 'lateReply', facts: { windowEndsAt: process.endsAt } }]);
    expect(late[0]?.sequence).toBeGreaterThanOrEqual(90_000_000);
  });

  it('A4: a reply over a limit leaves no file behind', async () => {
    await receive();
    process.takes = false;
    await send({ text: 'much', attachments: [{ filename: 'Contacts.csv', content: 'a,b\n1,2\n' }] });
    expect(await outcomes()).toEqual(['overLimit']);
    expect(await stores.uploads.list(request)).toEqual([]);
    expect((await inFolder(`uploads/${request}/`)).filter((key) => !key.includes('/mail/'))).toEqual([]);
  });

  it('before the window a mail is held for the team', async () => {
    await receive();
    process.state = 'PHASE_1';
    process.endsAt = null;
    await send({ text: 'how is it going?' });
    const [mail] = await mails.ofRequest(request);
    expect(mail).toMatchObject({ outcome: 'notInWindow', from: 'keiko@example.com' });
    expect(await storage.exists(mail?.heldAs ?? '')).toBe(true);
  });

  it('a mail without anything is held, one with its answer in the history is taken', async () => {
    await receive();
    await send({ text: ' \n' });
    await send({ text: '> はい、2番目です。' });
    expect(await outcomes()).toEqual(['empty', 'taken']);
    expect((await stores.replies.list(request))[0]?.text).toBe('> はい、2番目です。');
  });

  it('a mail over the limit is refused while it is sent, and nothing of it is kept', async () => {
    await receive({ largestMail: 100_000 });
    const large = { text: 'x', attachments: [{ filename: 'a.zip', content: Buffer.alloc(200_000) }] };
    await expect(send(large)).rejects.toMatchObject({ responseCode: 552 });
    expect(await inFolder('mail/incoming/').catch(() => [])).toEqual([]);
    expect(await outcomes()).toEqual([]);
    await send({ text: 'small' });
    expect(await outcomes()).toEqual(['taken']);
  });

  it('other addresses are refused: mail is never passed on', async () => {
    await receive();
    await expect(send({ to: 'someone@example.net' })).rejects.toMatchObject({ responseCode: 550 });
    await expect(send({ to: 'team@deskferry.example' })).rejects.toMatchObject({ responseCode: 550 });
  });

  it('a mail is acknowledged when it is stored, not before', async () => {
    const put = storage.put.bind(storage);
    storage.put = () => Promise.reject(new Error('the disk is full'));
    await receive();
    await expect(send({ text: 'fine' })).rejects.toMatchObject({ responseCode: 451 });
    storage.put = put;
    await send({ text: 'fine' });
    expect(await outcomes()).toEqual(['taken']);
  });

  it('a mail that breaks off is not taken', async () => {
    await receive();
    const port = Number(new URL(receiver?.smtpAddress ?? '').port);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      const lines = ['EHLO x', 'MAIL FROM:<keiko@example.com>', `RCPT TO:<${address}>`, 'DATA'];
      socket.on('data', (said) => {
        const next = lines.shift();
        if (next !== undefined) socket.write(`${next}\r\n`);
        else if (said.toString().startsWith('354')) {
          socket.write('From: keiko@example.com\r\n\r\nhalf of', () => socket.destroy());
        }
      });
      socket.on('close', () => resolve());
      socket.on('error', reject);
    });
    await send({ text: 'whole' });
    expect((await stores.replies.list(request)).map(({ text }) => text)).toEqual(['whole']);
    expect(await inFolder('mail/incoming/')).toEqual([]);
  });

  it('what was stored when the service ended, or could not be told, is dealt with later', async () => {
    process.answers = false;
    await receive();
    await send({ text: 'fine', attachments: [{ filename: 'Contacts.csv', content: 'a,b\n1,2\n' }] });
    expect(await inFolder('mail/incoming/')).toHaveLength(1);
    await receiver?.stop();
    process.answers = true;
    await receive();
    await receiver?.settled();
    expect(await outcomes()).toEqual(['taken']);
    expect(await stores.uploads.list(request)).toHaveLength(1);
    expect(await inFolder('mail/incoming/')).toEqual([]);
  });

  it('a crash between telling the process and noting it changes nothing', async () => {
    await receive();
    const settle = mails.settle.bind(mails);
    mails.settle = () => Promise.reject(new Error('the database is gone'));
    await send({ text: 'fine', attachments: [{ filename: 'Contacts.csv', content: 'a,b\n1,2\n' }] });
    mails.settle = settle;
    await until(async () => (await outcomes())[0] === 'taken');
    expect(process.told).toHaveLength(1);
    expect(await stores.uploads.list(request)).toHaveLength(1);
    expect((await stores.supportTickets.get(request))?.entries).toHaveLength(1);
  });

  it('a waiting mail that is damaged is set aside, and holds up no other', async () => {
    await storage.put('mail/incoming/00000000000001-x.eml', Buffer.from('not a mail of ours\r\n'));
    await receive();
    await send({ text: 'fine' });
    await until(async () => (await inFolder('mail/incoming/')).length === 0);
    expect(await outcomes()).toEqual(['taken']);
    expect(await inFolder('mail/damaged/')).toHaveLength(1);
  });

  it("a stranger's mail is forgotten after its time", async () => {
    await mails.arrive({
      id: 'unknown/0',
      request: null,
      via: 'smtp',
      arrivedAt: new Date(Date.now() - 2 * HOUR),
    });
    await storage.put('mail/held/0.eml', Buffer.from('x'));
    await mails.settle('unknown/0', {
      outcome: 'unknownAddress',
      ignored: [],
      heldAs: 'mail/held/0.eml',
      from: 'x@example.com',
      subject: '',
    });
    await receive();
    await receiver?.settled();
    expect(await mails.get('unknown/0')).toBeNull();
    expect(await storage.exists('mail/held/0.eml')).toBe(false);
  });

  describe('from a mailbox', () => {
    let imap: ImapServer;
    beforeEach(async () => {
      imap = await startImapServer();
    });
    afterEach(() => imap.stop());

    const polled = () => ({ smtp: null, imap: { url: imap.url, folder: 'INBOX', moveTo: null, every: 50 } });
    const mail = (more = '') =>
      `From: keiko@example.com\r\nTo: ${address}\r\nSubject: =?UTF-8?B?5a6M5LqG?=\r\nMessage-ID: <1@example.com>\r\n${more}\r\nfine\r\n`;

    it('E1: replies are taken; what comes by both ways is one reply', async () => {
      imap.deliver(mail());
      await receive({ ...polled(), smtp: { host: '127.0.0.1', port: 0, tls: null } });
      await until(async () => (await outcomes()).includes('taken'));
      await send({ messageId: '<1@example.com>', text: 'fine' });
      expect(await outcomes()).toEqual(['taken']);
      expect((await stores.supportTickets.get(request))?.entries).toMatchObject([
        { subject: '完了', text: 'fine' },
      ]);
      await until(() => imap.mails[0]?.flags.has('\\Seen') === true);
    });

    it('programs and reports are known by their headers', async () => {
      imap.deliver(mail('Return-Path: <>\r\n'));
      await receive(polled());
      await until(async () => (await outcomes()).length === 1);
      await receiver?.settled();
      expect(await outcomes()).toEqual(['automatic']);
    });

    it('a mail over the limit is noted on the ticket and held', async () => {
      imap.deliver(`${mail()}${'x'.repeat(3_000_000)}`);
      await receive(polled());
      await until(async () => (await outcomes()).includes('tooLarge'));
      expect((await stores.supportTickets.get(request))?.entries[0]?.text).toContain('is too large');
      expect(process.told).toEqual([]);
    });
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('did not come about');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
