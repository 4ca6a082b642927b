import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countXml } from './count-xml.ts';
import { memoryFile } from './memory-file.ts';
import { readXml, xmlHeader } from './read-xml.ts';
import { type Cursor, ELEMENT_LIMIT, type ReadRow } from './rows.ts';

async function readAll(
  bytes: Uint8Array,
  { cuts = [], from = null }: { cuts?: number[]; from?: Cursor | null } = {},
): Promise<{ header: string[]; rows: ReadRow[]; ends: number[] }> {
  const file = memoryFile('Tickets.xml', bytes, cuts);
  const open = (at: number) => file.open(at);
  const header = (await xmlHeader(open)) ?? [];
  const rows: ReadRow[] = [];
  const ends: number[] = [];
  for await (const batch of readXml(open, { header, from, batchRows: 2 })) {
    rows.push(...batch.rows);
    ends.push(...batch.ends);
  }
  const failed = (code: string) => rows.filter((row) => 'code' in row && row.code === code).length;
  const counted = {
    records: rows.length,
    malformed: failed('MALFORMED_ROW'),
    badEncoding: failed('BAD_ENCODING'),
  };
  const count = await countXml(open);
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

describe('XML exports: the elements within the root are the records', () => {
  it('child elements are columns, attributes too; what is not there is empty', async () => {
    const text = `<?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE tickets>
      <!-- exported -->
      <tickets type="array">
        <ticket id="1"><subject>A &amp; B &#x3042;</subject><body><![CDATA[<p>1 > 0</p>]]></body></ticket>
        <!-- <ticket id="9"/> -->
        <ticket id="2"><subject lang='ja'> x </subject><closed/></ticket>
        <ticket/>
      </tickets>`;
    expect(await read(text)).toEqual([
      ['@id', 'subject', 'body', 'subject@lang', 'closed'],
      ['1', 'A & B あ', '<p>1 > 0</p>', '', ''],
      ['2', ' x ', '', 'ja', ''],
      ['', '', '', '', ''],
    ]);
  });

  it('elements within elements, and several of one name, are JSON text', async () => {
    const text = '<r><t><tags><tag>a</tag><tag n="1">b</tag></tags><cc>x</cc><cc>y</cc></t></r>';
    expect(await read(text)).toEqual([
      ['tags', 'cc'],
      ['{"tag":["a",{"@n":"1","#text":"b"}]}', '["x","y"]'],
    ]);
  });

  it('C5: a record that is not well-formed fails alone', async () => {
    expect(
      await read('<r><t><a>1</a></t><t><a>A & B</a></t><t><a>&unknown;</a></t><t><a>2</a></t></r>'),
    ).toEqual([
      ['a'],
      ['1'],
      'MALFORMED_ROW <t><a>A & B</a></t>',
      'MALFORMED_ROW <t><a>&unknown;</a></t>',
      ['2'],
    ]);
  });

  it('bytes that are not UTF-8 are BAD_ENCODING', async () => {
    const bytes = Buffer.from('<r><t><a>\xff</a></t><t><a>1</a></t></r>', 'latin1');
    expect((await readAll(bytes)).rows.map((row) => ('cells' in row ? row.cells : row.code))).toEqual([
      'BAD_ENCODING',
      ['1'],
    ]);
  });

  it.each([
    ['<r><t><a>1</a></t><t><a>', ['MALFORMED_ROW <t><a>']],
    ['<r><t><a>1</a></t>', ['MALFORMED_ROW ']],
    ['<r><t><a>1</a></t></r><r/>', ['MALFORMED_ROW <r/>']],
    ['<r><t><a>1</a></t> text </r>', ['MALFORMED_ROW text ']],
  ])('a document that breaks off, or holds what is no record: %s', async (text, tail) => {
    expect(await read(text)).toEqual([['a'], ['1'], ...tail]);
  });

  it('definitions are never followed', async () => {
    const text = '<!DOCTYPE r [<!ENTITY x "y">]><r><t><a>&x;</a></t></r>';
    expect(await read(text)).toEqual([[], `MALFORMED_ROW ${text}`]);
  });

  it('an empty root holds no record', async () => {
    expect(await read('<r></r>')).toEqual([[]]);
    expect(await read('<r/>')).toEqual([[]]);
  });

  it('a record over 16 MB fails alone', async () => {
    const bytes = Buffer.concat([
      Buffer.from('<r><t><a>'),
      Buffer.alloc(ELEMENT_LIMIT, 'x'),
      Buffer.from('</a></t><t><a>y</a></t></r>'),
    ]);
    const { rows } = await readAll(bytes, { cuts: Array.from({ length: 200 }, (_, k) => k * 100_000) });
    expect(rows.map((row) => ('cells' in row ? row.cells : row.code))).toEqual(['MALFORMED_ROW', ['y']]);
  });

  it('any records are read as they were written, at any chunking', async () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from('ab <>&"\'é漢𠮷]-/?')), maxLength: 8 });
    const name = fc.constantFrom('Subject', '件名', 'a.b-c_1');
    const record = fc.dictionary(name, text, { minKeys: 1 });
    const inside = (value: string): string =>
      value
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&#x22;');
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 5 }),
        fc.array(fc.nat(200)),
        fc.boolean(),
        async (list, cuts, asCdata) => {
          const write = (value: string): string =>
            asCdata ? `<![CDATA[${value.replaceAll(']]>', ']]]]><![CDATA[>')}]]>` : inside(value);
          const elements = list.map(
            (one) =>
              `<t>${Object.entries(one)
                .map(([key, value]) => `<${key}>${write(value)}</${key}>`)
                .join('')}</t>`,
          );
          const bytes = Buffer.from(`<?xml version="1.0"?>\n<all>${elements.join('\n')}</all>`);
          const { header, rows } = await readAll(bytes, { cuts });
          const expected = list.map((one) => header.map((key) => (Object.hasOwn(one, key) ? one[key] : '')));
          expect(rows.map((row) => ('cells' in row ? row.cells : row.message))).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('D1: any markup is counted apart as it is read, at any chunking, and read the same when resumed', async () => {
    const noise = fc.array(
      fc.constantFrom(
        '<t><a>1</a></t>',
        '<t>',
        '</t>',
        '<t/>',
        '<!--',
        '-->',
        '--->',
        '<![CDATA[',
        ']]>',
        '<?',
        '?>',
        '<!',
        '<![',
        '>',
        '<',
        '"',
        "'",
        '/',
        'x',
        ' ',
        '</r>',
        '[',
        '-',
        '\xff',
      ),
      { maxLength: 14 },
    );
    await fc.assert(
      fc.asyncProperty(
        noise,
        fc.constantFrom('<r>', '', '<?xml version="1.0"?>'),
        fc.array(fc.nat(60)),
        async (pieces, start, cuts) => {
          const bytes = Buffer.from(start + pieces.join(''), 'latin1');
          const whole = await readAll(bytes);
          expect((await readAll(bytes, { cuts })).rows).toEqual(whole.rows);
          for (const [k, decodedBytes] of whole.ends.entries()) {
            const rest = await readAll(bytes, { from: { entry: null, decodedBytes, row: k + 1 } });
            expect(rest.rows).toEqual(whole.rows.slice(k + 1));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
