import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FieldMapping, FileMapping, TabMapping } from './field-mapping.ts';
import { derivedId, distinctKey, mappedRecordReader, rowMappers } from './map-row.ts';
import { recordReader } from './read-record.ts';

const TICKET: TabMapping = {
  tab: 'tickets',
  fields: { TicketExtId: 'No', ContactExtId: { idFrom: 'Mail' }, Subject: 'Title' },
};
const HEADER = ['No', 'Mail', 'Name', 'Title', 'Opened', 'Solved', 'State', 'Note'];

/** Reads one row as a ticket, with one more field mapped. */
function ticket(
  field: string,
  rule: FieldMapping,
  cells: Partial<Record<string, string>>,
  file: Partial<FileMapping> = {},
) {
  const mapping: FileMapping = {
    file: 'a.csv',
    ...file,
    tabs: [{ ...TICKET, fields: { ...TICKET.fields, [field]: rule } }],
  };
  const row = HEADER.map(
    (name) => cells[name] ?? { No: '1', Mail: 'a@x.example', Title: 'Hello' }[name] ?? '',
  );
  const [mapper] = rowMappers(mapping, HEADER);
  if (mapper === undefined) throw new Error('no mapper');
  return mappedRecordReader(mapper)(row);
}

describe('mapping a row', () => {
  test('A10: columns become fields, the others custom fields under their own names', () => {
    const record = ticket('Status', 'State', { State: 'Open', Name: 'A', Note: 'n', Opened: 'o' });
    expect(record).toMatchObject({
      externalId: '1',
      fields: {
        subject: 'Hello',
        status: 'Open',
        customFields: { Mail: 'a@x.example', Name: 'A', Note: 'n', Opened: 'o' },
      },
      faults: [],
      warnings: [],
    });
    expect(record.references).toMatchObject([
      { field: 'contactId', externalId: derivedId(['A@x.example ']) },
    ]);
  });

  test('A10: values are mapped, others stay or become what otherwise says', () => {
    const values = { New: 'Open', '-': '' };
    expect(ticket('Status', { column: 'State', values }, { State: ' New ' }).fields['status']).toBe('Open');
    expect(ticket('Status', { column: 'State', values }, { State: 'Odd' }).fields['status']).toBe('Odd');
    expect(ticket('Status', { column: 'State', values }, { State: '-' }).fields['status']).toBeUndefined();
    const rule = { column: 'State', values, otherwise: 'On Hold' };
    expect(ticket('Status', rule, { State: 'Odd' }).fields['status']).toBe('On Hold');
    expect(ticket('Status', rule, {}).fields['status']).toBeUndefined();
  });

  test('A10: a default stands for an empty value and is a warning; a constant is none', () => {
    const rule = { column: 'Title', default: '(none)' };
    expect(ticket('Subject', rule, { Title: ' ' })).toMatchObject({
      fields: { subject: '(none)' },
      warnings: ['VALUE_DEFAULTED'],
      faults: [],
    });
    expect(ticket('Subject', rule, { Title: 'x' }).warnings).toEqual([]);
    expect(ticket('Channel', { constant: 'Email' }, {})).toMatchObject({
      fields: { channel: 'Email' },
      warnings: [],
    });
  });

  test('A10: several columns are joined, or one of them is taken', () => {
    const join = { columns: ['Name', 'Note'], join: ' / ' };
    expect(ticket('Description', join, { Name: 'a', Note: 'b' }).fields['description']).toBe('a / b');
    expect(ticket('Description', join, { Note: 'b' }).fields['description']).toBe('b');
    const first: FieldMapping = { columns: ['Name', 'Note'], take: 'first' };
    expect(ticket('Description', first, { Note: 'b' }).fields['description']).toBe('b');
    const earliest: FieldMapping = {
      columns: ['Opened', 'Solved'],
      take: 'earliest',
      timeFormat: 'd/M/yyyy',
    };
    const latest: FieldMapping = { ...earliest, take: 'latest' };
    const times = { Opened: '2/1/2024', Solved: '1/2/2024' };
    expect(ticket('Created Time', earliest, times).fields['createdTime']).toEqual(new Date('2024-01-02'));
    expect(ticket('Created Time', latest, times).fields['createdTime']).toEqual(new Date('2024-02-01'));
  });

  test('A10: times are read by the format and zone of the field, else of the file', () => {
    const file = { timeFormat: 'yyyy-MM-dd', timeZone: 'Asia/Tokyo' };
    const read = ticket('Created Time', 'Opened', { Opened: '2024-05-31' }, file);
    expect(read.fields['createdTime']).toEqual(new Date('2024-05-30T15:00:00Z'));
    const own = { column: 'Opened', timeFormat: 'd.M.yyyy', timeZone: 'UTC' };
    expect(ticket('Created Time', own, { Opened: '31.5.2024' }, file).fields['createdTime']).toEqual(
      new Date('2024-05-31'),
    );
  });

  test('C5: a time of another form is no time, be it one of the prepared format; the fault names the own column', () => {
    const rule = { column: 'Opened', timeFormat: 'd/M/yyyy' };
    for (const text of ['2024-05-31T09:08:07.000Z', '31-5-2024', '31/13/2024']) {
      expect(ticket('Created Time', rule, { Opened: text }).faults).toMatchObject([
        { code: 'BAD_FORMAT', column: 'Opened', message: 'Opened is not a time like d/M/yyyy' },
      ]);
    }
    const both: FieldMapping = { columns: ['Opened', 'Solved'], take: 'earliest', timeFormat: 'd/M/yyyy' };
    expect(ticket('Created Time', both, { Opened: '1/1/2024', Solved: 'soon' }).faults).toHaveLength(1);
  });

  test('C5: of several faults the leftmost column of the file counts first', () => {
    const mapping: FileMapping = {
      file: 'a.csv',
      tabs: [
        { ...TICKET, fields: { Subject: 'Title', ContactExtId: { idFrom: 'Mail' }, TicketExtId: 'No' } },
      ],
    };
    const [mapper] = rowMappers(mapping, HEADER);
    const { faults } = mappedRecordReader(mapper as NonNullable<typeof mapper>)(HEADER.map(() => ''));
    expect(faults.map(({ column }) => column)).toEqual(['No', 'Mail', 'Title']);
  });

  test('C5: a column that the file does not have is empty', () => {
    expect(ticket('Subject', 'Headline', {}).faults).toMatchObject([
      { code: 'MISSING_REQUIRED', column: 'Headline' },
    ]);
  });

  test('A10: a prefix stands before ids that are there', () => {
    const rule = { column: 'No', prefix: 'jp-' };
    expect(ticket('TicketExtId', rule, {}).externalId).toBe('jp-1');
    expect(ticket('TicketExtId', rule, { No: ' ' }).faults).toMatchObject([{ code: 'MISSING_REQUIRED' }]);
  });

  test('C6: columns of a handed-back file are neither fields nor custom fields', () => {
    const header = [...HEADER, 'deskferry_file', 'deskferry_row'];
    const [mapper] = rowMappers({ file: 'a.csv', tabs: [TICKET] }, header);
    expect(mapper?.columns.filter(({ use }) => use === 'handedBack').map((each) => each.header)).toEqual([
      'deskferry_file',
      'deskferry_row',
    ]);
  });
});

describe('one file, several tabs', () => {
  const CONTACT: TabMapping = {
    tab: 'contacts',
    distinct: true,
    fields: { ContactExtId: { idFrom: 'Mail' }, 'Last Name': 'Name', Email: 'Mail' },
  };
  const customOf = (tabs: TabMapping[]): string[][] =>
    rowMappers({ file: 'a.csv', tabs }, HEADER).map(({ columns }) =>
      columns.flatMap((each) => (each.use === 'custom' ? [each.name] : [])),
    );

  test('A10: columns nobody takes are kept by the tab that has a record for every row', () => {
    expect(customOf([CONTACT, TICKET])).toEqual([[], ['Opened', 'Solved', 'State', 'Note']]);
    expect(
      customOf([
        { ...CONTACT, custom: ['Note'] },
        { ...TICKET, custom: ['Name'] },
      ]),
    ).toEqual([['Note'], ['Name', 'Opened', 'Solved', 'State']]);
    expect(customOf([CONTACT])).toEqual([['No', 'Title', 'Opened', 'Solved', 'State', 'Note']]);
  });

  test('A10: a column that is only chosen from or hashed is kept as well', () => {
    const fields: TabMapping['fields'] = {
      ...TICKET.fields,
      'Created Time': { columns: ['Opened', 'Solved'], take: 'earliest' },
      'Closed Time': 'Solved',
    };
    expect(customOf([{ ...TICKET, fields }])).toEqual([['Mail', 'Name', 'Opened', 'State', 'Note']]);
  });

  test('A10: a ticket finds the contact made of the same mail', () => {
    const [contact, ticketMapper] = rowMappers({ file: 'a.csv', tabs: [CONTACT, TICKET] }, HEADER);
    if (contact === undefined || ticketMapper === undefined) throw new Error('no mapper');
    const cells = ['7', ' Ann@X.example ', 'Ann', 'Hello', '', '', '', ''];
    const { externalId } = mappedRecordReader(contact)(cells);
    const { references } = mappedRecordReader(ticketMapper)(cells);
    expect(references[0]?.externalId).toBe(externalId);
    expect(externalId).toMatch(/^[0-9a-f]{32}$/);
    expect(contact).toMatchObject({ distinct: true, takesUnreadable: false });
    expect(ticketMapper).toMatchObject({ distinct: false, takesUnreadable: true });
  });

  test('D1: the count apart tells the same rows apart as the ids do', () => {
    const cell = fc.constantFrom('', ' ', 'a', 'A', ' a', 'b', 'a b', '1');
    const rules: FieldMapping[] = [
      'Mail',
      { column: 'Mail', prefix: 'p-' },
      { idFrom: 'Mail' },
      { idFrom: ['Mail', 'Name'] },
      { columns: ['Mail', 'Name'], join: ' ' },
      { columns: ['Mail', 'Name'], take: 'first' },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...rules),
        fc.tuple(cell, cell),
        fc.tuple(cell, cell),
        (rule, one, other) => {
          const mapping: FileMapping = {
            file: 'a.csv',
            tabs: [{ ...CONTACT, fields: { ...CONTACT.fields, ContactExtId: rule } }],
          };
          const [mapper] = rowMappers(mapping, ['Mail', 'Name']);
          if (mapper === undefined) throw new Error('no mapper');
          const at = mapper.columns.findIndex((each) => each.use === 'field' && each.field === 'externalId');
          const id = (cells: string[]): string =>
            (mapper.map(cells).cells[at] ?? '').trim() && (mapper.map(cells).cells[at] ?? '');
          const key = distinctKey(mapping, 0, ['Mail', 'Name']);
          expect(key(one) === key(other)).toBe(id(one) === id(other));
          expect(key(one) === '').toBe(id(one) === '');
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('A10: a mapping that names the prepared format’s own columns gives what the format gives', () => {
  const header = ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time', 'Tags', 'Colour'];
  const cells = ['t1', 'c1', 'Hello', '2024-05-31T09:08:07.000Z', 'a;b', 'red'];
  const fields = Object.fromEntries(header.slice(0, 5).map((name) => [name, name]));
  const [mapper] = rowMappers({ file: 'a.csv', tabs: [{ tab: 'tickets', fields }] }, header);
  const plain = recordReader({
    tab: 'tickets',
    columns: [
      ...['externalId', 'contactId', 'subject', 'createdTime', 'tags'].map((field, index) => ({
        use: 'field' as const,
        field,
        header: header[index] as string,
      })),
      { use: 'custom', name: 'Colour', header: 'Colour' },
    ],
  });
  expect(mappedRecordReader(mapper as NonNullable<typeof mapper>)(cells)).toEqual(plain(cells));
});
