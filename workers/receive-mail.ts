import { ServiceError } from '@temporalio/client';
import { makeTakeMailReply, type TakeMailReplyDependencies } from '../activities/take-mail-reply.ts';
import type { Logger } from '../configuration/create-logger.ts';
import { listenSmtp, type SmtpListener, type SmtpListenerOptions } from '../mail/receive/listen-smtp.ts';
import { type MailboxOptions, type MailboxPoller, pollMailbox } from '../mail/receive/poll-mailbox.ts';
import { createSpool, type Spool, SpoolDamaged } from '../mail/receive/spool.ts';
import type { IncomingMails } from '../store/incoming-mail.ts';
import type { Storage } from '../store/storage.ts';

type Listening = Pick<SmtpListenerOptions, 'host' | 'port' | 'tls'>;
type Polling = Pick<MailboxOptions, 'url' | 'folder' | 'moveTo' | 'every'>;

export interface MailReceiverDependencies extends Omit<TakeMailReplyDependencies, 'storage' | 'settings'> {
  storage: Storage;
  logger: Pick<Logger, 'info' | 'warn'>;
  settings: TakeMailReplyDependencies['settings'] & {
    /** where mail comes in; null = not by this way */
    smtp: Listening | null;
    imap: Polling | null;
    /** in bytes */
    largestMail: number;
    /** how long mail that was not taken is held for the team, in milliseconds */
    keepHeld: number;
    /** how long a mail waits at first when something does not answer, in milliseconds; then ever longer */
    retryAfter?: number;
  };
}

export interface MailReceiver {
  /** `smtp://host:port`, or null where none is listened on */
  smtpAddress: string | null;
  /** Resolves when no mail waits that could be dealt with now. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
const SWEEP_MS = 3_600_000;
const SWEEP_PAGE = 100;

/**
 * Takes replies by mail (E1), by listening for mail and by reading a mailbox: each mail is stored first, then dealt with, and what was
 * stored when the process ended is dealt with when it starts. One receiver works on one storage.
 * @throws when the port is taken
 */
export async function startMailReceiver(deps: MailReceiverDependencies): Promise<MailReceiver> {
  const { settings, storage, logger } = deps;
  const spool = createSpool(storage);
  const work = dealWithMail(deps, spool);
  const shared = {
    spool,
    arrived: work.wake,
    largestMail: settings.largestMail,
    failed: (error: unknown) => logger.warn(faultOf(error), 'mail could not be fetched or stored'),
  };
  const listener: SmtpListener | null =
    settings.smtp === null
      ? null
      : await listenSmtp({ ...shared, ...settings.smtp, mailbox: settings.mailbox });
  const poller: MailboxPoller | null =
    settings.imap === null ? null : pollMailbox({ ...shared, ...settings.imap });
  work.wake();
  logger.info({ smtp: listener !== null, imap: poller !== null }, 'replies by mail are taken');
  return {
    smtpAddress: listener?.address ?? null,
    settled: work.settled,
    async stop() {
      await Promise.all([listener?.stop(), poller?.stop()]);
      await work.stop();
    },
  };
}

/** Works through the waiting mails, one at a time. A mail that cannot be dealt with now holds up no other. */
function dealWithMail(deps: MailReceiverDependencies, spool: Spool) {
  const { incomingMails, storage, logger, settings } = deps;
  const takeMailReply = makeTakeMailReply(deps);
  const later = new Map<string, { tries: number; at: number }>();
  const state = { stopped: false, again: false, busy: false };
  let working: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let sweptAt = 0;

  async function deal(id: string): Promise<void> {
    try {
      const { request, outcome } = await takeMailReply(await spool.open(id));
      await spool.remove(id);
      later.delete(id);
      logger.info(
        { mail: id, ...(request === null ? {} : { migration: request }), outcome },
        'mail received',
      );
    } catch (error) {
      // trying again would not mend it
      if (error instanceof SpoolDamaged) await spool.setAside(id);
      const tries = (later.get(id)?.tries ?? 0) + 1;
      const wait = Math.min(
        (settings.retryAfter ?? RETRY_MS) * 2 ** Math.min(tries - 1, 10),
        LONGEST_RETRY_MS,
      );
      later.set(id, { tries, at: Date.now() + wait });
      logger.warn({ mail: id, tries, ...faultOf(error) }, 'a mail waits to be dealt with');
    }
  }

  async function workThrough(): Promise<void> {
    do {
      state.again = false;
      try {
        for (const id of await spool.waiting()) {
          if (state.stopped) return;
          if ((later.get(id)?.at ?? 0) <= Date.now()) await deal(id);
        }
        if (Date.now() - sweptAt > SWEEP_MS) {
          await forgetHeld(incomingMails, storage, new Date(Date.now() - settings.keepHeld));
          sweptAt = Date.now();
        }
      } catch (error) {
        logger.warn(faultOf(error), 'waiting mail could not be looked through');
      }
    } while (state.again && !state.stopped);
    const next = Math.min(sweptAt + SWEEP_MS, ...[...later.values()].map(({ at }) => at));
    clearTimeout(timer);
    if (!state.stopped)
      timer = setTimeout(wake, Math.max(next - Date.now(), settings.retryAfter ?? RETRY_MS));
  }

  function wake(): void {
    state.again = true;
    if (state.busy || state.stopped) return;
    state.busy = true;
    working = workThrough().finally(() => {
      state.busy = false;
      if (state.again) wake();
    });
  }

  return {
    wake,
    settled: async () => {
      while (state.busy) await working;
    },
    async stop() {
      state.stopped = true;
      clearTimeout(timer);
      await working;
      clearTimeout(timer);
    },
  };
}

/** Mail of strangers and programs is held for a while only. */
async function forgetHeld(mails: IncomingMails, storage: Storage, before: Date): Promise<void> {
  for (let cursor: string | null = null; ; ) {
    const page = await mails.unknown(cursor, SWEEP_PAGE);
    for (const { id, arrivedAt, heldAs } of page) {
      if (arrivedAt >= before) continue;
      if (heldAs !== null) await storage.remove(heldAs);
      await mails.remove(id);
    }
    cursor = page.at(-1)?.id ?? null;
    if (page.length < SWEEP_PAGE) return;
  }
}

/** What went wrong, without the message: it may quote a mail. */
function faultOf(error: unknown): { error: string; code?: unknown } {
  if (!(error instanceof Error)) return { error: typeof error };
  const cause = error instanceof ServiceError ? error.cause : error;
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === undefined ? { error: error.name } : { error: error.name, code };
}
