import { Readable } from 'node:stream';
import { type AttachmentStream, MailParser, type MessageText } from 'mailparser';
import { newText } from './new-text.ts';
import { textOfHtml } from './text-of-html.ts';

/** A file that came with a mail. */
export interface MailFile {
  /** as the sender's program names it, or null; not to be trusted */
  name: string | null;
  /** lower-case MIME type */
  type: string;
  content: AsyncIterator<Uint8Array>;
}

export interface MailBody {
  /** what the person wrote anew; '' when there is nothing new */
  text: string;
  /** all text, with the history */
  whole: string;
}

/** A mail whose parts cannot be told apart. */
export class UnreadableMail extends Error {
  readonly code = 'UNREADABLE_MAIL';
  constructor() {
    super('the mail cannot be read');
    this.name = 'UnreadableMail';
  }
}

/** What a person wrote, at most; as much as the API takes (E1). */
const LONGEST_TEXT = 100_000;
/** Of a longer body only the beginning is looked at: history stands below. */
const LONGEST_BODY = 1_000_000;
const LONGEST_MS = 120_000;

/**
 * Reads a mail's body once, from beginning to end, holding its text alone in memory.
 * @param takeFile called for each file, one after the other; what it leaves unread is skipped
 * @throws UnreadableMail, and what takeFile throws
 */
export async function readBody(
  source: AsyncIterable<Uint8Array>,
  takeFile: (file: MailFile) => Promise<void>,
): Promise<MailBody> {
  const parser = new MailParser({
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    checksumAlgo: false,
  });
  const input = Readable.from(source, { objectMode: false });
  let failed: Error | null = null;
  input.once('error', (error) => {
    failed = error;
    parser.destroy(error);
  });
  // a malformed mail must not hold up the others for ever
  const watch = setTimeout(() => parser.destroy(new UnreadableMail()), LONGEST_MS);
  let body: MailBody = { text: '', whole: '' };
  try {
    input.pipe(parser);
    for await (const part of parser as AsyncIterable<AttachmentStream | MessageText>) {
      if (part.type === 'text') body = bodyOf(part);
      else
        await take(part, async (file) =>
          takeFile(file).catch((error: unknown) => {
            failed = error instanceof Error ? error : new UnreadableMail();
            throw error;
          }),
        );
    }
    return body;
  } catch {
    throw failed ?? new UnreadableMail();
  } finally {
    clearTimeout(watch);
    input.destroy();
    parser.destroy();
  }
}

async function take(part: AttachmentStream, takeFile: (file: MailFile) => Promise<void>): Promise<void> {
  // told where it is read; after a broken-off mail nobody reads any more
  part.content.on('error', () => {});
  const content: AsyncIterator<Uint8Array> = part.content[Symbol.asyncIterator]();
  await takeFile({ name: part.filename ?? null, type: part.contentType.toLowerCase(), content });
  for (let rest = await content.next(); rest.done !== true; ) rest = await content.next();
  part.release?.();
}

function bodyOf({ text, html }: MessageText): MailBody {
  const plain = cleaned((text ?? '').slice(0, LONGEST_BODY));
  const fromHtml = html === undefined ? '' : cleaned(textOfHtml(html));
  const [ofPlain, ofHtml] = [newText(plain), newText(fromHtml)];
  // two versions of the same words, unless the text part is only what a mail server added below
  const htmlSaysMore = said(ofHtml) > 2 * said(ofPlain);
  return {
    text: shortened(htmlSaysMore ? ofHtml : ofPlain),
    whole: shortened((plain.trim() === '' || htmlSaysMore ? fromHtml : plain).trim()),
  };
}

function said(text: string): number {
  return text.replace(/\s/g, '').length;
}

function cleaned(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\n\t])\p{Cc}/gu, '');
}

function shortened(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 5).toWellFormed()}\n[…]`;
}
