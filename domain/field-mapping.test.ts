import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  checkMappedColumns,
  columnNames,
  fileMappingFor,
  type Mapping,
  type MappingFault,
  readMapping,
} from './field-mapping.ts';

const page = readFileSync(new URL('../docs/mapping.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']): unknown =>
  JSON.parse(json),
);

const faultsOf = (document: unknown): MappingFault[] => {
  const read = readMapping(document);
  return 'faults' in read ? read.faults : [];
};

const TICKET = { TicketExtId: 'ID', ContactExtId: 'Customer', Subject: 'Title' };

/** A mapping of one file with one tab. */
const ofTab = (tab: object, file: object = {}): unknown => ({
  version: 1,
  files: [{ file: 'a.csv', ...file, tabs: [tab] }],
});
const ofField = (field: unknown, name = 'Status', file: object = {}): unknown =>
  ofTab({ tab: 'tickets', fields: { ...TICKET, [name]: field } }, file);

describe('a mapping document', () => {
  test('A10: the examples of docs/mapping.md are sound', () => {
    expect(examples).toHaveLength(2);
    for (const example of examples) expect(readMapping(example)).toEqual({ mapping: example });
  });

  test.each<[unknown, string, string]>([
    [null, '', 'is not an object'],
    [[], '', 'is not an object'],
    [{ files: [] }, '/version', 'is not 1'],
    [{ version: 1, files: [] }, '/files', 'is not a list of at least one'],
    [{ version: 1, files: [3] }, '/files/0', 'is not an object'],
    [ofTab({ tab: 'tickets', fields: TICKET }, { more: 1 }), '/files/0/more', 'is not known here'],
    [ofTab({ tab: 'tickets', fields: TICKET }, { file: ' ' }), '/files/0/file', 'is empty'],
    [ofTab({ tab: 'tickets', fields: TICKET }, { timeZone: 'Tokyo' }), '/files/0/timeZone', 'is no IANA'],
    [ofTab({ tab: 'tickets', fields: TICKET }, { timeFormat: 'yyyy' }), '/files/0/timeFormat', 'month'],
    [ofTab({ tab: 'calls', fields: {} }), '/files/0/tabs/0/tab', 'is no tab'],
    [ofTab({ tab: 'tickets', fields: [] }), '/files/0/tabs/0/fields', 'is not an object'],
    [ofTab({ tab: 'tickets', fields: TICKET, distinct: 1 }), '/files/0/tabs/0/distinct', 'neither'],
    [ofTab({ tab: 'tickets', fields: TICKET, custom: [] }), '/files/0/tabs/0/custom', 'is not a list'],
    [
      ofTab({ tab: 'tickets', fields: { ContactExtId: 'a', Subject: 'b' } }),
      '/files/0/tabs/0/fields',
      'lacks TicketExtId',
    ],
    [ofField('x', 'Nothing/~'), '/files/0/tabs/0/fields/Nothing~1~0', 'is no field of tickets'],
    [ofField('x', 'contactId'), '/files/0/tabs/0/fields/contactId', 'mapped already'],
    [ofField(7), '/files/0/tabs/0/fields/Status', 'is not an object'],
    [ofField(''), '/files/0/tabs/0/fields/Status', 'is empty'],
    [ofField({}), '/files/0/tabs/0/fields/Status', 'exactly one of'],
    [ofField({ column: 'a', constant: 'b' }), '/files/0/tabs/0/fields/Status', 'exactly one of'],
    [ofField({ column: 'a', format: 'b' }), '/files/0/tabs/0/fields/Status/format', 'is not known here'],
    [ofField({ columns: ['a'] }), '/files/0/tabs/0/fields/Status', 'either join or take'],
    [ofField({ columns: ['a', ''], join: '' }), '/files/0/tabs/0/fields/Status/columns/1', 'is empty'],
    [ofField({ columns: ['a'], take: 'earliest' }), '/files/0/tabs/0/fields/Status/take', 'is for times'],
    [
      ofField({ columns: ['a'], take: 'any' }, 'Created Time'),
      '/files/0/tabs/0/fields/Created Time/take',
      'none of',
    ],
    [ofField({ column: 'a', join: ' ' }), '/files/0/tabs/0/fields/Status/join', 'needs columns'],
    [ofField({ idFrom: 'a' }), '/files/0/tabs/0/fields/Status/idFrom', 'is for external ids'],
    [ofField({ column: 'a', prefix: 'b' }), '/files/0/tabs/0/fields/Status/prefix', 'is for external ids'],
    [ofField({ column: 'a', timeZone: 'UTC' }), '/files/0/tabs/0/fields/Status/timeZone', 'is for times'],
    [ofField({ column: 'a', otherwise: 'b' }), '/files/0/tabs/0/fields/Status/otherwise', 'needs values'],
    [ofField({ column: 'a', values: { b: 1 } }), '/files/0/tabs/0/fields/Status/values/b', 'is not a text'],
    [ofField({ constant: 'a', default: 'b' }), '/files/0/tabs/0/fields/Status/default', 'is never used'],
    [ofField({ constant: 'x' }, 'Email'), '/files/0/tabs/0/fields/Email/constant', 'is not a mail address'],
    [
      ofField({ column: 'a', default: 'later' }, 'Due Date'),
      '/files/0/tabs/0/fields/Due Date/default',
      'is not a time like',
    ],
    [
      ofField({ column: 'a', default: '1/2/2024' }, 'Due Date', { timeFormat: 'yyyy-MM-dd' }),
      '/files/0/tabs/0/fields/Due Date/default',
      'like yyyy-MM-dd',
    ],
    [
      ofTab({ tab: 'tickets', fields: { ...TICKET, TicketExtId: { column: 'a', default: 'b' } } }),
      '/files/0/tabs/0/fields/TicketExtId/default',
      'one external id',
    ],
    [
      ofTab({
        tab: 'agents',
        fields: {
          AgentExtId: 'a',
          'Last Name': 'b',
          Email: 'c',
          Status: { column: 'd', values: { on: 'busy' } },
        },
      }),
      '/files/0/tabs/0/fields/Status/values/on',
      'is not one of active, inactive',
    ],
    [
      ofTab({ tab: 'attachments', fields: { AttachmentExtId: 'a', 'File Name': 'b', 'File Path': 'c' } }),
      '/files/0/tabs/0/fields',
      'one is needed',
    ],
  ])('A10: a fault of %j is told at %s', (document, pointer, detail) => {
    const faults = faultsOf(document);
    expect(faults.map((fault) => fault.pointer)).toContain(pointer);
    expect(faults.find((fault) => fault.pointer === pointer)?.detail).toContain(detail);
  });

  test('A10: a required field may be filled by a constant or a default', () => {
    expect(faultsOf(ofField({ constant: '(none)' }, 'Subject'))).toEqual([]);
    expect(faultsOf(ofField({ column: 'Title', default: '(none)' }, 'Subject'))).toEqual([]);
    expect(
      faultsOf(ofField({ column: 'a', default: '1/2/2024', timeFormat: 'd/M/yyyy' }, 'Due Date')),
    ).toEqual([]);
  });

  test('A10: all faults are told, not the first alone', () => {
    const fields = { ...TICKET, Nothing: 'a', Status: {}, Email: { constant: 'b' } };
    expect(faultsOf(ofTab({ tab: 'tickets', fields })).map(({ pointer }) => pointer)).toEqual([
      '/files/0/tabs/0/fields/Nothing',
      '/files/0/tabs/0/fields/Status',
      '/files/0/tabs/0/fields/Email/constant',
    ]);
  });
});

describe('which entry is for a file', () => {
  const mapping: Mapping = {
    version: 1,
    files: ['tickets_??.csv', 'export.zip/*/people.csv', 'x/users.csv', '*list*.CSV', 'が.csv'].map(
      (file) => ({
        file,
        tabs: [],
      }),
    ),
  };
  test.each<[string, string | null, string | null]>([
    ['Tickets_01.csv', null, 'tickets_??.csv'],
    ['tickets_1.csv', null, null],
    ['export.zip', 'a/people.csv', 'export.zip/*/people.csv'],
    ['other.zip', 'a/people.csv', null],
    ['any.zip', 'x/users.csv', 'x/users.csv'],
    ['any.zip', 'deep/my list.csv', '*list*.CSV'],
    ['list (2).csv', null, '*list*.CSV'],
    ['tickets_01 (3).csv', null, 'tickets_??.csv'],
    ['aXcsv', null, null],
    ['か\u3099.csv', null, 'が.csv'],
  ])('A10: %s %s is read by %s', (file, entry, expected) => {
    expect(fileMappingFor(mapping, { file, entry })?.file ?? null).toBe(expected);
  });

  test('A10: a pattern of many stars takes no time', () => {
    const many: Mapping = { version: 1, files: [{ file: `${'*a'.repeat(2_000)}b`, tabs: [] }] };
    expect(fileMappingFor(many, { file: 'a'.repeat(5_000), entry: null })).toBeNull();
  });
});

describe('columns', () => {
  test('A10: columns of one name are numbered, one without a name is called column', () => {
    expect(columnNames(['\uFEFFName', ' Name ', '', '', 'Name (2)'])).toEqual([
      'Name',
      'Name (2)',
      'column',
      'column (2)',
      'Name (2) (2)',
    ]);
  });

  test('A10: columns that a file does not have are told where they stand', () => {
    const mapping = ofTab({
      tab: 'tickets',
      fields: {
        TicketExtId: 'id',
        ContactExtId: { idFrom: ['Mail', 'Shop'] },
        Subject: { columns: ['Title', 'Headline'], take: 'first' },
        Status: { column: 'State' },
        Priority: 'Prio',
      },
      custom: ['Colour'],
    }) as Mapping;
    const header = ['ID', 'mail', 'TITLE'];
    expect(
      checkMappedColumns(mapping, [{ file: 'a.csv', entry: null, header }]).map(({ pointer }) => pointer),
    ).toEqual([
      '/files/0/tabs/0/fields/ContactExtId/idFrom/1',
      '/files/0/tabs/0/fields/Subject/columns/1',
      '/files/0/tabs/0/fields/Status/column',
      '/files/0/tabs/0/fields/Priority',
      '/files/0/tabs/0/custom/0',
    ]);
    expect(checkMappedColumns(mapping, [{ file: 'b.csv', entry: null, header }])).toEqual([]);
  });
});
