import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COLUMNS, matchHeaders } from './columns.ts';
import { isMailAddress, recordReader } from './read-record.ts';
import { TABS, type Tab } from './tab.ts';

function read(tab: Tab, record: Record<string, string>) {
  const headers = Object.keys(record);
  return recordReader({ tab, columns: matchHeaders(tab, headers).columns })(Object.values(record));
}

const THREAD = {
  ThreadExtId: 'th1',
  TicketExtId: 't1',
  Content: 'x',
  'Sent Date Time': '2024-01-01T00:00:00Z',
  'Received Time': '2024-01-01T00:00:00Z',
  'Sender Email': 'a@b.example',
  Direction: 'In',
  'Is Private': 'no',
  'From Email Address': 'A <a@b.example>',
};

describe('C5: reading a record', () => {
  test('the same cells always give the same record, and no cells throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TABS),
        fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), { maxLength: 30 }),
        (tab, cells) => {
          const reader = recordReader({
            tab,
            columns: COLUMNS[tab].map(({ field, header }) => ({ use: 'field', field, header })),
          });
          expect(reader(cells)).toEqual(reader(cells));
        },
      ),
    );
  });

  test('half a character is BAD_ENCODING, whatever the column', () => {
    const { faults } = read('contacts', { ContactExtId: 'c', 'Last Name': '\ud800', Note: 'x\udc00' });
    expect(faults.map(({ code, column }) => `${code} ${column}`)).toEqual([
      'BAD_ENCODING Last Name',
      'BAD_ENCODING Note',
    ]);
  });

  test('faults count by kind, then from the left', () => {
    const { faults } = read('contacts', {
      'First Name': 'F'.repeat(41),
      Email: 'x',
      AccountExtId: 'a\n',
      ContactExtId: '',
      'Last Name': '',
    });
    expect(faults.map(({ code, column }) => `${code} ${column}`)).toEqual([
      'MISSING_REQUIRED ContactExtId',
      'MISSING_REQUIRED Last Name',
      'BAD_FORMAT Email',
      'BAD_FORMAT AccountExtId',
      'TOO_LONG First Name',
    ]);
  });

  test('a required column that the file does not have fails every record', () => {
    expect(read('contacts', { ContactExtId: 'c1' }).faults).toMatchObject([
      { code: 'MISSING_REQUIRED', column: 'Last Name' },
    ]);
  });

  test('empty is absent; the literal NULL as thread content is an empty message', () => {
    expect(read('contacts', { ContactExtId: 'c', 'Last Name': 'L', Phone: '', Email: ' ' }).fields).toEqual({
      lastName: 'L',
    });
    expect(read('threads', { ...THREAD, Content: 'NULL' })).toMatchObject({
      fields: { content: '' },
      faults: [],
    });
    expect(read('comments', { CommentExtId: 'c', TicketExtId: 't', Content: 'NULL' }).fields).toEqual({
      content: 'NULL',
    });
  });

  test.each([
    ['true', true],
    ['YES', true],
    ['1', true],
    ['False', false],
    ['no', false],
    ['0', false],
  ])('%s is the boolean %s', (text, value) => {
    expect(read('threads', { ...THREAD, 'Is Private': text }).fields['isPrivate']).toBe(value);
  });

  test.each(['ja', 'on', '2', 'truee'])('%s is no boolean', (text) => {
    expect(read('threads', { ...THREAD, 'Is Private': text }).faults).toMatchObject([
      { code: 'BAD_FORMAT', column: 'Is Private' },
    ]);
  });

  test('numbers survive a round trip or are BAD_FORMAT', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(6), (digits, places) => {
        const sign = digits < 0n ? '-' : '';
        const all = String(digits < 0n ? -digits : digits).padStart(places + 1, '0');
        const text = places === 0 ? sign + all : `${sign}${all.slice(0, -places)}.${all.slice(-places)}`;
        const { fields, faults } = read('products', {
          ProductExtId: 'p',
          'Product Name': 'P',
          'Unit Price': text,
        });
        if (faults.length > 0) return faults[0]?.code === 'BAD_FORMAT' && all.replace(/^0+/, '').length > 15;
        return fields['unitPrice'] === Number(text);
      }),
    );
    for (const text of ['1e3', '1,5', '', ' ', '0x10', '12345678901234567890', '1.5.1', 'NaN']) {
      const { fields } = read('products', { ProductExtId: 'p', 'Product Name': 'P', 'Unit Price': text });
      expect(fields['unitPrice']).toBeUndefined();
    }
  });

  test('mail addresses may carry a display name where the format says so', () => {
    expect(
      read('threads', { ...THREAD, To: '"Mori, Yuki" <y@b.example>; z@b.example,' }).fields['to'],
    ).toEqual(['"Mori, Yuki" <y@b.example>', 'z@b.example']);
    expect(read('threads', { ...THREAD, To: 'nobody' }).faults).toMatchObject([
      { code: 'BAD_FORMAT', column: 'To' },
    ]);
    expect(read('threads', { ...THREAD, 'Sender Email': 'A <a@b.example>' }).faults).toHaveLength(1);
    for (const bad of ['a@', '@b', 'a b@c.d', 'a..b@c.d', 'a@b@c', ''])
      expect(isMailAddress(bad)).toBe(false);
  });

  test('an attachment needs one of its three parents', () => {
    const one = { AttachmentExtId: 'a', 'File Name': 'f', 'File Path': 'p' };
    expect(read('attachments', { ...one, TicketExtId: '' }).faults).toMatchObject([
      { code: 'MISSING_REQUIRED' },
    ]);
    expect(read('attachments', { ...one, TicketExtId: '', CommentExtId: 'c' })).toMatchObject({
      faults: [],
      references: [{ field: 'commentId', tab: 'comments', externalId: 'c' }],
    });
  });

  test('columns that nobody maps are kept as custom fields under names that a desk can hold', () => {
    const { fields } = read('contacts', {
      ContactExtId: 'c',
      'Last Name': 'L',
      'a.b': '1',
      $c: '2',
      ['__proto__']: '3',
      empty: '',
    });
    const custom = fields['customFields'];
    expect(Object.entries(custom ?? {})).toEqual([
      ['a%2Eb', '1'],
      ['%24c', '2'],
      ['%5F_proto__', '3'],
    ]);
  });
});
