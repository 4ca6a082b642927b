import { createHash } from 'node:crypto';
import { PortalNotFound } from '../desk/errors.ts';
import type { Desk } from '../desk/desk.ts';
import { assertNever } from '../domain/assert-never.ts';
import { isFinal } from '../domain/lifecycle.ts';
import { readBody, UnreadableMail } from '../mail/receive/read-body.ts';
import type { SpooledMail } from '../mail/receive/spool.ts';
import { requestOfAddress } from '../mail/reply-address.ts';
import {
  type IgnoredFile,
  type IncomingMail,
  type IncomingMails,
  type MailOutcome,
  unknownMailId,
} from '../store/incoming-mail.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import type { MailReply } from '../workflows/messages.ts';
import type { LifecycleActivities, RequestSnapshot } from './lifecycle-activities.ts';
import { textWithFiles } from './support-ticket.ts';
import { collectMailFiles, type MailFiles } from './take-mail-files.ts';

/** What the process of a request is told and asked. */
export interface MigrationLine {
  /** Tells it of a reply by mail; false when it does not run any more. @throws when Temporal does not answer */
  tell(request: string, reply: MailReply): Promise<boolean>;
  /** How the request stands, everything told before included; null when its process is gone. @throws as above */
  ask(request: string): Promise<Pick<RequestSnapshot, 'state' | 'replyWindow' | 'replies'> | null>;
}

export interface TakeMailReplyDependencies {
  stores: Pick<Stores, 'requests' | 'replies' | 'uploads' | 'supportTickets'>;
  incomingMails: IncomingMails;
  storage: Pick<Storage, 'put' | 'read' | 'remove'>;
  desk: Pick<Desk, 'portal'>;
  migrations: MigrationLine;
  /** sends the mail that a reply came too late, when the request's process has ended */
  sendMessage: LifecycleActivities['sendMessage'];
  settings: {
    /** signs reply addresses */
    secret: string;
    /** the mailbox for replies, without a token */
    mailbox: string;
  };
}

/** By whom a reply by mail was given, as the audit log names it. */
const BY_MAIL = 'mail';

/** More mails of one request within so short a time are held for the team: answering them might be a conversation of programs. */
const MOST_MAILS = 20;
const MOST_MAILS_MS = 3_600_000;

/** As much of a stranger's mail as a person needs to see what it is. */
const HELD_BYTES = 256 * 1024;

/** Messages that no process numbers any more have numbers of their own. */
const FIRST_LATE_SEQUENCE = 90_000_000;
const LATE_SEQUENCES = 9_999_991;

type End = Pick<IncomingMail, 'outcome' | 'ignored'> & { outcome: MailOutcome };

/**
 * Deals with one received mail: as a reply to a request (E1, E2), or by holding it for the team. Nobody but the primary contact and
 * the requester is ever answered, and no program. Doing it again, or with the same mail delivered twice, changes nothing.
 * @throws when the database, the storage or Temporal does not answer; then it is to be done again later
 */
export function makeTakeMailReply(
  deps: TakeMailReplyDependencies,
): (mail: SpooledMail) => Promise<{ request: string | null; outcome: MailOutcome }> {
  return async (mail) => {
    const judged = await judge(deps, mail);
    const { request } = judged;
    const id = request === null ? unknownMailId(mail.id) : `${request.id}/${replyKey(request.id, mail)}`;
    const known = await deps.incomingMails.arrive({
      id,
      request: request?.id ?? null,
      via: mail.envelope.via,
      arrivedAt: new Date(mail.envelope.receivedAt),
    });
    if (known.outcome !== null) return { request: known.request, outcome: known.outcome };
    const end: End =
      request === null || judged.outcome !== null
        ? { outcome: judged.outcome ?? 'unknownAddress', ignored: [] }
        : await reply(deps, mail, request, known);
    await finish(deps, mail, known, end);
    return { request: request?.id ?? null, outcome: end.outcome };
  };
}

type Judged = { request: RequestDocument | null; outcome: MailOutcome | null };

/** Which request a mail is for, and whether it may be a reply (outcome null). */
async function judge(deps: TakeMailReplyDependencies, { envelope, head }: SpooledMail): Promise<Judged> {
  const { secret, mailbox } = deps.settings;
  const named = new Set(
    [...envelope.to, ...head.recipients].flatMap(
      (address) => requestOfAddress(secret, address, mailbox) ?? [],
    ),
  );
  if (named.size > 1) return { request: null, outcome: 'severalRequests' };
  const [id] = named;
  const request = id === undefined ? null : await deps.stores.requests.get(id);
  if (head.automatic !== null || envelope.returnPath === '') return { request, outcome: 'automatic' };
  if (request === null) return { request, outcome: 'unknownAddress' };
  if (!(await mayReply(deps, request, head.from))) return { request, outcome: 'unknownSender' };
  return { request, outcome: null };
}

/** The primary contact and the requester may reply; a mail of several authors is nobody's. */
async function mayReply(
  { desk }: TakeMailReplyDependencies,
  request: RequestDocument,
  from: readonly string[],
): Promise<boolean> {
  const [sender] = from;
  if (sender === undefined || from.length !== 1) return false;
  if (request.requester?.mail.trim().toLowerCase() === sender) return true;
  const portal = request.desk?.portal ?? null;
  if (portal === null) return false;
  try {
    const { primaryContact } = await desk.portal(portal);
    return primaryContact.mail.trim().toLowerCase() === sender;
  } catch (error) {
    if (error instanceof PortalNotFound) return false;
    throw error;
  }
}

/** The same mail is the same reply, however often it is delivered. */
function replyKey(request: string, { head, id }: SpooledMail): string {
  const { messageId, from, sentAt, subject } = head;
  const same = messageId ?? (sentAt === null ? id : JSON.stringify([from, sentAt, subject]));
  return `r_mail_${createHash('sha256').update(`${request}\n${same}`).digest('hex').slice(0, 32)}`;
}

async function reply(
  deps: TakeMailReplyDependencies,
  mail: SpooledMail,
  request: RequestDocument,
  known: IncomingMail,
): Promise<End> {
  const { stores, migrations } = deps;
  const key = keyOf(known);
  if (mail.envelope.tooLarge !== null) {
    await putOnTicket(
      deps,
      mail,
      request.id,
      key,
      `(A mail of ${mail.envelope.tooLarge} bytes is too large to be taken.)`,
    );
    return { outcome: 'tooLarge', ignored: [] };
  }
  if (await comesTooOften(deps, request.id, known)) return { outcome: 'tooMany', ignored: [] };

  const before = await migrations.ask(request.id);
  const open = before !== null && isOpen(before);
  const content = await read(deps, mail, request.id, key, open || known.toldAt !== null);
  if (content === null) {
    await putOnTicket(deps, mail, request.id, key, '(The mail cannot be read.)');
    return { outcome: 'unreadable', ignored: [] };
  }
  const { files, mapping, ignored } = content;
  if (content.text === '' && mapping === null && files.length === 0) {
    await putOnTicket(deps, mail, request.id, key, described('(The mail holds no text.)', content));
    return { outcome: 'empty', ignored };
  }

  const at = new Date(mail.envelope.receivedAt);
  for (const file of files) {
    await stores.uploads.put({ request: request.id, ...file, uploadedAt: at, reply: key });
  }
  await stores.replies.put({
    request: request.id,
    key,
    at,
    by: BY_MAIL,
    text: content.text,
    mapping,
    files: files.map((file) => file.key),
  });
  await putOnTicket(deps, mail, request.id, key, described(content.text, content));
  const outcome = await tell(deps, request, known, files);
  if (outcome !== 'taken') {
    for (const file of files) {
      await stores.uploads.remove(request.id, file.key);
      await deps.storage.remove(file.storageKey);
    }
  }
  return { outcome, ignored };
}

type Content = MailFiles & { text: string };

/** What the mail says and brings, its files stored; null when it cannot be read. After the window files are not looked at. */
async function read(
  { storage }: TakeMailReplyDependencies,
  mail: SpooledMail,
  request: string,
  key: string,
  withFiles: boolean,
): Promise<Content | null> {
  const { taken, take } = collectMailFiles(storage, request, key);
  try {
    const { text, whole } = await readBody(
      await storage.read(mail.storageKey),
      withFiles
        ? take
        : ({ name }) => {
            taken.ignored.push({ name: name ?? 'unnamed', reason: 'WINDOW_CLOSED' });
            return Promise.resolve();
          },
    );
    const bringsNothing = text === '' && taken.mapping === null && taken.files.length === 0;
    // an answer written into the history in a way not known here is still an answer
    return { ...taken, text: bringsNothing ? whole : text };
  } catch (error) {
    for (const file of taken.files) await storage.remove(file.storageKey);
    if (error instanceof UnreadableMail) return null;
    throw error;
  }
}

/** Tells the request's process, and learns from it what became of the reply. */
async function tell(
  deps: TakeMailReplyDependencies,
  request: RequestDocument,
  known: IncomingMail,
  files: MailFiles['files'],
): Promise<MailOutcome> {
  const { migrations, incomingMails } = deps;
  const key = keyOf(known);
  if (known.toldAt === null) {
    const runs = await migrations.tell(request.id, {
      by: BY_MAIL,
      key,
      files: files.map(({ key, bytes }) => ({ key, bytes })),
    });
    if (!runs) return refuseForEnded(deps, request, known);
    await incomingMails.told(known.id, new Date());
  }
  const after = await migrations.ask(request.id);
  if (after?.replies.includes(key) === true) return 'taken';
  if (after === null || after.replyWindow === null) return 'notInWindow';
  return isOpen(after) ? 'overLimit' : 'late';
}

/** E2 for a request that has ended: its process cannot say any more that the reply came too late. */
async function refuseForEnded(
  deps: TakeMailReplyDependencies,
  request: RequestDocument,
  known: IncomingMail,
): Promise<MailOutcome> {
  if (request.replyWindow === null || !isFinal(request.state)) return 'notInWindow';
  const key = keyOf(known);
  const number = Number.parseInt(createHash('sha256').update(key).digest('hex').slice(0, 8), 16);
  await deps.sendMessage({
    request: request.id,
    sequence: FIRST_LATE_SEQUENCE + (number % LATE_SEQUENCES),
    kind: 'lateReply',
    at: known.arrivedAt.getTime(),
    facts: { reply: key, windowEndsAt: request.replyWindow.endsAt.getTime() },
  });
  return 'late';
}

function isOpen({ state, replyWindow }: Pick<RequestSnapshot, 'state' | 'replyWindow'>): boolean {
  return state === 'REPLY_WINDOW' && replyWindow !== null && Date.now() < replyWindow.endsAt;
}

function keyOf({ id }: IncomingMail): string {
  return id.slice(id.indexOf('/') + 1);
}

async function comesTooOften(
  { incomingMails }: TakeMailReplyDependencies,
  request: string,
  known: IncomingMail,
): Promise<boolean> {
  if (known.toldAt !== null) return false;
  const since = known.arrivedAt.getTime() - MOST_MAILS_MS;
  const recent = (await incomingMails.ofRequest(request)).filter(
    ({ id, toldAt }) => id !== known.id && toldAt !== null && toldAt.getTime() > since,
  );
  return recent.length >= MOST_MAILS;
}

/** C1: what was received stands on the support ticket, when there is one. */
async function putOnTicket(
  { stores }: TakeMailReplyDependencies,
  { envelope, head }: SpooledMail,
  request: string,
  key: string,
  text: string,
): Promise<void> {
  if ((await stores.supportTickets.get(request)) === null) return;
  await stores.supportTickets.append(request, {
    key: `reply/${key}`,
    at: new Date(envelope.receivedAt),
    direction: 'in',
    subject: head.subject,
    text,
  });
}

function described(text: string, { files, mapping, ignored }: MailFiles): string {
  const others = ignored.map(({ name, reason }: IgnoredFile) => `- ${name} (${reason})`);
  return textWithFiles(text, files, mapping, others);
}

/**
 * Notes the end. A mail of a request is kept beside its uploads and erased with them (F5); of another the beginning lies ready for the
 * team for a while.
 */
async function finish(
  { storage, incomingMails }: TakeMailReplyDependencies,
  mail: SpooledMail,
  known: IncomingMail,
  { outcome, ignored }: End,
): Promise<void> {
  const held = isHeld(outcome);
  const unknown = known.request === null;
  const kept = unknown ? `mail/held/${mail.id}.eml` : `uploads/${known.request}/mail/${keyOf(known)}.eml`;
  if (outcome !== 'late') {
    await storage.put(
      kept,
      await (unknown ? storage.read(mail.storageKey, 0, HELD_BYTES) : storage.read(mail.storageKey)),
    );
  }
  await incomingMails.settle(known.id, {
    outcome,
    ignored,
    heldAs: held ? kept : null,
    from: held ? (mail.head.from[0] ?? null) : null,
    subject: held ? mail.head.subject : null,
  });
}

/** Whether the team has to look at a mail itself. */
function isHeld(outcome: MailOutcome): boolean {
  switch (outcome) {
    case 'taken':
    case 'late':
    case 'overLimit':
      return false;
    case 'notInWindow':
    case 'empty':
    case 'tooMany':
    case 'unreadable':
    case 'tooLarge':
    case 'automatic':
    case 'unknownAddress':
    case 'unknownSender':
    case 'severalRequests':
      return true;
    default:
      return assertNever(outcome);
  }
}
