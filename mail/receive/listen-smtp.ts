import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { isReplyMailbox } from '../reply-address.ts';
import { newMailId, type Spool } from './spool.ts';

export interface SmtpListenerOptions {
  spool: Pick<Spool, 'keep'>;
  /** called when a mail has been kept */
  arrived: () => void;
  /** called when a mail could not be kept; the sending server is told to try again later */
  failed: (error: unknown) => void;
  /** the address all replies arrive at, without a token */
  mailbox: string;
  host: string;
  /** 0 = any free one */
  port: number;
  /** a mail of more bytes is refused, in so many words */
  largestMail: number;
  /** PEM texts, for STARTTLS; null = not offered */
  tls: { key: string; cert: string } | null;
}

export interface SmtpListener {
  /** `smtp://host:port` */
  address: string;
  stop(): Promise<void>;
}

const MOST_CLIENTS = 50;

class MailTooLarge extends Error {
  readonly code = 'MAIL_TOO_LARGE';
}

/** The sender's server reads the number; a person may read the text. */
class SmtpRefusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.name = 'SmtpRefusal';
    this.responseCode = responseCode;
  }
}

/**
 * Takes mail for the mailbox of replies, and for no other, so that it never passes mail on. A mail is acknowledged when it is stored,
 * not before: whatever happens then, the sending server has it still, or we have.
 * @throws when the port is taken
 */
export async function listenSmtp(options: SmtpListenerOptions): Promise<SmtpListener> {
  const { mailbox, largestMail, tls } = options;
  const server = new SMTPServer({
    ...tls,
    disabledCommands: ['AUTH', ...(tls === null ? ['STARTTLS'] : [])],
    authOptional: true,
    size: largestMail,
    banner: 'replies only',
    maxClients: MOST_CLIENTS,
    socketTimeout: 60_000,
    closeTimeout: 5_000,
    disableReverseLookup: true,
    logger: false,
    onRcptTo({ address }, _session, callback) {
      if (isReplyMailbox(address, mailbox)) callback();
      else callback(new SmtpRefusal(550, 'No such mailbox here'));
    },
    onData(stream, session, callback) {
      keep(options, stream, session).then(
        () => {
          callback();
          options.arrived();
        },
        (error: unknown) => {
          stream.resume();
          if (error instanceof MailTooLarge) {
            callback(
              new SmtpRefusal(
                552,
                `A mail may have at most ${largestMail} bytes; send larger files by the API`,
              ),
            );
            return;
          }
          callback(new SmtpRefusal(451, 'Try again later'));
          options.failed(error);
        },
      );
    },
  });
  // a client that breaks off is no reason to stop listening
  server.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    address: `smtp://${options.host}:${port}`,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

async function keep(
  { spool, mailbox, largestMail }: SmtpListenerOptions,
  stream: SMTPServerDataStream,
  { envelope }: SMTPServerSession,
): Promise<void> {
  const receivedAt = Date.now();
  await spool.keep(
    newMailId(receivedAt),
    {
      via: 'smtp',
      receivedAt,
      returnPath: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
      to: envelope.rcptTo.map(({ address }) => address).filter((address) => isReplyMailbox(address, mailbox)),
      tooLarge: null,
    },
    upTo(stream, largestMail),
  );
}

/** Reads a mail to its end, as the protocol wants it, but hands on no more than the limit. */
async function* upTo(stream: SMTPServerDataStream, most: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= most) yield part;
  }
  if (bytes > most) throw new MailTooLarge('the mail is over the limit');
}
