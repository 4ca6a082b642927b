import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type AddressObject, type ParsedMail, simpleParser } from 'mailparser';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { answerMailPage } from './mail-catcher-page.ts';

const LARGEST_BYTES = 64 * 1024 * 1024;

/** One caught mail as the JSON list shows it. `date` is when it came (ISO 8601); sizes are in bytes. */
export interface CaughtMail {
  id: string;
  from: string;
  to: string[];
  cc: string[];
  subject: string;
  date: string;
  /** Who the SMTP envelope named. */
  envelope: { from: string; to: string[] };
  /** Lower-case header names; a header that occurs several times is an array. */
  headers: Record<string, string | string[]>;
  attachments: { filename: string | null; contentType: string; size: number }[];
}

/** A caught mail with its bodies. Inline images stand in `html` as `data:` addresses. */
export interface CaughtMailBody extends CaughtMail {
  text: string | null;
  html: string | null;
}

/** What the pages read. */
export interface CaughtMails {
  list(): CaughtMail[];
  /** Null when there is no mail of this id. */
  read(id: string): Promise<CaughtMailBody | null>;
  raw(id: string): Promise<Buffer | null>;
  attachment(id: string, index: number): Promise<{ filename: string; content: Buffer } | null>;
}

/** Mail to one mailbox, or to its name with something after a `+`, that is delivered to a server on this machine as well. */
export interface HandOn {
  mailbox: string;
  /** of an SMTP server on 127.0.0.1 */
  port: number;
}

/** A mail server that keeps all and delivers nothing, but for what is handed on. */
export interface MailCatcher {
  /** `smtp://127.0.0.1:port` */
  address: string;
  /** The page; JSON is at `/messages`, `/messages/:id`, `/messages/:id/raw`. */
  ui: string;
  pid: number | null;
  stop(): Promise<void>;
  /** The same as stop: it runs in this process. */
  kill(): Promise<void>;
}

/**
 * Starts the mail catcher in this process. A mail is on disk, as `<dataFolder>/mail/<id>.eml`, before it is
 * acknowledged; mails caught earlier are there again. Ports not given are free ones.
 */
export async function startMailCatcher(options: {
  dataFolder: string;
  port?: number;
  uiPort?: number;
  handOn?: HandOn;
}): Promise<MailCatcher> {
  const folder = join(options.dataFolder, 'mail');
  await mkdir(folder, { recursive: true });
  const mails: CaughtMail[] = [];
  for (const name of (await readdir(folder)).toSorted()) {
    if (name.endsWith('.json')) {
      const id = name.slice(0, -'.json'.length);
      mails.push(await summarise(folder, id, await readEnvelope(folder, id)));
    }
  }

  const smtp = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    onAuth: (_auth, _session, callback) => callback(null, { user: 'anyone' }),
    size: LARGEST_BYTES,
    logger: false,
    disableReverseLookup: true,
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => {
        if (!stream.sizeExceeded) chunks.push(chunk);
      });
      stream.on('end', () => {
        if (stream.sizeExceeded) {
          callback(Object.assign(new Error('message too large'), { responseCode: 552 }));
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        const envelope = {
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map((recipient) => recipient.address),
          date: new Date().toISOString(),
        };
        const raw = Buffer.concat(chunks);
        handOn(options.handOn, envelope, raw)
          .then(() => keep(folder, raw, envelope))
          .then((id) => summarise(folder, id, envelope))
          .then(
            (mail) => {
              mails.push(mail);
              callback(null);
            },
            (error: Error) => callback(error),
          );
      });
    },
  });
  smtp.on('error', () => {
    // A client that breaks off is no reason to stop catching.
  });
  await new Promise<void>((resolve, reject) => {
    smtp.server.once('error', reject);
    smtp.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  const source: CaughtMails = {
    list: () => mails,
    read: async (id) => {
      const mail = mails.find((candidate) => candidate.id === id);
      if (mail === undefined) return null;
      const parsed = await parse(folder, id);
      return { ...mail, text: parsed.text ?? null, html: parsed.html || null };
    },
    raw: async (id) => (mails.some((mail) => mail.id === id) ? readFile(join(folder, `${id}.eml`)) : null),
    attachment: async (id, index) => {
      if (!mails.some((mail) => mail.id === id)) return null;
      const attachment = (await parse(folder, id)).attachments[index];
      if (attachment === undefined) return null;
      return { filename: attachment.filename ?? `attachment-${index + 1}`, content: attachment.content };
    },
  };
  const page = createServer((request, response) => {
    answerMailPage(source, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    page.once('error', reject);
    page.listen(options.uiPort ?? 0, '127.0.0.1', resolve);
  }).catch(async (error: unknown) => {
    await closeSmtp(smtp);
    throw error;
  });

  const stop = async () => {
    await Promise.all([closeSmtp(smtp), closePage(page)]);
  };
  return {
    address: `smtp://127.0.0.1:${portOf(smtp.server.address())}`,
    ui: `http://127.0.0.1:${portOf(page.address())}`,
    pid: null,
    stop,
    kill: stop,
  };
}

interface Envelope {
  from: string;
  to: string[];
  date: string;
}

async function keep(folder: string, content: Buffer, envelope: Envelope): Promise<string> {
  const id = `${envelope.date.replaceAll(/[^0-9]/g, '')}-${randomBytes(4).toString('hex')}`;
  await writeWhole(join(folder, `${id}.eml`), content);
  await writeWhole(join(folder, `${id}.json`), JSON.stringify(envelope));
  return id;
}

async function writeWhole(path: string, content: Buffer | string): Promise<void> {
  const handle = await open(`${path}.part`, 'w');
  await handle.writeFile(content);
  await handle.close();
  await rename(`${path}.part`, path);
}

async function readEnvelope(folder: string, id: string): Promise<Envelope> {
  return JSON.parse(await readFile(join(folder, `${id}.json`), 'utf8')) as Envelope;
}

async function parse(folder: string, id: string): Promise<ParsedMail> {
  return simpleParser(await readFile(join(folder, `${id}.eml`)));
}

async function handOn(to: HandOn | undefined, envelope: Envelope, raw: Buffer): Promise<void> {
  if (to === undefined) return;
  const [name = '', domain = ''] = to.mailbox.toLowerCase().split('@');
  const recipients = envelope.to.filter((address) => {
    const [local = '', host = ''] = address.toLowerCase().split('@');
    return host === domain && (local === name || local.startsWith(`${name}+`));
  });
  if (recipients.length === 0) return;
  const transport = createTransport({ host: '127.0.0.1', port: to.port, ignoreTLS: true });
  try {
    await transport.sendMail({ envelope: { from: envelope.from, to: recipients }, raw });
  } finally {
    transport.close();
  }
}

async function summarise(folder: string, id: string, envelope: Envelope): Promise<CaughtMail> {
  const parsed = await parse(folder, id);
  const headers: Record<string, string | string[]> = {};
  for (const { key, line } of parsed.headerLines) {
    const value = line
      .slice(line.indexOf(':') + 1)
      .replaceAll(/\r?\n[ \t]+/g, ' ')
      .trim();
    const before = headers[key];
    headers[key] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return {
    id,
    from: addresses(parsed.from)[0] ?? envelope.from,
    to: addresses(parsed.to),
    cc: addresses(parsed.cc),
    subject: parsed.subject ?? '',
    date: envelope.date,
    envelope: { from: envelope.from, to: envelope.to },
    headers,
    attachments: parsed.attachments.map((attachment) => ({
      filename: attachment.filename ?? null,
      contentType: attachment.contentType,
      size: attachment.size,
    })),
  };
}

function addresses(field: AddressObject | AddressObject[] | undefined): string[] {
  const fields = field === undefined ? [] : Array.isArray(field) ? field : [field];
  return fields.flatMap(({ value }) =>
    value.flatMap((one) => [one, ...(one.group ?? [])]).flatMap(({ address }) => (address ? [address] : [])),
  );
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP server has an address and port');
  return address.port;
}

async function closeSmtp(smtp: SMTPServer): Promise<void> {
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
}

async function closePage(page: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    page.close(() => resolve());
    page.closeAllConnections();
  });
}
