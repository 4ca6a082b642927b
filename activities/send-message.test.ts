import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEmbeddedDesk } from '../desk/embedded/embedded-desk.ts';
import { createPortal } from '../desk/embedded/portals.ts';
import type { State } from '../domain/lifecycle.ts';
import { EMPTY_DRAFT } from '../domain/request.ts';
import { requestOfAddress } from '../mail/reply-address.ts';
import { createMailSender, type MailSender } from '../mail/send-mail.ts';
import { createImportStores, type ImportStores } from '../store/import-stores.ts';
import { newRequestId } from '../store/requests.ts';
import { openStorage, type Storage } from '../store/storage.ts';
import { createStores, type Stores } from '../store/stores.ts';
import { startTestDatabase } from '../test/database.ts';
import { requestProgress } from '../test/request-progress.ts';
import type { MessageOrder } from './lifecycle-activities.ts';
import { makeSendMessage, type SendMessageDependencies } from './send-message.ts';
import { makeOpenSupportTicket } from './support-ticket.ts';

const SECRET = 'a-secret-of-thirty-two-characters';
const MAILBOX = 'replies@deskferry.example';
const AT = Date.UTC(2026, 0, 1, 12);
const WINDOW_ENDS = Date.UTC(2026, 0, 15, 16, 30);

interface Received {
  to: string[];
  mail: ParsedMail;
}

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let stores: Stores;
let importStores: ImportStores;
let folder: string;
let storage: Storage;
let smtp: SMTPServer;
let sender: MailSender;
let received: Received[];
let deps: SendMessageDependencies;
let request: string;

beforeAll(async () => {
  server = await startTestDatabase();
  const { db } = server.database;
  stores = createStores(db, null);
  importStores = createImportStores(db);
  folder = await mkdtemp(join(tmpdir(), 'deskferry-mail-'));
  storage = openStorage({ folder });
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, { envelope }, taken) {
      simpleParser(stream).then((mail) => {
        received.push({ to: envelope.rcptTo.map(({ address }) => address), mail });
        taken();
      }, taken);
    },
  });
  smtp.listen(0, '127.0.0.1');
  await once(smtp.server, 'listening');
  const { port } = smtp.server.address() as AddressInfo;
  sender = createMailSender(`smtp://127.0.0.1:${port}`, 'Deskferry <deskferry@desk.example>');
  await createPortal(db, {
    id: 'acme',
    name: 'ACME',
    tenant: 'acme',
    plan: 'paid',
    recordQuota: null,
    departments: [],
    statuses: [],
    integrations: { zohoCrm: false, salesforce: false },
    primaryContact: { agentId: 'a-1', name: 'Chief', mail: 'chief@acme.example' },
  });
});

afterAll(async () => {
  sender.close();
  await new Promise<void>((done) => smtp.close(() => done()));
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  received = [];
  request = newRequestId();
  await putRequest('PENDING');
  deps = {
    stores,
    importStores,
    storage,
    desk: createEmbeddedDesk(server.database.db, stores.links),
    mail: sender,
    settings: {
      publicUrl: 'https://deskferry.example',
      teamMail: 'team@deskferry.example',
      supportAddress: 'support@deskferry.example',
      replyMailbox: MAILBOX,
      messageDomain: 'deskferry.example',
      largestAttachment: 1_000,
      linkSecret: SECRET,
      linkLifetime: 86_400_000,
    },
  };
});

let snapshots = 0;

/** The request's document, in which nothing is told that a message has to bring itself. */
async function putRequest(state: State): Promise<void> {
  await stores.requests.put(
    requestProgress(request, { sequence: ++snapshots, state, submitted: true, submittedAt: 0 }),
    {
      tenant: 'acme',
      draft: {
        ...EMPTY_DRAFT,
        requester: {
          name: 'Keiko',
          mail: 'keiko@acme.example',
          company: 'ACME',
          locale: 'ja',
          timeZone: 'Asia/Tokyo',
        },
        desk: { kind: 'embedded', portal: 'acme' },
      },
      files: [],
    },
  );
}

let sequence = 0;
beforeEach(() => {
  sequence = 0;
});

async function send(
  kind: MessageOrder['kind'],
  state: State,
  facts: MessageOrder['facts'] = {},
): Promise<Received> {
  await makeSendMessage(deps)({ request, sequence: ++sequence, kind, at: AT, state, facts });
  const last = received.at(-1);
  if (last === undefined) throw new Error('nothing was mailed');
  return last;
}

async function reportOf(bytes: number): Promise<{ name: string; version: number }> {
  const report = await importStores.reports.begin(
    request,
    'phase-1',
    String(bytes),
    new Date(AT),
    Date.now(),
  );
  await storage.put(report.storageKey, Buffer.alloc(bytes, 'z'));
  await importStores.reports.written(report, bytes);
  return { name: report.name, version: report.version };
}

const mailAudit = async (): Promise<string[]> =>
  (await stores.audit.list(request)).map(({ writer, action, by }) => `${writer} ${by} ${action}`);

describe('a message', () => {
  test('C4, A7: goes to the primary contact, the requester in copy, and to nobody else, in one thread', async () => {
    const first = await send('confirmation', 'PENDING');
    const second = await send('reminder', 'REPLY_WINDOW', { windowEndsAt: WINDOW_ENDS });
    for (const { to, mail } of [first, second]) {
      expect(to).toEqual(['chief@acme.example', 'keiko@acme.example']);
      expect([mail.references].flat()).toEqual([`<${request}.0@deskferry.example>`]);
      expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    }
    expect([first, second].map(({ mail }) => mail.messageId)).toEqual([
      `<${request}.1@deskferry.example>`,
      `<${request}.2@deskferry.example>`,
    ]);
  });

  test('F2: stands in the audit log when the server has taken it, once, however often it is brought', async () => {
    await send('confirmation', 'PENDING');
    const order: MessageOrder = {
      request,
      sequence: 2,
      kind: 'resumed',
      at: AT,
      state: 'PHASE_1',
      facts: {},
    };
    const away = createMailSender('smtp://127.0.0.1:9', 'Deskferry <deskferry@desk.example>');
    await expect(makeSendMessage({ ...deps, mail: away })(order)).rejects.toThrow('mail server');
    away.close();
    expect(await mailAudit()).toEqual(['mail system mailed:confirmation']);
    for (const _ of [1, 2, 3]) await makeSendMessage(deps)(order);
    expect(await mailAudit()).toEqual(['mail system mailed:confirmation', 'mail system mailed:resumed']);
    expect(received).toHaveLength(2);
  });

  test('E1: of a message whose sender was killed when the server had taken it, a second copy is known as one', async () => {
    const order: MessageOrder = {
      request,
      sequence: 1,
      kind: 'resumed',
      at: AT,
      state: 'PHASE_1',
      facts: {},
    };
    const killed: SendMessageDependencies = {
      ...deps,
      mail: {
        ...sender,
        send: async (mail) => {
          await sender.send(mail);
          throw new Error('killed');
        },
      },
    };
    await expect(makeSendMessage(killed)(order)).rejects.toThrow('killed');
    await makeSendMessage(deps)(order);
    expect(new Set(received.map(({ mail }) => mail.messageId)).size).toBe(1);
    expect(new Set(received.map(({ mail }) => mail.text)).size).toBe(1);
    expect(await mailAudit()).toHaveLength(1);
  });

  test('C1: what was mailed before the support ticket was opened stands on it, too, and all after it', async () => {
    await send('confirmation', 'PENDING');
    await send('inLine', 'QUEUED', { phase: 'phase-1', place: 1 });
    for (const _ of [1, 2]) await makeOpenSupportTicket({ stores })({ request, at: AT });
    const started = await send('phaseStarted', 'PHASE_1', { phase: 'phase-1' });
    expect(started.mail.text).toContain(`S-${request}`);
    const ticket = await stores.supportTickets.get(request);
    expect(ticket?.entries.map(({ direction, subject }) => `${direction} ${subject}`)).toEqual(
      received.map(({ mail }) => `out ${mail.subject}`),
    );
    expect(ticket?.entries.map(({ text }) => text.trim())).toEqual(
      received.map(({ mail }) => mail.text?.trim()),
    );
  });

  test('E1: a reply by the API stands on the support ticket before it is acknowledged, with its files, once', async () => {
    await makeOpenSupportTicket({ stores })({ request, at: AT });
    const file = { name: '連絡先.csv', bytes: 1_234, sha256: '0', storageKey: 'x', uploadedAt: new Date(AT) };
    await stores.uploads.put({ request, key: 'f1', reply: 'r1', ...file });
    await stores.replies.put({
      request,
      key: 'r1',
      at: new Date(AT),
      by: 'requester:acme',
      text: '直しました',
      mapping: { version: 1 },
      files: ['f1'],
    });
    const order = { request, sequence: 1, kind: 'replyReceived', at: AT, facts: { reply: 'r1' } } as const;
    for (const _ of [1, 2]) await makeSendMessage(deps)(order);
    const ticket = await stores.supportTickets.get(request);
    expect(ticket?.entries.map(({ direction, text }) => [direction, text])).toEqual([
      ['in', '直しました\n\n+ 連絡先.csv (1,234 bytes)\n+ mapping.json'],
      ['out', expect.stringContaining('内容は問い合わせに記録し')],
    ]);
  });

  test('C7, C8: the report is attached; the end of the window is told in the zone of the requester', async () => {
    const report = await reportOf(900);
    const { mail } = await send('phase1Report', 'PHASE_1', { report, windowEndsAt: WINDOW_ENDS });
    expect(mail.attachments.map(({ filename, size }) => [filename, size])).toEqual([
      [`${request}-phase-1.zip`, 900],
    ]);
    expect(mail.subject).toContain('2026年1月16日(金) 01:30 JST');
    // the window opens with this mail
    expect(mail.text).toContain('ステータス：返信受付中');
  });

  test('C7: a report too large for a mail comes as a link that ends, in the text and in the page', async () => {
    const report = await reportOf(1_001);
    const { mail } = await send('phase1Report', 'PHASE_1', { report, windowEndsAt: WINDOW_ENDS });
    expect(mail.attachments).toEqual([]);
    const link = /https:\/\/deskferry\.example\/v1\S+/.exec(mail.text ?? '')?.[0] ?? 'none';
    expect(String(mail.html).replaceAll('&#x3D;', '=').replaceAll('&amp;', '&')).toContain(
      `<a href="${link}">`,
    );
    expect(mail.text).toContain('2026年1月2日(金) 21:00 JST');
  });

  test('E1: answers go to the request while replies are accepted, and to the team before and after', async () => {
    const report = await reportOf(10);
    const facts = { windowEndsAt: WINDOW_ENDS };
    const addressOf = ({ mail }: Received): string => mail.replyTo?.value[0]?.address ?? '';
    const open = [
      await send('phase1Report', 'PHASE_1', { report, ...facts }),
      await send('paused', 'REPLY_WINDOW', { reason: 'asked', ...facts }),
    ];
    for (const each of open) expect(requestOfAddress(SECRET, addressOf(each), MAILBOX)).toBe(request);
    expect(addressOf(await send('lateReply', 'PHASE_2', facts))).toBe('team@deskferry.example');
    expect(addressOf(await send('confirmation', 'PENDING'))).toBe('team@deskferry.example');
  });

  test('A2, A9: what the order tells counts, also where the document is a moment behind', async () => {
    const { mail } = await send('sentBack', 'PENDING', { reason: '列が足りません', expiresAt: WINDOW_ENDS });
    expect(mail.text).toContain('2026年1月16日(金) 01:30 JSTに期限切れ');
    const rejected = await send('rejected', 'REJECTED', { reason: 'プランが違います' });
    expect(rejected.mail.text).toContain('ステータス：却下');
  });
});
