import fc from 'fast-check';
import encoding from 'encoding-japanese';
import { describe, expect, it } from 'vitest';
import { type MailFile, readBody, UnreadableMail } from './read-body.ts';

const TEXT = '修正したファイルをお送りします。\r\n髙橋 ①\r\n';
const SAID = '修正したファイルをお送りします。';

async function* pieces(content: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

async function read(content: string | Uint8Array) {
  const files: { name: string | null; type: string; content: string }[] = [];
  const body = await readBody(pieces(Buffer.from(content)), async (file: MailFile) => {
    const parts: Uint8Array[] = [];
    for (let next = await file.content.next(); next.done !== true; next = await file.content.next())
      parts.push(next.value);
    files.push({ name: file.name, type: file.type, content: Buffer.concat(parts).toString() });
  });
  return { ...body, files };
}

const wrapped = (base64: string): string => base64.replace(/.{76}/g, '$&\r\n');
const HEADERS = 'From: a@example.com\r\nMIME-Version: 1.0\r\n';

function encoded(text: string, charset: string): Buffer {
  const to = ({ 'iso-2022-jp': 'JIS', shift_jis: 'SJIS', 'euc-jp': 'EUCJP' } as const)[charset];
  if (to === undefined) return Buffer.from(text);
  return Buffer.from(encoding.convert(encoding.stringToCode(text), { to, from: 'UNICODE' }));
}

function quotedPrintable(bytes: Buffer): string {
  return [...bytes]
    .map((byte) =>
      byte === 13 || byte === 10 || (byte > 32 && byte < 127 && byte !== 61)
        ? String.fromCharCode(byte)
        : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
    .replace(/(=[0-9A-F]{2}){20}/g, '$&=\r\n');
}

describe('the body of a mail', () => {
  for (const charset of ['utf-8', 'iso-2022-jp', 'shift_jis', 'euc-jp']) {
    it(`E1: is read in ${charset}, in every transfer encoding`, async () => {
      const text = charset === 'utf-8' ? TEXT : `${SAID}\r\n`;
      const bytes = encoded(`${text}\r\n> 前のメール\r\n`, charset);
      const bodies: [string, Buffer][] = [
        ['8bit', bytes],
        ['base64', Buffer.from(wrapped(bytes.toString('base64')))],
        ['quoted-printable', Buffer.from(quotedPrintable(bytes), 'latin1')],
      ];
      for (const [transfer, body] of bodies) {
        const head = `${HEADERS}Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: ${transfer}\r\n\r\n`;
        expect((await read(Buffer.concat([Buffer.from(head), body]))).text).toBe(
          text.trim().replace(/\r/g, ''),
        );
      }
    });
  }

  it('E1: HTML alone becomes text; of both versions the text counts', async () => {
    const html = `<p>${SAID}</p><blockquote type="cite">前</blockquote>`;
    expect((await read(`${HEADERS}Content-Type: text/html; charset=utf-8\r\n\r\n${html}`)).text).toBe(SAID);
    const both = `${HEADERS}Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>html!</p>\r\n--b--\r\n`;
    expect((await read(both)).text).toBe('plain');
    const footer = `${HEADERS}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>All that was said, and more.</p>\r\n--b\r\nContent-Type: text/plain\r\n\r\nchecked\r\n--b--\r\n`;
    expect((await read(footer)).text).toBe('All that was said, and more.');
  });

  it('E1: files come as they were sent, with their names in every form', async () => {
    const csv = Buffer.from('TicketExtId\r\nT-1\r\n');
    const part = (disposition: string) =>
      `--b\r\nContent-Type: text/csv\r\nContent-Disposition: ${disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\n${csv.toString('base64')}\r\n`;
    const { text, files } = await read(
      `${HEADERS}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee files\r\n${part(`attachment; filename*=UTF-8''%E5%95%8F.csv`)}${part('attachment; filename="=?ISO-2022-JP?B?GyRCTGQbKEIuY3N2?="')}${part('inline; filename="Tickets 1.csv"')}${part('attachment')}--b--\r\n`,
    );
    expect(text).toBe('see files');
    expect(files.map(({ name }) => name)).toEqual(['問.csv', '問.csv', 'Tickets 1.csv', null]);
    expect(new Set(files.map(({ content }) => content))).toEqual(new Set([csv.toString()]));
  });

  it('a file that is not read is skipped', async () => {
    const big = wrapped(Buffer.alloc(400_000, 7).toString('base64'));
    const mail = `${HEADERS}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${big}\r\n--b\r\n\r\nafter\r\n--b--\r\n`;
    expect((await readBody(pieces(Buffer.from(mail)), () => Promise.resolve())).text).toBe('after');
  });

  it('what goes wrong with a file goes wrong with the mail', async () => {
    const mail = `${HEADERS}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/zip\r\n\r\nx\r\n--b--\r\n`;
    await expect(
      readBody(pieces(Buffer.from(mail)), () => Promise.reject(new RangeError('the disk is full'))),
    ).rejects.toThrow(RangeError);
  });

  it('a mail with too many parts is told to be unreadable', async () => {
    const parts = '--b\r\nContent-Type: application/x\r\n\r\nx\r\n'.repeat(1_500);
    await expect(
      read(`${HEADERS}Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b--\r\n`),
    ).rejects.toThrow(UnreadableMail);
  });

  it('anything at all is read, or told to be unreadable', async () => {
    const piece = fc.constantFrom(
      'Content-Type: multipart/mixed; boundary=b\r\n',
      'Content-Type: multipart/alternative; boundary="b"\r\n',
      'Content-Type: message/rfc822\r\n',
      'Content-Type: text/html; charset=nonsense\r\n',
      'Content-Type: text/plain; charset=utf-7; format=flowed\r\n',
      'Content-Type: application/zip; name="a\r\n',
      'Content-Transfer-Encoding: base64\r\n',
      'Content-Transfer-Encoding: x-uuencode\r\n',
      "Content-Disposition: attachment; filename*0*=x'y'%zz\r\n",
      '\r\n',
      '--b\r\n',
      '--b--\r\n',
      '<div><p',
      '====\r\n',
      '\0\xff\x80',
      'text\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        async (parts, size) => {
          const content = Buffer.from(parts.join(''), 'latin1');
          const read = await readBody(pieces(content, size), () => Promise.resolve()).catch(
            (error: unknown) => error,
          );
          expect(read instanceof UnreadableMail || typeof (read as { text: unknown }).text === 'string').toBe(
            true,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
