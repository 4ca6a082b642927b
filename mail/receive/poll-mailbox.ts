import { Readable } from 'node:stream';
import { ImapFlow } from 'imapflow';
import { type Envelope, mailboxMailId, type Spool } from './spool.ts';

export interface MailboxOptions {
  spool: Pick<Spool, 'keep'>;
  /** called when mails have been kept */
  arrived: () => void;
  /** called when the mailbox could not be read; it is tried again */
  failed: (error: unknown) => void;
  /** `imaps://user:password@host:port`, the user and password percent-encoded */
  url: string;
  /** the folder that is read, usually INBOX; it must be the service's own */
  folder: string;
  /** where mails are moved when they are stored; null = they are marked as seen and stay */
  moveTo: string | null;
  /** milliseconds between two looks */
  every: number;
  /** of a mail of more bytes only the headers are kept */
  largestMail: number;
}

export interface MailboxPoller {
  /** Looks now. @throws what the mail server does */
  look(): Promise<void>;
  stop(): Promise<void>;
}

/** After failures the mailbox is looked at less often, down to this. */
const LONGEST_WAIT_MS = 300_000;
/** Mails of one look; the rest comes with the next. */
const MOST_AT_ONCE = 100;

/**
 * Fetches new mail from a mailbox, again and again. A mail is marked as seen, or moved, when it is stored, not before; fetched
 * twice it is stored once.
 */
export function pollMailbox(options: MailboxOptions): MailboxPoller {
  const ended = new AbortController();
  let failures = 0;
  let looking: Promise<void> | null = null;
  const look = (): Promise<void> => {
    looking ??= fetchNew(options, ended.signal).finally(() => {
      looking = null;
    });
    return looking;
  };

  const polling = (async () => {
    while (!ended.signal.aborted) {
      try {
        await look();
        failures = 0;
      } catch (error) {
        if (ended.signal.aborted) break;
        failures++;
        options.failed(error);
      }
      await pause(
        Math.min(options.every * 2 ** Math.min(failures, 16), Math.max(LONGEST_WAIT_MS, options.every)),
        ended.signal,
      );
    }
  })();

  return {
    look,
    async stop() {
      ended.abort();
      await polling;
    },
  };
}

async function fetchNew(options: MailboxOptions, signal: AbortSignal): Promise<void> {
  const client = connectionTo(options.url);
  // told by the call that is under way
  client.on('error', () => {});
  const stop = (): void => client.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    const { uidValidity } = await client.mailboxOpen(options.folder);
    const found = (await client.search({ seen: false }, { uid: true })) || [];
    let kept = 0;
    for (const uid of found.slice(0, MOST_AT_ONCE)) {
      if (signal.aborted) break;
      if (await keep(client, options, uidValidity, uid)) kept++;
    }
    if (kept > 0) options.arrived();
    await client.logout();
  } finally {
    signal.removeEventListener('abort', stop);
    client.close();
  }
}

async function keep(
  client: ImapFlow,
  options: MailboxOptions,
  uidValidity: bigint,
  uid: number,
): Promise<boolean> {
  const range = String(uid);
  const about = await client.fetchOne(range, { size: true, internalDate: true }, { uid: true });
  if (about === false) return false;
  const size = about.size ?? 0;
  const tooLarge = size > options.largestMail;
  const content = tooLarge ? await headersOf(client, range) : await contentOf(client, range);
  if (content === null) return false;
  // not the moment of this look: fetched again, the mail has to have the same id
  const at = about.internalDate === undefined ? Number.NaN : new Date(about.internalDate).getTime();
  const receivedAt = Number.isNaN(at) ? 0 : at;
  const { host, username } = new URL(options.url);
  const envelope: Envelope = {
    via: 'imap',
    receivedAt: receivedAt || Date.now(),
    returnPath: null,
    to: [],
    tooLarge: tooLarge ? size : null,
  };
  const id = mailboxMailId(receivedAt, [host, username, options.folder, uidValidity], uid);
  await options.spool.keep(id, envelope, content);
  await client.messageFlagsAdd(range, ['\\Seen'], { uid: true });
  if (options.moveTo !== null) await client.messageMove(range, options.moveTo, { uid: true });
  return true;
}

async function contentOf(client: ImapFlow, range: string): Promise<AsyncIterable<Uint8Array> | null> {
  const { content } = await client.download(range, undefined, { uid: true });
  return content ?? null;
}

async function headersOf(client: ImapFlow, range: string): Promise<AsyncIterable<Uint8Array> | null> {
  const found = await client.fetchOne(range, { headers: true }, { uid: true });
  return found === false || found.headers === undefined ? null : Readable.from([found.headers]);
}

function connectionTo(url: string): ImapFlow {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === 'imaps:';
  return new ImapFlow({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 993 : 143) : Number(port),
    secure,
    auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 60_000,
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
