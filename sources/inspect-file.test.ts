import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import * as fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import yazl from 'yazl';
import { confirmedEncodings } from './confirmed-encodings.ts';
import { type FileInspection, type InspectOptions, inspectFile } from './inspect-file.ts';
import { memoryFile } from './memory-file.ts';
import { countPart, type PartKind, type ReadablePart, readPart } from './read-part.ts';
import type { Cursor, FileAccess, ReadRow } from './rows.ts';

async function zipOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  return buffer(zip.outputStream);
}

async function inspect(
  name: string,
  content: string | Buffer,
  options: InspectOptions = {},
): Promise<FileInspection> {
  return inspectFile(memoryFile(name, Buffer.from(content)), options);
}

const found = ({ problems }: FileInspection) =>
  problems.map(({ severity, code, entry }) => [severity, code, entry]);

describe('B1: what a file holds is found out', () => {
  it('a CSV: tab, header, delimiter, encoding, records counted', async () => {
    const inspection = await inspect('Tickets_01.csv', 'TicketExtId;Subject\nT1;x\nT2;"y\nz"\n');
    expect(inspection).toEqual({
      name: 'Tickets_01.csv',
      bytes: 34,
      unpackedBytes: 34,
      attachments: { files: 0, bytes: 0 },
      problems: [],
      parts: [
        {
          entry: null,
          kind: 'csv',
          tabGuess: 'tickets',
          header: ['TicketExtId', 'Subject'],
          delimiter: ';',
          encoding: 'utf-8',
          encodingConfidence: 1,
          records: 2,
          unreadable: 0,
          bytes: 34,
        },
      ],
    });
  });

  it.each([
    ['Agents.csv', 'agents'],
    ['accounts_2.CSV', 'accounts'],
    ['Contacts.json', 'contacts'],
    ['Products.xml', 'products'],
    ['TicketComments_03.csv', 'comments'],
    ['Comments.csv', 'comments'],
    ['THREADS.tsv', 'threads'],
    ['Attachments.csv', 'attachments'],
    ['Articles_1.jsonl', 'articles'],
    ['tickets.old.csv', null],
    ['customer_support_tickets.csv', null],
    ['Tickets', null],
    ['toString.csv', null],
  ])('formats.md: the tab of %s is %s', async (name, tab) => {
    const { parts } = await inspect(name, 'a,b\n1,2\n');
    expect(parts[0]?.tabGuess).toBe(tab);
  });

  it.each<[string | Buffer, unknown]>([
    ['', [['blocking', 'FILE_EMPTY', null]]],
    ['\r\n\r\n', [['blocking', 'HEADER_MISSING', null]]],
    ['a,b\n', [['information', 'HEADER_ONLY', null]]],
    ['a,"b\n1,2\n', [['blocking', 'HEADER_UNREADABLE', null]]],
    [
      'a,a,b,\n1,2,3,4\n',
      [
        ['warning', 'DUPLICATE_COLUMN', null],
        ['information', 'EMPTY_COLUMN_NAME', null],
      ],
    ],
    ['a,b\n1,2\0\n3,4567890123\n', [['warning', 'NUL_BYTES', null]]],
    ['a,b\n1,2\n3\n', [['warning', 'UNREADABLE_ROWS', null]]],
    ['a,b\n1\n3\n', [['blocking', 'NO_READABLE_ROW', null]]],
    ['%PDF-1.7\n1,2\n', [['blocking', 'FILE_NOT_READABLE', null]]],
    [Buffer.from('a,b\n1,2\n', 'utf16le'), [['blocking', 'FILE_NOT_READABLE', null]]],
    [Buffer.from('d0cf11e0a1b11ae100', 'hex'), [['blocking', 'SPREADSHEET', null]]],
    [Buffer.from(Array.from({ length: 256 }, (_, k) => k)), [['blocking', 'FILE_NOT_READABLE', null]]],
  ])('problems of %j', async (content, problems) => {
    expect(found(await inspect('Tickets.csv', content))).toEqual(problems);
  });

  it.each<[what: string, name: string, content: string, problem: string | null]>([
    ['a name of 1,000 characters', 'Tickets.csv', `a,${'b'.repeat(1_000)}\n1,2\n`, null],
    ['a longer one', 'Tickets.csv', `a,${'b'.repeat(1_001)}\n1,2\n`, 'COLUMN_NAME_TOO_LONG'],
    ['text', 'Tickets.csv', `"${'text\n'.repeat(200_000)}",b\n1,2\n`, 'COLUMN_NAME_TOO_LONG'],
    [
      'a name in JSON',
      'Tickets.json',
      JSON.stringify([{ a: 1, ['b'.repeat(1_001)]: 2, c: 3 }]),
      'COLUMN_NAME_TOO_LONG',
    ],
    [
      'a name in XML',
      'Tickets.xml',
      `<t><r><${'b'.repeat(1_001)}>1</${'b'.repeat(1_001)}></r></t>`,
      'COLUMN_NAME_TOO_LONG',
    ],
    ['10,001 columns', 'Tickets.csv', `a${','.repeat(10_000)}\n1\n`, 'TOO_MANY_COLUMNS'],
    ['one line alone', 'Tickets.csv', 'a;b,c'.repeat(500_000), 'TOO_MANY_COLUMNS'],
  ])('names of columns: %s', async (_, name, content, problem) => {
    const blocking = (await inspect(name, content)).problems.filter(
      ({ severity }) => severity === 'blocking',
    );
    expect(blocking.map(({ code }) => code)).toEqual(problem === null ? [] : [problem]);
    for (const { message } of blocking) expect(message.length).toBeLessThan(200);
  });

  it('of columns that come more than once the first twenty are named', async () => {
    const names = Array.from({ length: 5_000 }, (_, n) => `name ${n}`);
    const { problems } = await inspect('Tickets.csv', `${[...names, ...names].join(',')}\n`);
    const { message = '' } = problems.find(({ code }) => code === 'DUPLICATE_COLUMN') ?? {};
    expect(message).toContain('name 19, ...');
    expect(message.length).toBeLessThan(300);
  });

  it('a file named after no tab, and an encoding not sure, are warnings', async () => {
    const german = iconv.encode('a,b\nGröße,1\n', 'windows-1252');
    expect(found(await inspect('export.csv', german))).toEqual([
      ['warning', 'UNKNOWN_TAB', null],
      ['warning', 'ENCODING_UNSURE', null],
    ]);
  });

  it('A4: a file may be called what every object answers to', async () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const inspection = await inspect(name, 'a,b\n1,2\n', { encoding: confirmedEncodings(name, {}) });
      expect(inspection.parts[0]).toMatchObject({ encoding: 'utf-8', header: ['a', 'b'] });
      const confirmed = confirmedEncodings(name, { [name]: 'windows-1252' });
      const given = await inspect(name, 'a,b\n1,2\n', { encoding: confirmed });
      expect(given.parts[0]).toMatchObject({ encoding: 'windows-1252', encodingConfidence: 1 });
    }
  });

  it('the requester can confirm another encoding', async () => {
    const bytes = iconv.encode('件名,b\nテスト,1\n', 'cp932');
    const guessed = await inspect('Tickets.csv', bytes);
    expect(guessed.parts[0]).toMatchObject({ encoding: 'shift_jis', header: ['件名', 'b'] });
    const given = await inspect('Tickets.csv', bytes, { encoding: { 'Tickets.csv': 'windows-1252' } });
    expect(given.parts[0]).toMatchObject({ encoding: 'windows-1252', encodingConfidence: 1, records: 1 });
    expect(found(await inspect('Tickets.csv', bytes, { encoding: 'utf-8' }))).toEqual([
      ['blocking', 'HEADER_UNREADABLE', null],
    ]);
  });

  it('the first unreadable row is named', async () => {
    const { problems, parts } = await inspect('Tickets.csv', 'a,b\n1,2\n1,\n"x"y,1\n3,"\n');
    expect(parts[0]).toMatchObject({ records: 4, unreadable: 2 });
    expect(problems[0]).toMatchObject({ code: 'UNREADABLE_ROWS', row: 3 });
  });

  it('content decides, not the name', async () => {
    const zip = await inspect('Tickets.csv', await zipOf({ 'Agents.csv': 'a\n1\n' }));
    expect(found(zip)).toEqual([['warning', 'NAME_MISLEADS', null]]);
    expect(zip.parts).toMatchObject([{ entry: 'Agents.csv', tabGuess: 'agents', records: 1 }]);
    expect(found(await inspect('data.zip', 'a,b\n1,2\n'))[0]).toEqual(['warning', 'NAME_MISLEADS', null]);
    const json = await inspect('Tickets.csv', '[{"a":1}]');
    expect([json.parts[0]?.kind, ...found(json)]).toEqual(['json', ['warning', 'NAME_MISLEADS', null]]);
    const xlsx = await zipOf({ '[Content_Types].xml': '<Types/>', 'xl/workbook.xml': '<w/>' });
    expect(found(await inspect('Tickets.xlsx', xlsx))).toEqual([['blocking', 'SPREADSHEET', null]]);
    expect((await inspect('Tickets.csv', '[id],{name},<x>\n1,2,3\n')).parts[0]?.kind).toBe('csv');
  });

  it('a ZIP: tables with their tabs, all else is for attachments', async () => {
    const tickets = 'a,b\n1,2\n3,4\n';
    const inspection = await inspect(
      'all.zip',
      await zipOf({
        'export/Tickets.csv': tickets,
        'export/Agents.json': '[{"x":1},{"y":2}]',
        'export/other.csv': 'q\n',
        'export/files/customer.csv': 'not,a\ntable',
        'export/files/photo.png': 'png',
      }),
    );
    expect(
      inspection.parts.map(({ entry, kind, tabGuess, header, records }) => [
        entry,
        kind,
        tabGuess,
        header,
        records,
      ]),
    ).toEqual([
      ['export/Tickets.csv', 'csv', 'tickets', ['a', 'b'], 2],
      ['export/Agents.json', 'json', 'agents', ['x', 'y'], 2],
      ['export/other.csv', 'csv', null, ['q'], 0],
    ]);
    expect(inspection.attachments).toEqual({ files: 2, bytes: 14 });
    expect(inspection.unpackedBytes).toBe(tickets.length + 17 + 2 + 14);
    expect(found(inspection)).toEqual([
      ['warning', 'UNKNOWN_TAB', 'export/other.csv'],
      ['information', 'HEADER_ONLY', 'export/other.csv'],
    ]);
  });

  it('a ZIP of attachments alone, a nested archive, an empty ZIP', async () => {
    expect(found(await inspect('files.zip', await zipOf({ 'a.png': 'x', 'b.zip': 'y' })))).toEqual([
      ['warning', 'ZIP_NESTED_ARCHIVE', 'b.zip'],
      ['information', 'NO_TABLE_IN_ZIP', null],
    ]);
    expect(found(await inspect('files.zip', await zipOf({})))).toEqual([['blocking', 'FILE_EMPTY', null]]);
  });

  it('a ZIP beyond its caps, or damaged, is a blocking problem', async () => {
    const zip = await zipOf({ 'Tickets.csv': 'a,b\n1,2\n'.repeat(100) });
    const caps = { entries: 10, unpackedBytes: 100, ratio: 1000, ratioFrom: 0 };
    expect(found(await inspect('all.zip', zip, { caps }))).toEqual([['blocking', 'ZIP_BOMB', null]]);
    zip.fill(0xff, 42, 48);
    expect(found(await inspect('all.zip', zip))).toEqual([['blocking', 'ZIP_CORRUPT', 'Tickets.csv']]);
  });

  it('an inspection shows signs of life and can be stopped', async () => {
    const file = memoryFile('Tickets.csv', Buffer.from('a,b\n1,2\n'));
    let bytes = 0;
    await inspectFile(file, { onBytes: (more) => (bytes += more) });
    expect(bytes).toBeGreaterThanOrEqual(file.bytes);
    await expect(inspectFile(file, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});

async function rowsAndCursors(
  access: FileAccess,
  part: ReadablePart,
  from: Cursor | null,
): Promise<{ rows: ReadRow[]; cursors: Cursor[] }> {
  const rows: ReadRow[] = [];
  const cursors: Cursor[] = [];
  for await (const batch of readPart(access, part, from, { batchRows: 1 })) {
    rows.push(...batch.rows);
    cursors.push(batch.after);
  }
  return { rows, cursors };
}

describe('design: every part is read the same way, and resumed from any row', () => {
  const csv = '件名,b\r\nテスト,1\r\nbad\r\n"x\ny",2\r\n';
  const json = '[{"件名":"テスト","b":1},\n{"件名":"x\\ny","b":2}]';
  const xml = '<r><t><件名>テスト</件名><b>1</b></t><t><b>2</b></t></r>';

  it.each([
    ['plain CSV', 'Tickets.csv', Buffer.from(csv)],
    ['CSV in CP932', 'Tickets.csv', iconv.encode(csv, 'cp932')],
    ['CSV in UTF-16', 'Tickets.csv', Buffer.concat([Buffer.of(0xfe, 0xff), iconv.encode(csv, 'utf-16be')])],
    ['JSON', 'Tickets.json', Buffer.from(json)],
    ['JSON in EUC-JP', 'Tickets.json', iconv.encode(json, 'euc-jp')],
    ['XML', 'Tickets.xml', Buffer.from(xml)],
    [
      'XML in Shift_JIS',
      'Tickets.xml',
      iconv.encode(`<?xml version="1.0" encoding="Shift_JIS"?>${xml}`, 'cp932'),
    ],
    [
      'XML that names no encoding there is',
      'Tickets.xml',
      Buffer.from(`<?xml version="1.0" encoding="constructor"?>${xml}`),
    ],
    ['XML in UTF-16', 'Tickets.xml', Buffer.concat([Buffer.of(0xff, 0xfe), iconv.encode(xml, 'utf-16le')])],
  ])('%s, plain and inside a ZIP', async (_, name, bytes) => {
    const plain = memoryFile(name, bytes, [20, 21, 30]);
    const packed = memoryFile('all.zip', await zipOf({ [name]: bytes }));
    for (const access of [plain, packed]) {
      const inspection = await inspectFile(access);
      const part = inspection.parts[0] as ReadablePart & { records: number; unreadable: number };
      const { rows, cursors } = await rowsAndCursors(access, part, null);
      expect(rows[0]).toEqual({ row: 1, cells: ['テスト', '1'] });
      expect(rows).toHaveLength(part.records);
      expect(rows.filter((row) => 'code' in row)).toHaveLength(part.unreadable);
      expect((await countPart(access, part)).records).toBe(rows.length);
      for (const [k, cursor] of cursors.entries()) {
        expect(cursor.entry).toBe(part.entry);
        const resumed = JSON.parse(JSON.stringify(cursor)) as Cursor;
        expect((await rowsAndCursors(access, part, resumed)).rows).toEqual(rows.slice(k + 1));
      }
    }
  });

  it('D3: a ZIP entry, packed or not, is read to the same rows when reading stops after any row and goes on there', async () => {
    const cell = fc.string({ unit: fc.constantFrom(...Array.from('a,;"\r\n漢é')), maxLength: 6 });
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 });
    const kinds = fc.constantFrom<PartKind>('csv', 'json', 'xml');
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    // XML itself makes an LF of a CR
    const escaped = (text: string): string => text.replaceAll('\r', '&#13;');
    const write = {
      csv: (rows: readonly string[][]) =>
        ['a,b', ...rows.map((row) => row.map(quoted).join(','))].join('\r\n'),
      json: (rows: readonly string[][]) => JSON.stringify(rows.map(([a, b]) => ({ a, b }))),
      xml: (rows: readonly string[][]) =>
        `<r>${rows.map(([a = '', b = '']) => `<t><a>${escaped(a)}</a><b>${escaped(b)}</b></t>`).join('')}</r>`,
    };
    await fc.assert(
      fc.asyncProperty(table, kinds, fc.boolean(), async (rows, kind, compress) => {
        const name = `Tickets.${kind}`;
        const zip = new yazl.ZipFile();
        zip.addBuffer(Buffer.from('beside'), 'files/x.bin');
        zip.addReadStream(Readable.from([Buffer.from(write[kind](rows))]), name, { compress });
        zip.end();
        const access = memoryFile('all.zip', await buffer(zip.outputStream));
        const part: ReadablePart = {
          entry: name,
          kind,
          header: ['a', 'b'],
          encoding: 'utf-8',
          delimiter: kind === 'csv' ? ',' : null,
        };
        const whole = await rowsAndCursors(access, part, null);
        expect(whole.rows.map((row) => ('cells' in row ? row.cells : row.message))).toEqual(rows);
        for (const [place, cursor] of whole.cursors.entries()) {
          expect((await rowsAndCursors(access, part, cursor)).rows).toEqual(whole.rows.slice(place + 1));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('what does not decode in a JSON or XML part of another encoding fails its record alone', async () => {
    const bytes = iconv.encode('{"a":"あ"}\n{"a":"い?"}\n{"a":"う"}', 'euc-jp');
    bytes[bytes.indexOf('?')] = 0xff;
    const access = memoryFile('Tickets.json', bytes);
    const part: ReadablePart = {
      entry: null,
      kind: 'json',
      header: ['a'],
      encoding: 'euc-jp',
      delimiter: null,
    };
    const { rows } = await rowsAndCursors(access, part, null);
    expect(rows.map((row) => ('cells' in row ? row.cells : row.code))).toEqual([
      ['あ'],
      'BAD_ENCODING',
      ['う'],
    ]);
    expect(await countPart(access, part)).toEqual({ records: 3, malformed: 0, badEncoding: 1 });
  });

  it('an entry that is not there is a typed error', async () => {
    const access = memoryFile('all.zip', await zipOf({ 'Tickets.csv': 'a\n' }));
    const part: ReadablePart = {
      entry: 'Agents.csv',
      kind: 'csv',
      header: ['a'],
      encoding: 'utf-8',
      delimiter: ',',
    };
    await expect(countPart(access, part)).rejects.toMatchObject({ code: 'ZIP_CORRUPT', entry: 'Agents.csv' });
  });
});
