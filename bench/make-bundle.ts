import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { InputFile } from './make-input.ts';

const MB = 1_000_000;
/** Size of the many files beside the one large one, in megabytes. */
const SMALL = 5;

const BLOCK = randomBytes(MB);

/** Content that nothing packs smaller, the same for the same seed only, made as it is asked for. */
function* content(megabytes: number, seed: number): Generator<Buffer> {
  const block = Buffer.from(BLOCK);
  for (let number = 0; number < megabytes; number++) {
    block.writeUInt32LE(seed, 0);
    block.writeUInt32LE(number, 4);
    yield Buffer.from(block);
  }
}

/**
 * Writes a ZIP with a ticket, its attachments' list and their files: one file of four fifths of the size, not packed; the rest in
 * files of 5 MB, every fourth packed, every tenth the same as the one before.
 * @param megabytes of attachment files together
 */
export async function makeBundle(path: string, megabytes: number): Promise<InputFile> {
  const zip = new ZipFile();
  const output = pipeline(zip.outputStream as Readable, createWriteStream(path));
  const large = Math.ceil(megabytes * 0.8);
  const small = Math.floor((megabytes - large) / SMALL);
  const add = (name: string, size: number, seed: number, compress: boolean): void => {
    zip.addReadStreamLazy(name, { compressionLevel: compress ? 1 : 0 }, (give) =>
      give(null, Readable.from(content(size, seed))),
    );
  };
  const names = ['large.bin', ...Array.from({ length: small }, (_, number) => `${number}.bin`)];
  const table = (lines: readonly string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`);
  zip.addBuffer(table(['ContactExtId,Last Name', 'c1,One']), 'Contacts.csv');
  zip.addBuffer(table(['TicketExtId,ContactExtId,Subject', 't1,c1,With files']), 'Tickets.csv');
  zip.addBuffer(
    table([
      'AttachmentExtId,TicketExtId,File Name,File Path',
      ...names.map((name, number) => `a${number},t1,${name},files/${name}`),
    ]),
    'Attachments.csv',
  );
  add('files/large.bin', large, 0, false);
  for (let number = 0; number < small; number++) {
    add(`files/${number}.bin`, SMALL, number % 10 === 9 ? number : number + 1, number % 4 === 3);
  }
  zip.end();
  await output;
  return { name: 'bundle.zip', path, bytes: megabytes * MB, rows: names.length + 2 };
}
