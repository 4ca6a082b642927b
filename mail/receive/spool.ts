import { createHash, randomBytes } from 'node:crypto';
import { HEAD_BYTES, type MailHead, readHead } from './read-head.ts';

/** What is known of a mail besides itself. */
export interface Envelope {
  via: 'smtp' | 'imap';
  /** epoch milliseconds */
  receivedAt: number;
  /** the return path: '' = none, which only reports have; null = not known */
  returnPath: string | null;
  /** whom the mail server was told; those of the mailbox for replies only */
  to: string[];
  /** its size in bytes, when it is over the limit and its headers alone were kept; else null */
  tooLarge: number | null;
}

/** A mail that was received and not yet dealt with. */
export interface SpooledMail {
  id: string;
  /** where it is stored; the envelope stands in its first line, as a header of its own */
  storageKey: string;
  envelope: Envelope;
  head: MailHead;
}

/** Where mails wait; keys are parts joined by `/`. */
export interface SpoolStorage {
  put(key: string, body: AsyncIterable<Uint8Array>): Promise<{ bytes: number }>;
  read(key: string, from?: number, to?: number): Promise<AsyncIterable<Uint8Array>>;
  list(prefix: string): AsyncIterable<string>;
  remove(key: string): Promise<void>;
}

/** Mails between their arrival and the moment they are dealt with; what is kept here survives any crash. */
export interface Spool {
  /** Stores a mail, whole or not at all. Keeping it again under the same id is keeping it once. @throws what the body throws */
  keep(id: string, envelope: Envelope, body: AsyncIterable<Uint8Array>): Promise<void>;
  /** Ids, the oldest first. */
  waiting(): Promise<string[]>;
  /** @throws SpoolDamaged */
  open(id: string): Promise<SpooledMail>;
  /** Moves a damaged one to where it waits no longer. */
  setAside(id: string): Promise<void>;
  remove(id: string): Promise<void>;
}

export class SpoolDamaged extends Error {
  readonly code = 'SPOOL_DAMAGED';
  constructor(id: string) {
    super(`The waiting mail ${id} does not begin with its envelope.`);
    this.name = 'SpoolDamaged';
  }
}

const FOLDER = 'mail/incoming';
const ENVELOPE = 'X-Deskferry-Envelope: ';
const MOST_RECIPIENTS = 20;

/** The id of a mail that comes now: in the order of arrival, and of its own. */
export function newMailId(now: number): string {
  return `${String(now).padStart(14, '0')}-${randomBytes(6).toString('hex')}`;
}

/**
 * The id of a mail in a mailbox: the same mail has the same id.
 * @param folder what names the mailbox and the folder for good
 * @param uid its number in the folder
 */
export function mailboxMailId(receivedAt: number, folder: readonly (string | bigint)[], uid: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(folder.map(String)))
    .digest('hex');
  return `${String(receivedAt).padStart(14, '0')}-${String(uid).padStart(10, '0')}-${digest.slice(0, 16)}`;
}

export function createSpool(storage: SpoolStorage): Spool {
  const keyOf = (id: string): string => `${FOLDER}/${id}.eml`;
  return {
    async keep(id, envelope, body) {
      const line = JSON.stringify({ ...envelope, to: envelope.to.slice(0, MOST_RECIPIENTS) });
      const first = Buffer.from(`${ENVELOPE}${Buffer.from(line).toString('base64url')}\r\n`);
      await storage.put(
        keyOf(id),
        (async function* () {
          yield first;
          yield* body;
        })(),
      );
    },
    async waiting() {
      const ids: string[] = [];
      for await (const key of storage.list(`${FOLDER}/`)) {
        const id = /^mail\/incoming\/([\w-]+)\.eml$/.exec(key)?.[1];
        if (id !== undefined) ids.push(id);
      }
      return ids.toSorted();
    },
    async open(id) {
      const storageKey = keyOf(id);
      const beginning = await whole(await storage.read(storageKey, 0, HEAD_BYTES + 16 * 1024));
      const end = beginning.indexOf('\n');
      const line = beginning.toString('latin1', 0, Math.max(end, 0)).trim();
      const envelope = envelopeIn(line);
      if (envelope === null) throw new SpoolDamaged(id);
      return { id, storageKey, envelope, head: await readHead(beginning.subarray(end + 1)) };
    },
    async setAside(id) {
      await storage.put(`mail/damaged/${id}.eml`, await storage.read(keyOf(id)));
      await storage.remove(keyOf(id));
    },
    remove: (id) => storage.remove(keyOf(id)),
  };
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

function envelopeIn(line: string): Envelope | null {
  if (!line.startsWith(ENVELOPE)) return null;
  try {
    return JSON.parse(Buffer.from(line.slice(ENVELOPE.length), 'base64url').toString()) as Envelope;
  } catch {
    return null;
  }
}
