import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countJson } from './count-json.ts';
import { memoryFile } from './memory-file.ts';
import { jsonHeader, readJson } from './read-json.ts';
import { type Cursor, ELEMENT_LIMIT, type ReadRow } from './rows.ts';

async function readAll(
  bytes: Uint8Array,
  {
    cuts = [],
    from = null,
    batchRows = 3,
  }: { cuts?: number[]; from?: Cursor | null; batchRows?: number } = {},
): Promise<{ header: string[]; rows: ReadRow[]; ends: number[] }> {
  const file = memoryFile('Tickets.json', bytes, cuts);
  const open = (at: number) => file.open(at);
  const header = (await jsonHeader(open)) ?? [];
  const rows: ReadRow[] = [];
  const ends: number[] = [];
  for await (const batch of readJson(open, { header, from, batchRows })) {
    rows.push(...batch.rows);
    ends.push(...batch.ends);
    expect(batch.after).toEqual({ entry: null, decodedBytes: ends.at(-1), row: rows.at(-1)?.row });
  }
  const failed = (code: string) => rows.filter((row) => 'code' in row && row.code === code).length;
  const counted = {
    records: rows.length,
    malformed: failed('MALFORMED_ROW'),
    badEncoding: failed('BAD_ENCODING'),
  };
  const count = await countJson(open);
  // a resumed reading yields only the rest of what is counted
  expect(count, 'D1: counted apart').toEqual(from === null ? counted : count);
  return { header, rows, ends };
}

async function read(text: string): Promise<unknown> {
  const { header, rows } = await readAll(Buffer.from(text));
  return [
    header,
    ...rows.map((row) =>
      'cells' in row ? row.cells : `${row.code} ${Buffer.from(row.raw).toString('latin1')}`,
    ),
  ];
}

describe('JSON exports: an array of objects, or one object per line', () => {
  it.each([
    '[{"a":"x","b":1},\n {"b":2,"c":true}]',
    '{"a":"x","b":1}\n\r\n{"b":2,"c":true}',
    '\ufeff[{"a":"x","b":1},{"b":2,"c":true}]\n',
  ])('the columns are all names used: %j', async (text) => {
    expect(await read(text)).toEqual([
      ['a', 'b', 'c'],
      ['x', '1', ''],
      ['', '2', 'true'],
    ]);
  });

  it('numbers keep every digit, nested values are their text, null is empty, strings are unescaped', async () => {
    const text =
      '[{"n":12345678901234567890.10, "o":{"k" : [1,2.50,"]}"]},"z":null,"s":"a\\"b\\\\","u":"\\u3042"}]';
    expect(await read(text)).toEqual([
      ['n', 'o', 'z', 's', 'u'],
      ['12345678901234567890.10', '{"k" : [1,2.50,"]}"]}', '', 'a"b\\', 'あ'],
    ]);
  });

  it('brackets, commas and quotes inside strings end nothing', async () => {
    expect(await read('[{"a":"],[{\\",}"},{"a":"\\\\"}]')).toEqual([['a'], ['],[{",}'], ['\\']]);
  });

  it('C5: a record that is no object, or no JSON, fails alone', async () => {
    expect(await read('[{"a":1},nonsense,{"a":2},[1],{"a":3 "b":4},{"a":5}]')).toEqual([
      ['a'],
      ['1'],
      'MALFORMED_ROW nonsense',
      ['2'],
      'MALFORMED_ROW [1]',
      'MALFORMED_ROW {"a":3 "b":4}',
      ['5'],
    ]);
    expect(await read('{"a":1}\n{"a":\n{"a":2}\n')).toEqual([['a'], ['1'], 'MALFORMED_ROW {"a":', ['2']]);
  });

  it('a name that comes twice is malformed: neither value may be lost', async () => {
    expect(await read('{"a":1,"a":2}\n{"a":3}')).toEqual([['a'], 'MALFORMED_ROW {"a":1,"a":2}', ['3']]);
  });

  it('half characters and bytes that are not UTF-8 are BAD_ENCODING', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"\\ud800"}\n{"a":"'),
      Buffer.of(0xff),
      Buffer.from('"}\n{"a":"\\ud83d\\ude00"}'),
    ]);
    const { rows } = await readAll(bytes);
    expect(rows.map((row) => ('cells' in row ? row.cells[0] : row.code))).toEqual([
      'BAD_ENCODING',
      'BAD_ENCODING',
      '😀',
    ]);
  });

  it.each([
    ['[{"a":1},{"a":', ['MALFORMED_ROW {"a":']],
    ['[{"a":1},', ['MALFORMED_ROW ']],
    ['[{"a":1}] x', ['MALFORMED_ROW x']],
    ['[{"a":1},]', ['MALFORMED_ROW ']],
  ])('an array that breaks off ends with a malformed row: %s', async (text, tail) => {
    expect(await read(text)).toEqual([['a'], ['1'], ...tail]);
  });

  it('an empty array and an empty file hold no record', async () => {
    expect(await read(' [ ] ')).toEqual([[]]);
    expect(await read('')).toEqual([[]]);
  });

  it('a record over 16 MB fails alone', async () => {
    const bytes = Buffer.concat([
      Buffer.from('[{"a":"'),
      Buffer.alloc(ELEMENT_LIMIT, 'x'),
      Buffer.from('"},{"a":"y"}]'),
    ]);
    const { rows } = await readAll(bytes, { cuts: Array.from({ length: 200 }, (_, k) => k * 100_000) });
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ row: 1, code: 'MALFORMED_ROW' });
    expect(rows[1]).toEqual({ row: 2, cells: ['y'] });
  });

  it('any records are read as they were written, at any chunking', async () => {
    const record = fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 6 }),
      {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      },
    );
    const wellFormed = fc
      .array(record, { maxLength: 5 })
      .filter((list) => JSON.stringify(list).isWellFormed());
    await fc.assert(
      fc.asyncProperty(wellFormed, fc.boolean(), fc.array(fc.nat(80)), async (list, lines, cuts) => {
        const text = lines
          ? list.map((one) => JSON.stringify(one)).join('\n')
          : JSON.stringify(list, null, 1);
        const { header, rows } = await readAll(Buffer.from(text), { cuts });
        const expected = list.map((one) => header.map((name) => (Object.hasOwn(one, name) ? one[name] : '')));
        expect(rows.map((row) => ('cells' in row ? row.cells : row.message))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('D1: any bytes are counted apart as they are read, and read the same when resumed after any row', async () => {
    const noise = fc.array(
      fc.constantFrom('{"a":1}', '{', '}', '[', ']', ',', '"', '\\', '\n', ' ', '1', ':', '\ufeff', 'é'),
      { maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(
        noise,
        fc.constantFrom('[', '{"a":"b"}\n', ''),
        fc.array(fc.nat(40)),
        async (pieces, start, cuts) => {
          const bytes = Buffer.from(start + pieces.join(''));
          const { rows, ends } = await readAll(bytes, { cuts });
          for (const [k, decodedBytes] of ends.entries()) {
            const rest = await readAll(bytes, { from: { entry: null, decodedBytes, row: k + 1 } });
            expect(rest.rows).toEqual(rows.slice(k + 1));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
