import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStorage, type Storage } from '../../store/storage.ts';
import { type ImapServer, startImapServer } from '../../test/imap-server.ts';
import { type MailboxOptions, type MailboxPoller, pollMailbox } from './poll-mailbox.ts';
import { createSpool, type Spool } from './spool.ts';

const MAIL = 'From: a@example.com\r\nTo: replies@example.com\r\nSubject: hello\r\nMessage-ID: <1@a>\r\n\r\n';

let server: ImapServer;
let folder: string;
let storage: Storage;
let spool: Spool;
let pollers: MailboxPoller[];
let faults: unknown[];

function poll(more: Partial<MailboxOptions> = {}): MailboxPoller {
  const poller = pollMailbox({
    spool,
    arrived: () => {},
    failed: (error) => faults.push(error),
    url: server.url,
    folder: 'INBOX',
    moveTo: null,
    every: 3_600_000,
    largestMail: 1_000_000,
    ...more,
  });
  pollers.push(poller);
  return poller;
}

async function kept(): Promise<string[]> {
  const texts: string[] = [];
  for (const id of await spool.waiting())
    texts.push((await storage.get(`mail/incoming/${id}.eml`)).toString());
  return texts;
}

beforeEach(async () => {
  server = await startImapServer();
  folder = await mkdtemp(join(tmpdir(), 'deskferry-imap-'));
  storage = openStorage({ folder });
  spool = createSpool(storage);
  pollers = [];
  faults = [];
});

afterEach(async () => {
  for (const poller of pollers) await poller.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('reading a mailbox', () => {
  it('E1: new mail is stored whole, then marked as seen', async () => {
    const long = `${MAIL}${'0123456789abcdef\r\n'.repeat(20_000)}`;
    server.deliver(long);
    server.deliver(`${MAIL}two`);
    await poll().look();
    const [first, second] = await kept();
    expect(first?.slice(first.indexOf('\r\n') + 2)).toBe(long);
    expect(second?.endsWith('two')).toBe(true);
    const steps = server.commands.filter((each) => /^UID (?:FETCH|STORE) 1 /.test(each));
    expect(steps.findIndex((each) => each.startsWith('UID STORE'))).toBe(steps.length - 1);
    expect(server.mails.map(({ flags }) => [...flags])).toEqual([['\\Seen'], ['\\Seen']]);
    const [id = ''] = await spool.waiting();
    expect(await spool.open(id)).toMatchObject({
      envelope: { via: 'imap', receivedAt: Date.parse('2026-01-05T03:34:56Z'), returnPath: null, to: [] },
      head: { from: ['a@example.com'], recipients: ['replies@example.com'], messageId: '1@a' },
    });
  });

  it('E1: a mail that could not be stored stays new, and is fetched again', async () => {
    server.deliver(`${MAIL}one`);
    const keep = spool.keep.bind(spool);
    spool.keep = () => Promise.reject(new Error('the disk is full'));
    const poller = poll();
    await expect(poller.look()).rejects.toThrow('the disk is full');
    expect([...(server.mails[0]?.flags ?? [])]).toEqual([]);
    spool.keep = keep;
    await poller.look();
    expect((await kept()).length).toBe(1);
  });

  it('E1: a mail fetched twice, because marking it failed, is stored once', async () => {
    server.deliver(`${MAIL}one`);
    let refuse = true;
    server.before = (command) => {
      if (refuse && command.startsWith('UID STORE')) throw new Error('not now');
    };
    const poller = poll();
    await poller.look();
    expect([...(server.mails[0]?.flags ?? [])]).toEqual([]);
    refuse = false;
    await poller.look();
    expect([...(server.mails[0]?.flags ?? [])]).toEqual(['\\Seen']);
    expect((await kept()).length).toBe(1);
  });

  it('moves what it has stored, where it is told to', async () => {
    server.deliver(`${MAIL}one`);
    await poll({ moveTo: 'Taken' }).look();
    expect(server.mails[0]?.folder).toBe('Taken');
  });

  it('keeps the headers alone of a mail over the limit', async () => {
    server.deliver(`${MAIL}${'x'.repeat(2_000_000)}`);
    await poll().look();
    const [id = ''] = await spool.waiting();
    const { envelope } = await spool.open(id);
    expect(envelope.tooLarge).toBe(MAIL.length + 2_000_000);
    expect((await kept())[0]?.length).toBeLessThan(2_000);
  });

  it('goes on when the mail server comes back', async () => {
    server.deliver(`${MAIL}one`);
    let broken = true;
    server.before = () => {
      if (broken) throw new Error('not now');
    };
    poll({ every: 20 });
    await until(() => faults.length >= 2);
    broken = false;
    await until(() => server.mails[0]?.flags.has('\\Seen') === true);
    expect(await kept()).toHaveLength(1);
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
