import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import iconv from 'iconv-lite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import yazl from 'yazl';
import {
  DEFAULT_ZIP_CAPS,
  openZip,
  type ZipArchive,
  type ZipCaps,
  type ZipEntry,
  ZipError,
} from './open-zip.ts';
import { matchPath } from './zip-path.ts';

const opened: ZipArchive[] = [];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-zip-'));
});

afterAll(async () => {
  for (const archive of opened) archive.close();
  await rm(folder, { recursive: true, force: true });
});

interface Member {
  name: string;
  content?: string | Buffer;
  mode?: number;
  stored?: boolean;
  zip64?: boolean;
}

async function pack(members: Member[]): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const { name, content = '', mode = 0o100644, stored = false, zip64 = false } of members) {
    zip.addBuffer(Buffer.from(content), name, { mode, compress: !stored, forceZip64Format: zip64 });
  }
  zip.end({ forceZip64Format: members.some(({ zip64 }) => zip64 === true), comment: '' });
  return buffer(zip.outputStream);
}

/** Puts other bytes of the same length in place, in the local and the central header alike. */
function rename(archive: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  const patched = Buffer.from(archive);
  expect(Buffer.byteLength(from)).toBe(Buffer.byteLength(to));
  for (let at = patched.indexOf(from); at !== -1; at = patched.indexOf(from, at + 1))
    patched.set(Buffer.from(to), at);
  return patched;
}

/** Changes the central directory's record of an entry. */
function patchCentral(archive: Buffer, name: string, change: (record: Buffer) => void): Buffer {
  const patched = Buffer.from(archive);
  const at = patched.lastIndexOf(name) - 46;
  expect(patched.readUInt32LE(at)).toBe(0x02014b50);
  change(patched.subarray(at));
  return patched;
}

let files = 0;
async function open(archive: Buffer, caps: Partial<ZipCaps> = {}): Promise<ZipArchive> {
  const path = join(folder, `${files++}.zip`);
  await writeFile(path, archive);
  const zip = await openZip(path, { ...DEFAULT_ZIP_CAPS, ...caps });
  opened.push(zip);
  return zip;
}

async function content(zip: ZipArchive, name: string): Promise<string> {
  const entry = zip.entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no entry ${name}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await zip.read(entry)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const names = (zip: ZipArchive) => zip.entries.map(({ name }) => name);
const problems = (zip: ZipArchive) => zip.problems.map(({ code, entry }) => [code, entry]);

describe('A4: a ZIP bundles CSV files and attachment files', () => {
  it('its files are listed with their sizes and read', async () => {
    const zip = await open(
      await pack([
        { name: 'Tickets.csv', content: 'a,b\n1,2\n' },
        { name: 'files/x.bin', content: Buffer.alloc(300_000, 7), stored: true },
        { name: 'empty.txt' },
      ]),
    );
    expect(zip.problems).toEqual([]);
    expect(zip.entries.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['Tickets.csv', 8],
      ['files/x.bin', 300_000],
      ['empty.txt', 0],
    ]);
    expect(zip.unpackedBytes).toBe(300_008);
    expect(await content(zip, 'Tickets.csv')).toBe('a,b\n1,2\n');
    expect((await content(zip, 'files/x.bin')).length).toBe(300_000);
    expect(await content(zip, 'empty.txt')).toBe('');
  });

  it('zip64 is read', async () => {
    const zip = await open(await pack([{ name: 'Tickets.csv', content: 'a\n1\n', zip64: true }]));
    expect(zip.problems).toEqual([]);
    expect(await content(zip, 'Tickets.csv')).toBe('a\n1\n');
  });

  it('entries whose sizes follow their bytes (data descriptors), as streaming packers write them', async () => {
    const zip = new yazl.ZipFile();
    for (const name of ['a.csv', 'b.csv']) {
      zip.addReadStream(Readable.from([Buffer.from(`content of ${name}`)]), name, {
        compress: name === 'a.csv',
      });
    }
    zip.end();
    const archive = await buffer(zip.outputStream);
    expect(archive.readUInt16LE(6) & 8).toBe(8);
    const read = await open(archive);
    expect(read.problems).toEqual([]);
    expect(await content(read, 'a.csv')).toBe('content of a.csv');
    expect(await content(read, 'b.csv')).toBe('content of b.csv');
  });

  it('a comment that holds what looks like the end of an archive', async () => {
    const zip = new yazl.ZipFile();
    zip.addBuffer(Buffer.from('x'), 'a.csv');
    zip.end({ comment: `PKxx${' '.repeat(30)}`, forceZip64Format: false });
    const read = await open(rename(await buffer(zip.outputStream), 'PKxx', 'PK\x05\x06'));
    expect([names(read), problems(read)]).toEqual([[], [['ZIP_CORRUPT', null]]]);
  });

  it('an empty archive has no files', async () => {
    const zip = await open(await pack([]));
    expect([zip.entries, zip.problems]).toEqual([[], []]);
  });

  it('Japanese names: CP932 where not flagged as UTF-8, unflagged UTF-8 too', async () => {
    const flagged = await pack([{ name: '添付/表.csv', content: 'x' }]);
    expect(names(await open(flagged))).toEqual(['添付/表.csv']);
    const sjis = iconv.encode('添付/表.csv', 'cp932');
    const placeholder = 'p'.repeat(sjis.length);
    expect(names(await open(rename(await pack([{ name: placeholder }]), placeholder, sjis)))).toEqual([
      '添付/表.csv',
    ]);
    const utf8 = Buffer.from('添付/表.csv');
    const longer = 'p'.repeat(utf8.length);
    expect(names(await open(rename(await pack([{ name: longer }]), longer, utf8)))).toEqual(['添付/表.csv']);
  });

  it('what macOS adds is left out', async () => {
    const zip = await open(
      await pack([
        { name: '__MACOSX/._Tickets.csv' },
        { name: 'a/.DS_Store' },
        { name: '.DS_Store' },
        { name: 'Tickets.csv' },
      ]),
    );
    expect(names(zip)).toEqual(['Tickets.csv']);
    expect(zip.problems).toEqual([]);
  });

  it('a nested archive is a file like others, and said to be', async () => {
    const zip = await open(
      await pack([{ name: 'more.ZIP', content: await pack([{ name: 'Tickets.csv' }]) }]),
    );
    expect(names(zip)).toEqual(['more.ZIP']);
    expect(problems(zip)).toEqual([['ZIP_NESTED_ARCHIVE', 'more.ZIP']]);
  });
});

describe('A4: an archive made to do harm is refused, each entry with its reason', () => {
  it.each([
    ['xx/evil.csv', '../evil.csv', 'ZIP_PATH_OUTSIDE'],
    ['a/xx/xx/b.csv', 'a/../../b.csv', 'ZIP_PATH_OUTSIDE'],
    ['xx_evil.csv', '..\\evil.csv', 'ZIP_PATH_OUTSIDE'],
    ['xetc/passwd', '/etc/passwd', 'ZIP_ABSOLUTE_PATH'],
    ['xxx/evil.csv', 'C:\\/evil.csv', 'ZIP_ABSOLUTE_PATH'],
    ['xxserver/a', '\\\\server/a', 'ZIP_ABSOLUTE_PATH'],
    ['Tickets.csvx', 'Tickets.csv\0', 'ZIP_CORRUPT'],
  ])('%s as %j', async (placeholder, name, code) => {
    const zip = await open(
      rename(await pack([{ name: placeholder }, { name: 'good.csv' }]), placeholder, name),
    );
    expect(names(zip)).toEqual(['good.csv']);
    expect(problems(zip)).toEqual([[code, name]]);
    expect(zip.problems[0]?.message).toMatch(/Pack the files anew/);
  });

  it.each([0o120777, 0o060644, 0o010644])('links and devices (mode %o)', async (mode) => {
    const zip = await open(await pack([{ name: 'link.csv', content: '/etc/passwd', mode }]));
    expect([names(zip), problems(zip)]).toEqual([[], [['ZIP_SYMLINK', 'link.csv']]]);
  });

  it('encrypted entries', async () => {
    const archive = patchCentral(await pack([{ name: 'secret.csv', content: 'x' }]), 'secret.csv', (record) =>
      record.writeUInt16LE(record.readUInt16LE(8) | 1, 8),
    );
    expect(problems(await open(archive))).toEqual([['ZIP_ENCRYPTED', 'secret.csv']]);
    const strong = patchCentral(await pack([{ name: 'secret.csv', content: 'x' }]), 'secret.csv', (record) =>
      record.writeUInt16LE(record.readUInt16LE(8) | 0x41, 8),
    );
    expect(problems(await open(strong))).toEqual([['ZIP_ENCRYPTED', null]]);
  });

  it('other packing methods', async () => {
    const archive = patchCentral(await pack([{ name: 'odd.csv', content: 'x' }]), 'odd.csv', (record) =>
      record.writeUInt16LE(9, 10),
    );
    expect(problems(await open(archive))).toEqual([['ZIP_METHOD', 'odd.csv']]);
  });

  it('a bomb by ratio', async () => {
    const zip = await open(await pack([{ name: 'bomb.csv', content: Buffer.alloc(5_000_000) }]));
    expect([names(zip), problems(zip)]).toEqual([[], [['ZIP_BOMB', 'bomb.csv']]]);
  });

  it('a bomb by number of entries, and by their size together', async () => {
    const archive = await pack([1, 2, 3].map((k) => ({ name: `${k}.csv`, content: 'x'.repeat(400) })));
    const many = await open(archive, { entries: 2 });
    expect([names(many), problems(many)]).toEqual([[], [['ZIP_BOMB', null]]]);
    const large = await open(archive, { unpackedBytes: 1_000 });
    expect([names(large), problems(large), large.unpackedBytes]).toEqual([[], [['ZIP_BOMB', null]], 1_200]);
  });

  it('overlapping entries, also under one local header', async () => {
    const archive = await pack([
      { name: 'a.csv', content: 'a'.repeat(100), stored: true },
      { name: 'b.csv', content: 'b'.repeat(100), stored: true },
    ]);
    const same = patchCentral(archive, 'b.csv', (record) => record.writeUInt32LE(0, 42));
    expect([names(await open(same)), problems(await open(same))]).toEqual([[], [['ZIP_OVERLAP', null]]]);
    const longer = patchCentral(archive, 'a.csv', (record) => {
      record.writeUInt32LE(150, 20);
      record.writeUInt32LE(150, 24);
    });
    expect(problems(await open(longer))).toEqual([['ZIP_OVERLAP', null]]);
  });

  it('two files of one name', async () => {
    const zip = await open(
      await pack([
        { name: 'a.csv', content: '1' },
        { name: 'a.csv', content: '2' },
      ]),
    );
    expect([names(zip), problems(zip)]).toEqual([['a.csv'], [['ZIP_DUPLICATE_NAME', 'a.csv']]]);
    expect(await content(zip, 'a.csv')).toBe('1');
  });

  it('two files whose paths lead to one place', async () => {
    const one = await open(
      rename(await pack([{ name: 'a.csv' }, { name: 'xxa.csv' }]), 'xxa.csv', './a.csv'),
    );
    expect([names(one), problems(one)]).toEqual([['a.csv'], [['ZIP_DUPLICATE_NAME', 'a.csv']]]);
  });

  it('a bomb that declares its size in zip64', async () => {
    const archive = await pack([{ name: 'big.csv', content: 'x', stored: true, zip64: true }]);
    let field = archive.lastIndexOf('big.csv') + 'big.csv'.length;
    while (archive.readUInt16LE(field) !== 1) field += 4 + archive.readUInt16LE(field + 2);
    archive.writeBigUInt64LE(20_000_000_000n, field + 4);
    archive.writeUInt16LE(8, archive.lastIndexOf('big.csv') - 36);
    expect(problems(await open(archive))).toEqual([
      ['ZIP_BOMB', 'big.csv'],
      ['ZIP_BOMB', null],
    ]);
  });

  it('bytes before the archive, and two archives glued together', async () => {
    const one = await pack([{ name: 'a.csv', content: 'x'.repeat(200) }]);
    const two = await pack([{ name: 'b.csv', content: 'y'.repeat(300) }]);
    for (const archive of [Buffer.concat([Buffer.alloc(100, 'MZ'), one]), Buffer.concat([one, two])]) {
      const zip = await open(archive);
      expect([names(zip), problems(zip)]).toEqual([[], [['ZIP_CORRUPT', null]]]);
    }
  });

  it('an entry that is said to lie behind the end', async () => {
    const archive = patchCentral(await pack([{ name: 'a.csv', content: 'x' }]), 'a.csv', (record) =>
      record.writeUInt32LE(5_000_000, 42),
    );
    expect(problems(await open(archive))).toEqual([['ZIP_OVERLAP', null]]);
  });

  it('what is no archive, or cut off', async () => {
    expect(problems(await open(Buffer.from('not a zip')))).toEqual([['ZIP_CORRUPT', null]]);
    const archive = await pack([{ name: 'a.csv', content: 'x'.repeat(1000) }]);
    expect(problems(await open(archive.subarray(0, archive.length - 30)))).toEqual([['ZIP_CORRUPT', null]]);
  });

  it('a thousand bad entries make a hundred findings and a number', async () => {
    const zip = await open(
      await pack(Array.from({ length: 1_000 }, (_, k) => ({ name: `${k}`, mode: 0o120777 }))),
    );
    expect(zip.problems).toHaveLength(101);
    expect(zip.problems.at(-1)?.message).toContain('900');
  });
});

describe('an entry that is not what the archive declares ends with ZIP_CORRUPT while it is read', () => {
  const text = 'subject,body\n'.repeat(1_000);
  const corrupt = { code: 'ZIP_CORRUPT', entry: 'a.csv' };

  it.each([
    ['more bytes than declared', (record: Buffer) => record.writeUInt32LE(500, 24)],
    ['fewer bytes than declared', (record: Buffer) => record.writeUInt32LE(50_000, 24)],
    ['another checksum', (record: Buffer) => record.writeUInt32LE(1, 16)],
    ['a packed stream cut short', (record: Buffer) => record.writeUInt32LE(20, 20)],
  ])('%s', async (_, change) => {
    const zip = await open(patchCentral(await pack([{ name: 'a.csv', content: text }]), 'a.csv', change));
    const reading = content(zip, 'a.csv');
    await expect(reading).rejects.toBeInstanceOf(ZipError);
    await expect(reading).rejects.toMatchObject(corrupt);
  });

  it('another name at its bytes', async () => {
    const archive = await pack([{ name: 'a.csv', content: text }]);
    archive.set(Buffer.from('b.csv'), archive.indexOf('a.csv'));
    await expect(content(await open(archive), 'a.csv')).rejects.toMatchObject(corrupt);
  });

  it.each([
    ['another packing method', 8, 0],
    ['a password', 6, 1],
  ])('%s at its bytes than in the directory', async (_, at, value) => {
    const archive = await pack([{ name: 'a.csv', content: text }]);
    archive.writeUInt16LE(value, at);
    await expect(content(await open(archive), 'a.csv')).rejects.toMatchObject(corrupt);
  });

  it('other sizes at its bytes do not count: the directory and the checksum do', async () => {
    const archive = await pack([{ name: 'a.csv', content: text }]);
    archive.writeUInt32LE(3, 18);
    archive.writeUInt32LE(3, 22);
    expect(await content(await open(archive), 'a.csv')).toBe(text);
  });

  it('bytes that are no packed stream', async () => {
    const archive = await pack([{ name: 'a.csv', content: text }]);
    archive.fill(0xff, archive.indexOf('a.csv') + 5, archive.indexOf('a.csv') + 25);
    await expect(content(await open(archive), 'a.csv')).rejects.toMatchObject(corrupt);
  });
});

describe('D3: an entry let go half-way harms nobody', () => {
  const body = randomBytes(3_000_000);

  it.each([
    ['packed', false],
    ['stored', true],
  ])('%s: not its neighbours, nor the process', async (_, stored) => {
    const archive = await pack([{ name: 'a.csv', content: body, stored }]);
    for (let round = 0; round < 20; round++) {
      const zip = await open(archive);
      const entry = zip.entries[0] as ZipEntry;
      const neighbour = buffer(await zip.read(entry));
      const abandoned = Array.from({ length: 8 }, async () => {
        const reading = (await zip.read(entry))[Symbol.asyncIterator]();
        const first = await reading.next();
        await reading.return?.();
        return first.done;
      });
      expect(await Promise.all(abandoned)).toEqual(Array(8).fill(false));
      expect((await neighbour).equals(body)).toBe(true);
      zip.close();
    }
  });

  it('an archive closed early ends what is still read with a ZipError', async () => {
    const zip = await open(await pack([{ name: 'a.csv', content: body, stored: true }]));
    const reading = (await zip.read(zip.entries[0] as ZipEntry))[Symbol.asyncIterator]();
    await reading.next();
    const next = reading.next();
    zip.close();
    expect((await next).done).toBe(false);
    await expect(reading.next()).rejects.toBeInstanceOf(ZipError);
  });
});

describe('formats.md Attachments: File Path', () => {
  const entries = ['files/a.pdf', 'files/A.PDF', 'files/Report.pdf', '添付/ガイド.pdf', 'x/é.txt'].map(
    (name) => ({ name }),
  );

  it.each([
    ['files/a.pdf', 'files/a.pdf'],
    ['files/A.PDF', 'files/A.PDF'],
    ['files\\a.pdf', 'files/a.pdf'],
    ['./files//a.pdf', 'files/a.pdf'],
    ['.\\files\\report.PDF', 'files/Report.pdf'],
    ['添付/ｶﾞｲﾄﾞ.pdf', '添付/ガイド.pdf'],
    ['添付/ガイド.pdf'.normalize('NFD'), '添付/ガイド.pdf'],
    ['x/e\u0301.txt', 'x/é.txt'],
    ['files/A.pdf', undefined],
    ['a.pdf', undefined],
    ['../files/a.pdf', undefined],
  ])('%s', (path, name) => {
    expect(matchPath(entries, path)?.name).toBe(name);
  });
});
