import nodemailer, { type Transporter } from 'nodemailer';

/** One mail, ready to be handed to the mail server. */
export interface OutgoingMail {
  to: string[];
  cc: string[];
  subject: string;
  text: string;
  html: string;
  /** derived from request and sequence, so that a mail delivered twice is recognised by the reader's mail program */
  messageId: string;
  /** the first message of the request, for threading */
  references: string[];
  replyTo: string;
  attachments: { filename: string; path: string; contentType: string }[];
}

/** Hands mails to a mail server. */
export interface MailSender {
  /** Resolves when the server has taken the mail (E1); throws when it has not, with no address in the message. */
  send(mail: OutgoingMail): Promise<void>;
  close(): void;
}

class MailRefused extends Error {
  readonly code = 'MAIL_REFUSED';
  constructor(why: string) {
    super(`the mail server did not take the mail (${why}); put it right, then resume`);
    this.name = 'MailRefused';
  }
}

/**
 * A sender over SMTP.
 * @param url for example `smtp://user:password@mail.example.com:587`
 * @param from the sender's address, with a display name if wanted
 */
export function createMailSender(url: string, from: string): MailSender {
  const transport: Transporter = nodemailer.createTransport({
    url,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 60_000,
    disableUrlAccess: true,
  });
  return {
    async send(mail) {
      try {
        await transport.sendMail({
          from,
          to: mail.to,
          cc: mail.cc,
          replyTo: mail.replyTo,
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          references: mail.references,
          attachments: mail.attachments,
          // RFC 3834: answering programs leave generated mail alone.
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
      } catch (error) {
        const { code, responseCode } = error as { code?: string; responseCode?: number };
        // The library's own message may quote an address or the mail's text.
        throw new MailRefused(
          [code, responseCode].filter((part) => part !== undefined).join(' ') || 'unknown',
        );
      }
    },
    close() {
      transport.close();
    },
  };
}
