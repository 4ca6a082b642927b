import { describe, expect, test } from 'vitest';
import { readMapping, type TabMapping } from './field-mapping.ts';
import { proposeMapping, type MappingProposal, type TableToMap } from './propose-mapping.ts';
import type { Tab } from './tab.ts';

function table(
  file: string,
  header: readonly string[],
  rows: readonly (readonly string[])[] = [],
  tab: Tab | null = null,
): TableToMap {
  return { file, entry: null, tab, header, rows };
}

function tabOf({ mapping }: MappingProposal, tab: Tab): TabMapping {
  const found = mapping.files[0]?.tabs.find((each) => each.tab === tab);
  if (found === undefined) throw new Error(`${tab} is not proposed`);
  return found;
}

const sureOf = ({ fields }: MappingProposal, tab: Tab, field: string): number =>
  fields.find((each) => each.tab === tab && each.field === field)?.confidence ?? 0;

/** Headers as the exports of other help desks have them, and what must come of them. */
const EXPORTS: [name: string, header: string[], tab: Tab, fields: TabMapping['fields']][] = [
  [
    'zendesk-tickets.csv',
    [
      'ID',
      'Requester',
      'Requester id',
      'Requester email',
      'Subject',
      'Status',
      'Priority',
      'Via',
      'Ticket type',
      'Group',
      'Assignee',
      'Tags',
      'Created at',
      'Updated at',
      'Solved at',
      'Due Date',
      'Satisfaction Score',
    ],
    'tickets',
    {
      TicketExtId: 'ID',
      ContactExtId: { column: 'Requester id' },
      Subject: 'Subject',
      Email: 'Requester email',
      Status: 'Status',
      Priority: 'Priority',
      Channel: 'Via',
      Classification: 'Ticket type',
      Department: 'Group',
      'Assignee Name': 'Assignee',
      'Due Date': 'Due Date',
      'Created Time': 'Created at',
      'Modified Time': 'Updated at',
      'Closed Time': 'Solved at',
      Tags: 'Tags',
    },
  ],
  [
    'freshdesk.csv',
    [
      'Ticket ID',
      'Subject',
      'Status',
      'Priority',
      'Source',
      'Type',
      'Agent',
      'Group',
      'Created time',
      'Due by Time',
      'Resolved time',
      'Closed time',
      'Last update time',
      'Tags',
      'Full name',
      'Email',
      'Company Name',
    ],
    'tickets',
    {
      TicketExtId: 'Ticket ID',
      ContactExtId: { idFrom: 'Email' },
      Subject: 'Subject',
      Email: 'Email',
      Channel: 'Source',
      'Assignee Name': 'Agent',
      'Created Time': 'Created time',
      'Closed Time': 'Closed time',
      'Modified Time': 'Last update time',
    },
  ],
  [
    'jira.csv',
    [
      'Issue key',
      'Issue Type',
      'Summary',
      'Reporter',
      'Reporter Email',
      'Assignee',
      'Priority',
      'Status',
      'Resolution',
      'Created',
      'Updated',
      'Resolved',
      'Labels',
      'Description',
    ],
    'tickets',
    {
      TicketExtId: 'Issue key',
      ContactExtId: { idFrom: 'Reporter Email' },
      Subject: 'Summary',
      Description: 'Description',
      Classification: 'Issue Type',
      'Closed Time': 'Resolved',
      Resolution: 'Resolution',
      Tags: 'Labels',
    },
  ],
  [
    '問い合わせ管理.csv',
    [
      'レコード番号',
      '作成日時',
      '更新日時',
      '件名',
      '本文',
      '顧客名',
      'メールアドレス',
      '会社名',
      'ステータス',
      '優先度',
      '担当者',
      '担当部署',
      '完了日時',
    ],
    'tickets',
    {
      TicketExtId: 'レコード番号',
      ContactExtId: { idFrom: 'メールアドレス' },
      Subject: '件名',
      Description: '本文',
      Email: 'メールアドレス',
      Status: 'ステータス',
      Priority: '優先度',
      Department: '担当部署',
      'Assignee Name': '担当者',
      'Created Time': '作成日時',
      'Modified Time': '更新日時',
      'Closed Time': '完了日時',
    },
  ],
  [
    'hubspot-contacts.csv',
    [
      'Record ID',
      'First Name',
      'Last Name',
      'Email',
      'Phone Number',
      'Mobile Phone Number',
      'Job Title',
      'Company Name',
      'Create Date',
      'Last Modified Date',
      'Lifecycle Stage',
      'Lead Status',
    ],
    'contacts',
    {
      ContactExtId: 'Record ID',
      'First Name': 'First Name',
      'Last Name': 'Last Name',
      AccountExtId: { idFrom: 'Company Name' },
      Email: 'Email',
      Phone: 'Phone Number',
      Mobile: 'Mobile Phone Number',
      Type: 'Lifecycle Stage',
      Title: 'Job Title',
      'Created Time': 'Create Date',
      'Modified Time': 'Last Modified Date',
    },
  ],
  [
    '顧客一覧.csv',
    [
      '顧客ID',
      '姓',
      '名',
      '会社名',
      '電話番号',
      '携帯電話',
      'メールアドレス',
      '郵便番号',
      '都道府県',
      '住所',
      '備考',
      '登録日',
    ],
    'contacts',
    {
      ContactExtId: '顧客ID',
      'First Name': '名',
      'Last Name': '姓',
      AccountExtId: { idFrom: '会社名' },
      Email: 'メールアドレス',
      Phone: '電話番号',
      Mobile: '携帯電話',
      Street: '住所',
      State: '都道府県',
      Zip: '郵便番号',
      Description: '備考',
      'Created Time': '登録日',
    },
  ],
  [
    'companies.csv',
    [
      'Company ID',
      'Company name',
      'Company Domain Name',
      'Industry',
      'City',
      'Country/Region',
      'Phone Number',
    ],
    'accounts',
    {
      AccountExtId: 'Company ID',
      'Account Name': 'Company name',
      Phone: 'Phone Number',
      Website: 'Company Domain Name',
      Industry: 'Industry',
      City: 'City',
      Country: 'Country/Region',
    },
  ],
];

describe('proposing a mapping by headers', () => {
  test.each(EXPORTS)('A10: %s', (name, header, tab, fields) => {
    const proposal = proposeMapping([table(name, header)]);
    expect(tabOf(proposal, tab).fields).toMatchObject(fields);
    expect(proposal.missing).toEqual([]);
    expect(readMapping(proposal.mapping)).toEqual({ mapping: proposal.mapping });
    for (const each of proposal.fields) {
      expect(each.confidence).toBeGreaterThan(0);
      expect(each.confidence).toBeLessThanOrEqual(1);
    }
  });

  test('A10: a list that carries its customers, companies and products feeds those tabs as well', () => {
    const header = [
      'Ticket ID',
      'Subject',
      'Customer Name',
      'Customer Email',
      'Company',
      'Product Purchased',
    ];
    const proposal = proposeMapping([table('export.csv', header)]);
    expect(proposal.mapping.files[0]?.tabs.map(({ tab, distinct = false }) => [tab, distinct])).toEqual([
      ['accounts', true],
      ['contacts', true],
      ['products', true],
      ['tickets', false],
    ]);
    expect(tabOf(proposal, 'contacts').fields).toEqual({
      ContactExtId: { idFrom: 'Customer Email' },
      'Last Name': 'Customer Name',
      Email: 'Customer Email',
      AccountExtId: { idFrom: 'Company' },
    });
    expect(tabOf(proposal, 'products').fields['Product Name']).toBe('Product Purchased');
    expect(tabOf(proposal, 'tickets').fields['ContactExtId']).toEqual({ idFrom: 'Customer Email' });
  });

  test('A10: a file in the prepared format needs none; one that says nothing is not guessed at', () => {
    const proposal = proposeMapping([
      table('Products.csv', ['ProductExtId', 'Product Name'], [], 'products'),
      table('data.csv', ['alpha', 'beta', 'gamma']),
    ]);
    expect(proposal).toMatchObject({
      mapping: { files: [] },
      prepared: ['Products.csv'],
      unknown: ['data.csv'],
    });
  });

  test('A10: required fields for which there is no column are named', () => {
    const proposal = proposeMapping([
      table('tickets.csv', ['Ticket ID', 'Status', 'Priority', 'Created at']),
    ]);
    expect(proposal.missing).toEqual([
      { file: 'tickets.csv', tab: 'tickets', field: 'ContactExtId' },
      { file: 'tickets.csv', tab: 'tickets', field: 'Subject' },
    ]);
  });
});

describe('proposing a mapping by samples', () => {
  const header = ['Ticket ID', 'Subject', 'Customer', 'Contact', 'Status', 'Created'];

  test('A10: mail addresses, times and statuses are judged by the first rows', () => {
    const proposal = proposeMapping(
      [
        table('a.csv', header, [
          ['1', 'Hello', 'Ann', 'ann@x.example', 'Solved', '13/05/2024 9:08'],
          ['2', 'Again', 'Bob', 'bob@x.example', 'Odd', '01/06/2024 19:08'],
          ['3', 'Once more', 'Cai', 'cai@x.example', 'constructor', '02/06/2024 19:08'],
        ]),
      ],
      'Asia/Tokyo',
    );
    expect(proposal.mapping.files[0]?.timeZone).toBe('Asia/Tokyo');
    expect(tabOf(proposal, 'tickets').fields).toMatchObject({
      Email: 'Contact',
      ContactExtId: { idFrom: 'Contact' },
      Status: { column: 'Status', values: { Solved: 'Closed' } },
      'Created Time': { column: 'Created', timeFormat: 'd/M/yyyy H:mm' },
    });
    expect(tabOf(proposal, 'contacts').fields['Last Name']).toBe('Customer');
    expect(readMapping(proposal.mapping)).toHaveProperty('mapping');
  });

  test('A10: a date whose day and month could change places is a guess', () => {
    const rows = [['1', 'Hello', 'Ann', 'ann@x.example', 'Open', '01/06/2024']];
    expect(sureOf(proposeMapping([table('a.csv', header, rows)]), 'tickets', 'Created Time')).toBeLessThan(
      0.5,
    );
    const clear = [['1', 'Hello', 'Ann', 'ann@x.example', 'Open', '2024年6月1日 10:00']];
    const proposal = proposeMapping([table('a.csv', header, clear)]);
    expect(sureOf(proposal, 'tickets', 'Created Time')).toBeGreaterThan(0.5);
  });

  test('A10: a column that holds no times is not proposed for a time, one without mail not for a mail address', () => {
    const rows = [['1', 'Hello', 'Ann', 'call her', 'Open', 'yesterday']];
    const { fields } = tabOf(proposeMapping([table('tickets.csv', header, rows)]), 'tickets');
    expect(fields).not.toHaveProperty('Created Time');
    expect(fields).not.toHaveProperty('Email');
  });
});
