import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { countCsv } from './count-csv.ts';
import { memoryFile } from './memory-file.ts';
import { DELIMITERS, type Delimiter, type ReadCsvOptions, readCsv, readHeader } from './read-csv.ts';
import { type Cursor, ENCODINGS, type Encoding, QUOTE_LIMIT, RECORD_LIMIT, type ReadRow } from './rows.ts';

const BOMS: Partial<Record<Encoding, number[]>> = {
  'utf-8': [0xef, 0xbb, 0xbf],
  'utf-16le': [0xff, 0xfe],
  'utf-16be': [0xfe, 0xff],
};

function encode(text: string, encoding: Encoding, mark = encoding.startsWith('utf-16')): Buffer {
  const bytes = iconv.encode(text, encoding === 'shift_jis' ? 'cp932' : encoding);
  return Buffer.concat([Buffer.from(mark ? (BOMS[encoding] ?? []) : []), bytes]);
}

interface Reading {
  header: string[];
  rows: ReadRow[];
  ends: number[];
  afters: Cursor[];
}

async function readAll(
  bytes: Uint8Array,
  options: Partial<ReadCsvOptions> & { cuts?: number[] } = {},
): Promise<Reading> {
  const encoding = options.encoding ?? 'utf-8';
  const file = memoryFile('Tickets.csv', bytes, options.cuts ?? []);
  const open = (from: number) => file.open(from);
  const head = await readHeader(open, { encoding, delimiter: options.delimiter });
  const reading: Reading = { header: head.header, rows: [], ends: [], afters: [] };
  for await (const batch of readCsv(open, {
    header: head.header,
    ...options,
    encoding,
    delimiter: head.delimiter,
  })) {
    expect(batch.ends).toHaveLength(batch.rows.length);
    expect(batch.after).toEqual({
      entry: null,
      decodedBytes: batch.ends.at(-1),
      row: batch.rows.at(-1)?.row,
    });
    reading.rows.push(...batch.rows);
    reading.ends.push(...batch.ends);
    reading.afters.push(batch.after);
  }
  const count = await countCsv(open, { encoding, delimiter: head.delimiter, columns: head.header.length });
  const failed = (code: string) => reading.rows.filter((row) => 'code' in row && row.code === code).length;
  const counted = {
    records: reading.rows.length,
    malformed: failed('MALFORMED_ROW'),
    badEncoding: failed('BAD_ENCODING'),
  };
  // a resumed reading yields only the rest of what is counted
  expect(count, 'D1: counted apart').toEqual(options.from === undefined ? counted : count);
  return reading;
}

/** The rows in short: cells, or the code and what was kept. */
function brief(rows: ReadRow[]): unknown[] {
  return rows.map((row) =>
    'cells' in row ? row.cells : `${row.code} ${Buffer.from(row.raw).toString('latin1')}`,
  );
}

async function read(text: string, options: Partial<ReadCsvOptions> = {}): Promise<unknown[]> {
  return brief((await readAll(Buffer.from(text), options)).rows);
}

describe('formats.md General: the grammar of a prepared CSV file', () => {
  it('cells come verbatim, spaces and all', async () => {
    expect(await read('a,b\n 1 ,"x\ty"\n')).toEqual([[' 1 ', 'x\ty']]);
  });

  it.each([
    ['a,b\n1,2', ','],
    ['a;b\n1;2', ';'],
    ['a\tb\n1\t2', '\t'],
    ['"x,y,z";b\n1;2', ';'],
    ['a\n1', ','],
    ['"a,b;c"\n1', ','],
  ])('the delimiter is found in the header line: %j', async (text, delimiter) => {
    const file = memoryFile('a.csv', Buffer.from(text));
    expect((await readHeader((from) => file.open(from), { encoding: 'utf-8' })).delimiter).toBe(delimiter);
  });

  it('line ends may be CRLF, LF and CR in one file', async () => {
    expect(await read('a,b\r1,2\n3,4\r\n5,6\r7,8')).toEqual([
      ['1', '2'],
      ['3', '4'],
      ['5', '6'],
      ['7', '8'],
    ]);
  });

  it('RFC 4180: quoted cells hold delimiters, line ends and doubled quotes', async () => {
    expect(await read('a,b\n"1,\r\n2\r3\n","""x"""\n"",""\n')).toEqual([
      ['1,\r\n2\r3\n', '"x"'],
      ['', ''],
    ]);
  });

  it('a quote elsewhere makes its first physical line malformed, and reading goes on at the next', async () => {
    expect(await read('a,b\n1,x"y\n2,"p\nq"\n3,4\n')).toEqual([
      'MALFORMED_ROW 1,x"y\n',
      ['2', 'p\nq'],
      ['3', '4'],
    ]);
  });

  it('text after a closing quote likewise: only the first line of the record is lost to it', async () => {
    expect(await read('a,b\n1,"p\r\n5,6\nq" r\n3,4\n')).toEqual([
      'MALFORMED_ROW 1,"p\r\n',
      ['5', '6'],
      'MALFORMED_ROW q" r\n',
      ['3', '4'],
    ]);
  });

  it('a NUL after a closing quote is text too', async () => {
    expect(await read('a,b\n1,"p"\0\n3,4\n')).toEqual(['MALFORMED_ROW 1,"p"\0\n', ['3', '4']]);
  });

  it('a wrong number of fields likewise, also where the record has several lines', async () => {
    expect(await read('a,b\n1\n1,2,3\n"x\n7,8\n9",2,3\n5,6')).toEqual([
      'MALFORMED_ROW 1\n',
      'MALFORMED_ROW 1,2,3\n',
      'MALFORMED_ROW "x\n',
      ['7', '8'],
      'MALFORMED_ROW 9",2,3\n',
      ['5', '6'],
    ]);
  });

  it('a quote never closed likewise', async () => {
    expect(await read('a,b\n1,"x\n2,3\n4,5')).toEqual(['MALFORMED_ROW 1,"x\n', ['2', '3'], ['4', '5']]);
  });

  it('row numbers count records, malformed ones too', async () => {
    const { rows } = await readAll(Buffer.from('a,b\n1,2\n\nbad\n"p\nq",3\nworse\n4,5\n'));
    expect(rows.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5]);
  });

  it('an empty line is no record; one of blanks or delimiters is', async () => {
    expect(await read('\n\r\na,b\n\n\r\n1,2\n\r ,\n,\n\n')).toEqual([
      ['1', '2'],
      [' ', ''],
      ['', ''],
    ]);
    expect(await read('a\n\n""\n \n')).toEqual([[''], [' ']]);
  });

  it('double headers are kept, a byte order mark is none of the first name', async () => {
    const { header, rows } = await readAll(Buffer.from('\ufeffName,Name,name\r\n1,2,3\r\n'));
    expect(header).toEqual(['Name', 'Name', 'name']);
    expect(brief(rows)).toEqual([['1', '2', '3']]);
  });

  it('only the first byte order mark is one', async () => {
    expect(await read('\ufeffa,b\n\ufeff1,\ufeff\n')).toEqual([['\ufeff1', '\ufeff']]);
  });

  it('header only, with and without a line end, is no row', async () => {
    expect(await read('a,b')).toEqual([]);
    expect(await read('a,b\r\n')).toEqual([]);
  });

  it.each([
    ['', 'NO_HEADER'],
    ['\r\n\n', 'NO_HEADER'],
    ['"a,b\n1,2\n', 'MALFORMED_ROW'],
    ['a,\xff\n1,2\n', 'BAD_ENCODING'],
  ])('a file without a readable header says so: %j', async (text, fault) => {
    const file = memoryFile('a.csv', Buffer.from(text, 'latin1'));
    expect(await readHeader((from) => file.open(from), { encoding: 'utf-8' })).toMatchObject({
      header: [],
      fault,
    });
  });

  it('a last line cut off is a row of its own', async () => {
    expect(await read('a,b\n1,2\n3')).toEqual([['1', '2'], 'MALFORMED_ROW 3']);
    expect(await read('a,b\n1,2\n3,"4')).toEqual([['1', '2'], 'MALFORMED_ROW 3,"4']);
    expect(await read('a,b\n1,')).toEqual([['1', '']]);
    expect(await read('a,b\n1,"2"')).toEqual([['1', '2']]);
  });

  it('a row that does not decode fails alone, with its bytes; nothing is replaced', async () => {
    const bytes = Buffer.concat([
      Buffer.from('a,b\n1,é\n2,"'),
      Buffer.of(0xff, 0x0a, 0xe3, 0x81),
      Buffer.from('"\r\n3,日本\n'),
    ]);
    expect(brief((await readAll(bytes)).rows)).toEqual([
      ['1', 'é'],
      'BAD_ENCODING 2,"\xff\n\xe3\x81"\r\n',
      ['3', '日本'],
    ]);
  });

  it('C5: structure counts before encoding', async () => {
    expect(brief((await readAll(Buffer.from('a,b\n\xff\n', 'latin1'))).rows)).toEqual([
      'MALFORMED_ROW \xff\n',
    ]);
  });

  it('no Unicode normalisation', async () => {
    expect(await read('a,b\ne\u0301,\u00e9\n')).toEqual([['e\u0301', '\u00e9']]);
  });

  it.each(['utf-16le', 'utf-16be'] as const)(
    'lone surrogates and half units in %s are BAD_ENCODING',
    async (encoding) => {
      const good = encode('a,b\r\n1,𠮷\r\n2,', encoding);
      const lone = encoding === 'utf-16le' ? [0x00, 0xd8] : [0xd8, 0x00];
      const bytes = Buffer.concat([
        good,
        Buffer.from(lone),
        encode('\r\n3,x\n4,y', encoding, false),
        Buffer.of(0x41),
      ]);
      const { rows } = await readAll(bytes, { encoding });
      expect(rows.map((row) => ('cells' in row ? row.cells[1] : row.code))).toEqual([
        '𠮷',
        'BAD_ENCODING',
        'x',
        'BAD_ENCODING',
      ]);
      const [, first, , last] = rows as [ReadRow, { raw: Uint8Array }, ReadRow, { raw: Uint8Array }];
      expect(Buffer.from(first.raw)).toEqual(
        Buffer.concat([encode('2,', encoding, false), Buffer.from(lone), encode('\r\n', encoding, false)]),
      );
      expect(Buffer.from(last.raw)).toEqual(Buffer.concat([encode('4,y', encoding, false), Buffer.of(0x41)]));
    },
  );

  it('CP932 keeps its own characters and the control characters of ASCII', async () => {
    const text = 'a,b\n①㈱髙～－,\\~\n"表,ソ\n","あ\x1a\x1c\x7f"\n';
    expect(brief((await readAll(encode(text, 'shift_jis'), { encoding: 'shift_jis' })).rows)).toEqual([
      ['①㈱髙～－', '\\~'],
      ['表,ソ\n', 'あ\x1a\x1c\x7f'],
    ]);
  });

  it.each([
    ['shift_jis', [0x82]],
    ['shift_jis', [0x82, 0x20]],
    ['euc-jp', [0xa4]],
    ['euc-jp', [0x80]],
  ] as const)('a broken character in %s (%j) fails its row alone', async (encoding, broken) => {
    const bytes = Buffer.concat([
      encode('a,b\n1,あ\n2,', encoding),
      Buffer.from(broken),
      encode('\n3,い\n', encoding),
    ]);
    const { rows } = await readAll(bytes, { encoding });
    expect(rows.map((row) => ('cells' in row ? row.cells[1] : row.code))).toEqual([
      'あ',
      'BAD_ENCODING',
      'い',
    ]);
  });

  it('every byte of Windows-1252 is a character', async () => {
    const bytes = Buffer.concat([
      Buffer.from('a,b\n1,'),
      Buffer.of(0x80, 0x81, 0x92, 0xe9, 0xff),
      Buffer.from('\n'),
    ]);
    expect(brief((await readAll(bytes, { encoding: 'windows-1252' })).rows)).toEqual([['1', '€\u0081’éÿ']]);
  });

  describe('16 MB', () => {
    const chunked = (bytes: Buffer) =>
      Array.from({ length: Math.floor(bytes.length / 65_536) }, (_, k) => (k + 1) * 65_536);

    it('a cell of 16 MB is read', async () => {
      const bytes = Buffer.concat([
        Buffer.from('a,b\n1,"'),
        Buffer.alloc(QUOTE_LIMIT, 'x\n'),
        Buffer.from('"\n3,4\n'),
      ]);
      const { rows } = await readAll(bytes, { cuts: chunked(bytes) });
      expect(rows.map((row) => 'cells' in row && row.cells[1]?.length)).toEqual([QUOTE_LIMIT, 1]);
    });

    it('a quote that does not close within them is malformed, and the lines behind it are read', async () => {
      const line = `${'y'.repeat(1021)},1\n`;
      const bytes = Buffer.concat([
        Buffer.from('a,b\n1,"x\n'),
        Buffer.alloc(QUOTE_LIMIT + 1024, line),
        Buffer.from('3,4\n"5",6\n'),
      ]);
      const { rows } = await readAll(bytes, { cuts: chunked(bytes) });
      expect(brief(rows.slice(0, 1))).toEqual(['MALFORMED_ROW 1,"x\n']);
      expect(rows).toHaveLength(1 + 16 * 1024 + 1 + 2);
      expect(brief(rows.slice(-1))).toEqual([['5', '6']]);
      expect(rows.slice(1).every((row) => 'cells' in row)).toBe(true);
    });

    it('of a line longer than a record may be, the beginning is kept and the rest is passed', async () => {
      const bytes = Buffer.concat([
        Buffer.from('a,b\n1,'),
        Buffer.alloc(RECORD_LIMIT + 5_000_000, 'x'),
        Buffer.from('\r\n3,4\n'),
      ]);
      const { rows } = await readAll(bytes, { cuts: chunked(bytes) });
      expect(rows).toHaveLength(2);
      const [long, next] = rows as [{ raw: Uint8Array; message: string }, ReadRow];
      expect(long.raw).toHaveLength(RECORD_LIMIT);
      expect(long.message).toContain(String(RECORD_LIMIT + 5_000_004));
      expect(brief([next])).toEqual([['3', '4']]);
    });
  });
});

// what a help desk's cells are made of, for each encoding
const ALPHABETS: Record<Encoding, string> = {
  'utf-8': 'a ,;\t"\r\nあ漢é𠮷\u0301\ufeff\0',
  'utf-16le': 'a ,;\t"\r\nあ漢é𠮷\u0301\0Ģ∊',
  'utf-16be': 'a ,;\t"\r\nあ漢é𠮷\u0301\0Ģ∊',
  shift_jis: 'a ,;\t"\r\nあ表ソ①ｱ\\\x1a',
  'euc-jp': 'a ,;\t"\r\nあ表ソ漢ｱ',
  'windows-1252': 'a ,;\t"\r\né€’',
};

function tables(encoding: Encoding): fc.Arbitrary<string[][]> {
  const cell = fc.string({ unit: fc.constantFrom(...Array.from(ALPHABETS[encoding])), maxLength: 6 });
  return fc
    .integer({ min: 1, max: 4 })
    .chain((columns) =>
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 6 }),
    );
}

function write(
  table: string[][],
  delimiter: Delimiter,
  lineEnds: string[],
  quoteAll: boolean,
  lastEnd: boolean,
): string {
  return table
    .map((cells, k) => {
      const line = cells
        .map((cell) =>
          quoteAll ||
          /[",;\t\r\n]/.test(cell) ||
          (cells.length === 1 && cell === '') ||
          (k === 0 && cell.startsWith('\ufeff'))
            ? `"${cell.replaceAll('"', '""')}"`
            : cell,
        )
        .join(delimiter);
      return k === table.length - 1 && !lastEnd ? line : line + (lineEnds[k % lineEnds.length] as string);
    })
    .join('');
}

const layouts = fc.record({
  delimiter: fc.constantFrom(...DELIMITERS),
  lineEnds: fc.array(fc.constantFrom('\r\n', '\n', '\r'), { minLength: 1, maxLength: 3 }),
  quoteAll: fc.boolean(),
  lastEnd: fc.boolean(),
  cuts: fc.array(fc.nat(60), { maxLength: 12 }),
  batchRows: fc.integer({ min: 1, max: 4 }),
});

describe('any table, written in any way', () => {
  it.each(ENCODINGS)('is read as it was written, at any chunking, in %s', async (encoding) => {
    await fc.assert(
      fc.asyncProperty(
        tables(encoding),
        layouts,
        async (table, { delimiter, lineEnds, quoteAll, lastEnd, cuts, batchRows }) => {
          const bytes = encode(write(table, delimiter, lineEnds, quoteAll, lastEnd), encoding);
          const { header, rows } = await readAll(bytes, { encoding, delimiter, cuts, batchRows });
          expect([header, ...brief(rows)]).toEqual(table);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is read as csv-parse reads it', async () => {
    await fc.assert(
      fc.asyncProperty(
        tables('utf-8'),
        layouts,
        async (table, { delimiter, lineEnds, quoteAll, lastEnd }) => {
          const text = write(table, delimiter, lineEnds, quoteAll, lastEnd).replaceAll('\0', '0');
          const { header, rows } = await readAll(Buffer.from(text), { delimiter });
          const theirs = parse(text, {
            delimiter,
            record_delimiter: ['\r\n', '\n', '\r'],
            skip_empty_lines: true,
            bom: true,
          });
          expect([header, ...brief(rows)]).toEqual(theirs);
        },
      ),
      { numRuns: 150 },
    );
  });
});

// lines that are no rows of two columns
const WRONG_NUMBER = ['a,b,c', 'a', 'a,,b'];
const WRONG_QUOTE = ['a"b,c', '"a"b,c', 'a,b"', '"a",b"'];
const NEVER_CLOSED = ['"a,b', 'a,"b', '"'];

describe('C5: a malformed row never swallows a neighbour', () => {
  it.each(ENCODINGS)('wherever it stands among sound rows, in %s', async (encoding) => {
    const cell = fc.string({
      unit: fc.constantFrom(...Array.from(ALPHABETS[encoding].replace(/[",\r\n\ufeff]/g, ''))),
      minLength: 1,
      maxLength: 4,
    });
    const sound = fc
      .tuple(cell, cell)
      .map((cells) => ({ line: cells.join(','), row: cells as string[] | null }));
    const of = (lines: readonly string[]) => fc.constantFrom(...lines).map((line) => ({ line, row: null }));
    const among = (bad: readonly string[]) => fc.array(fc.oneof(sound, of(bad)), { maxLength: 8 });
    const lines = fc.oneof(
      among([...WRONG_NUMBER, ...WRONG_QUOTE]),
      // a quote that another one closes further on may be a cell of several lines
      fc
        .tuple(among(WRONG_NUMBER), of(NEVER_CLOSED), among(WRONG_NUMBER))
        .map(([before, open, after]) => [...before, open, ...after]),
    );
    await fc.assert(
      fc.asyncProperty(
        lines,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(60)),
        async (all, end, cuts) => {
          const bytes = encode(['x,y', ...all.map(({ line }) => line)].join(end), encoding);
          const { rows } = await readAll(bytes, { encoding, delimiter: ',', cuts });
          expect(rows.map((row) => ('cells' in row ? row.cells : null))).toEqual(all.map(({ row }) => row));
          expect(rows.map(({ row }) => row)).toEqual(all.map((_, place) => place + 1));
        },
      ),
      { numRuns: 150 },
    );
  });
});

// bytes that matter to the grammar, and some that decode nowhere
const noise = fc
  .array(
    fc.constantFrom(...Buffer.from('a,;"\r\n'), 0x22, 0x0a, 0x2c, 0x00, 0x82, 0xa0, 0xe3, 0x81, 0xff, 0xd8),
    { maxLength: 40 },
  )
  .map((values) => Buffer.from(values));

describe('any bytes at all', () => {
  it.each(ENCODINGS)('D1: are counted apart as they are read, at any chunking, in %s', async (encoding) => {
    await fc.assert(
      fc.asyncProperty(
        noise,
        fc.array(fc.nat(40)),
        fc.integer({ min: 1, max: 3 }),
        async (body, cuts, columns) => {
          const header = encode(Array.from({ length: columns }, () => 'h').join(','), encoding);
          const bytes = Buffer.concat([header, encode('\n', encoding, false), body]);
          const whole = await readAll(bytes, { encoding, delimiter: ',' });
          const cut = await readAll(bytes, {
            encoding,
            delimiter: ',',
            cuts: cuts.map((at) => at + header.length),
          });
          expect(cut.rows).toEqual(whole.rows);
          expect(cut.ends).toEqual(whole.ends);
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each(ENCODINGS)(
    'are read to the same rows when reading stops after any row and goes on there, in %s',
    async (encoding) => {
      await fc.assert(
        fc.asyncProperty(noise, fc.array(fc.nat(40)), async (body, cuts) => {
          const bytes = Buffer.concat([encode('x,y\n', encoding), body]);
          const { header, rows, ends } = await readAll(bytes, { encoding, delimiter: ',' });
          for (const [k, decodedBytes] of ends.entries()) {
            const from = { entry: null, decodedBytes, row: k + 1 };
            const rest = await readAll(bytes, { encoding, delimiter: ',', header, from, cuts });
            expect(rest.rows).toEqual(rows.slice(k + 1));
            expect(rest.ends).toEqual(ends.slice(k + 1));
          }
        }),
        { numRuns: 100 },
      );
    },
  );

  it('keep every byte: unreadable rows hold theirs verbatim', async () => {
    await fc.assert(
      fc.asyncProperty(noise, async (body) => {
        const bytes = Buffer.concat([Buffer.from('x,y\n'), body]);
        const { rows, ends } = await readAll(bytes, { delimiter: ',' });
        const verbatim = rows.map((row, k) => {
          const end = ends[k] as number;
          return 'cells' in row || Buffer.from(row.raw).equals(bytes.subarray(end - row.raw.length, end));
        });
        expect(verbatim).not.toContain(false);
      }),
    );
  });
});
