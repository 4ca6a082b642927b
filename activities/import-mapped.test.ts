import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fields } from '../domain/canonical.ts';
import type { Mapping } from '../domain/field-mapping.ts';
import type { Tab } from '../domain/tab.ts';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  rowsOf,
  runPhase,
  sendReply,
  startEngine,
} from '../test/import-engine.ts';

const REAL = resolve(import.meta.dirname, '../../shared/data/customer_support_tickets.csv');
const page = readFileSync(new URL('../docs/mapping.md', import.meta.url), 'utf8');
const [flatList, japaneseList] = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(
  ([, json = '']) => JSON.parse(json) as Mapping,
);
const TABS: readonly Tab[] = ['accounts', 'contacts', 'products', 'tickets'];
const OMIT: readonly Tab[] = ['threads', 'comments', 'attachments'];

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

/** Every record of a tab that a request made, by external id. */
async function recordsOf(portal: string, tab: Tab): Promise<Map<string, Fields>> {
  const records = new Map<string, Fields>();
  for await (const entries of engine.desk.scan(portal, 'files', tab)) {
    const ids = entries.map(({ externalId }) => externalId);
    for (const { externalId, fields } of await engine.desk.read(portal, 'files', tab, ids)) {
      records.set(externalId, fields);
    }
  }
  return records;
}

async function reply(request: string, key: string, mapping: unknown): Promise<void> {
  await engine.stores.replies.put({
    request,
    key,
    at: new Date(),
    by: 'requester:r',
    text: '',
    mapping,
    files: [],
  });
}

describe('one file that feeds several tabs', () => {
  const HEADER = [
    '受付番号',
    '姓',
    '名',
    'メールアドレス',
    '件名',
    '本文',
    'ステータス',
    '担当者',
    '作成日時',
    '店舗',
  ];
  const ROWS = [
    [
      '1',
      '佐藤',
      '花',
      'hana@a.example',
      '届かない',
      '本文1',
      '未対応',
      '鈴木',
      '2024年5月31日 9:08',
      '東京',
    ],
    ['2', '佐藤', 'はな', ' HANA@a.example', '', '本文2', '対応中', '鈴木', '2024年6月1日 10:00', '大阪'],
    ['3', '', '', '', '名なし', '本文3', '完了', '', '2024年6月1日 10:00', '大阪'],
    ['4', '田中', '一', 'ichi@a.example', '日付', '本文4', '新しい', '', '2024-06-01 10:00', ''],
    ['4', '田中', '一', 'ichi@a.example', '別の内容', '本文5', '完了', '', '2024年6月1日 10:00', ''],
    ['4', '田中', '一', 'ichi@a.example', '別の内容', '本文5', '完了', '', '2024年6月1日 10:00', ''],
    ['5', '誤', '記', 'no mail', '宛先不明', '本文6', '完了', '', '2024年6月1日 10:00', ''],
  ];

  test('A10, D1: contacts by distinct mail, tickets by row, counted apart and proved', async () => {
    const portal = await makePortal(engine);
    const body = `${csvText(HEADER, ROWS)}8,"x"y\n`;
    const options = { tabs: TABS, omit: OMIT, mapping: japaneseList };
    const request = await makeRequest(engine, portal, { '問い合わせ一覧.csv': body }, options);
    const { proofs, report } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({
      counts: { source: 3, created: 2, failed: 1 },
      digestsMatch: true,
      discrepancies: 0,
    });
    expect(proofs.tickets).toMatchObject({
      counts: { source: 8, created: 2, failed: 6 },
      digestsMatch: true,
      discrepancies: 0,
    });

    const contacts = await recordsOf(portal, 'contacts');
    expect(new Map([...contacts.values()].map(({ email, lastName }) => [email, lastName]))).toEqual(
      new Map([
        ['hana@a.example', '佐藤 花'],
        ['ichi@a.example', '田中 一'],
      ]),
    );
    const [hana = ''] = [...contacts].find(([, fields]) => fields['email'] === 'hana@a.example') ?? [];
    const tickets = await recordsOf(portal, 'tickets');
    expect(tickets.get('jp-1')).toMatchObject({
      subject: '届かない',
      status: 'Open',
      channel: 'Email',
      assigneeName: '鈴木',
      contactId: `${portal}/files/${hana}`,
      createdTime: new Date('2024-05-31T00:08:00Z'),
      customFields: { 店舗: '東京' },
    });
    expect(tickets.get('jp-2')).toMatchObject({
      subject: '(件名なし)',
      contactId: `${portal}/files/${hana}`,
    });

    const files = await readReport(engine, request, report);
    const told = rowsOf(files.get('Tickets.csv')).map((row) => [
      row['row'],
      row['code'],
      row['column'],
      row['warnings'],
    ]);
    expect(told).toEqual([
      ['1', '', '', ''],
      ['2', '', '', 'VALUE_DEFAULTED'],
      ['3', 'MISSING_REQUIRED', 'メールアドレス', ''],
      ['4', 'BAD_FORMAT', '作成日時', ''],
      ['5', 'DUPLICATE_ID', '', ''],
      ['6', 'DUPLICATE_ID', '', ''],
      ['7', 'PARENT_FAILED', 'メールアドレス', ''],
      ['8', 'MALFORMED_ROW', '', ''],
    ]);
    expect(rowsOf(files.get('Contacts.csv')).map((row) => [row['file'], row['row'], row['code']])).toEqual([
      ['問い合わせ一覧.csv', '1', ''],
      ['問い合わせ一覧.csv', '4', ''],
      ['問い合わせ一覧.csv', '7', 'BAD_FORMAT'],
    ]);
    // handed back with the file's own columns, whichever tab they failed in
    const handedBack = rowsOf(files.get('failed/問い合わせ一覧.csv'));
    expect(Object.keys(handedBack[0] ?? {}).slice(0, HEADER.length)).toEqual(HEADER);
    expect(handedBack[0]).toMatchObject({ 受付番号: '5', deskferry_column: 'メールアドレス' });
  });

  test('A10, E3: mended rows and a corrected mapping bring phase 2 what phase 1 could not take', async () => {
    const portal = await makePortal(engine);
    const list = { file: 'list.csv', timeFormat: 'yyyy-MM-dd', timeZone: 'UTC' };
    const contacts = {
      tab: 'contacts',
      distinct: true,
      fields: { ContactExtId: { idFrom: 'mail' }, 'Last Name': 'name', Email: 'mail' },
    };
    const mappingOf = (id: string): unknown => ({
      version: 1,
      files: [
        {
          ...list,
          tabs: [
            contacts,
            {
              tab: 'tickets',
              fields: {
                TicketExtId: id,
                ContactExtId: { idFrom: 'mail' },
                Subject: 's',
                'Created Time': 'at',
              },
            },
          ],
        },
      ],
    });
    const header = ['id', 'group', 'name', 'mail', 's', 'at'];
    const rows = [
      ['1', 'g1', 'A', 'a@a.example', 'sound', '2024-01-01'],
      ['2', 'g1', 'A', 'a@a.example', 'same group', '2024-01-02'],
      ['3', 'g3', '', 'b@a.example', 'nameless', '2024-01-03'],
      ['4', 'g4', 'B', 'b@a.example', 'of the nameless', '2024-01-04'],
    ];
    const options = { tabs: TABS, omit: OMIT, mapping: mappingOf('group') };
    const request = await makeRequest(engine, portal, { 'list.csv': csvText(header, rows) }, options);
    const first = await runPhase(engine, request);
    expect(first.proofs.contacts?.counts).toMatchObject({ source: 2, created: 1, failed: 1 });
    expect(first.proofs.tickets?.counts).toMatchObject({ source: 4, created: 1, failed: 3 });
    const files = await readReport(engine, request, first.report);
    const failed = rowsOf(files.get('failed/list (2).csv'));
    expect(failed.map((row) => [row['id'], row['deskferry_code']])).toEqual([
      ['2', 'DUPLICATE_ID'],
      ['3', 'PARENT_FAILED'],
      ['4', 'PARENT_FAILED'],
    ]);
    // one row comes back mended; the mapping now names the right column
    const { id = '', group = '', name: _name, mail = '', s = '', at = '', ...marks } = failed[1] ?? {};
    const mended = csvText(
      [...header, ...Object.keys(marks)],
      [[id, group, 'B', mail, s, at, ...Object.values(marks)]],
    );
    await sendReply(engine, request, 'r1', { 'list (2).csv': mended });
    await reply(request, 'r1', mappingOf('id'));
    const second = await runPhase(engine, request, 'phase-2');
    expect(second.proofs.contacts).toMatchObject({
      counts: { source: 1, created: 1, failed: 0 },
      digestsMatch: true,
      discrepancies: 0,
    });
    expect(second.proofs.tickets).toMatchObject({
      counts: { source: 3, created: 3, failed: 0 },
      digestsMatch: true,
      discrepancies: 0,
    });
    expect([...(await recordsOf(portal, 'tickets')).keys()].toSorted()).toEqual(['2', '3', '4', 'g1']);
  });

  test('A10, D1: one contact per mail over several lists, and after the contacts’ own list', async () => {
    const portal = await makePortal(engine);
    const id = { idFrom: 'mail' };
    const mapping = {
      version: 1,
      files: [
        {
          file: 'people.csv',
          tabs: [{ tab: 'contacts', fields: { ContactExtId: id, 'Last Name': 'name', Email: 'mail' } }],
        },
        {
          file: 'list*.csv',
          tabs: [
            {
              tab: 'contacts',
              distinct: true,
              fields: { ContactExtId: id, 'Last Name': 'name', Email: 'mail' },
            },
            { tab: 'tickets', fields: { TicketExtId: 'id', ContactExtId: id, Subject: 'id' } },
          ],
        },
      ],
    };
    const header = ['id', 'name', 'mail'];
    const request = await makeRequest(
      engine,
      portal,
      {
        'list_1.csv': csvText(header, [
          ['1', 'one', 'a@a.example'],
          ['2', 'two', 'b@a.example'],
        ]),
        'list_2.csv': csvText(header, [
          ['3', 'three', 'B@a.example'],
          ['4', 'four', 'c@a.example'],
          ['5', 'five', ''],
        ]),
        'people.csv': csvText(
          ['mail', 'name'],
          [
            ['a@a.example', 'own'],
            ['a@a.example', 'again'],
          ],
        ),
      },
      { tabs: TABS, omit: OMIT, mapping },
    );
    const { proofs } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({
      counts: { source: 4, created: 3, failed: 1 },
      digestsMatch: true,
      discrepancies: 0,
    });
    const names = [...(await recordsOf(portal, 'contacts')).values()].map(({ lastName }) => lastName);
    expect(new Set(names)).toEqual(new Set(['four', 'own', 'two']));
  });

  test('A10: files that the mapping does not name are read in the prepared format', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(
      engine,
      portal,
      { 'Products.csv': csvText(['ProductExtId', 'Product Name'], [['p1', 'Bell']]) },
      { tabs: ['products'], omit: [], mapping: japaneseList },
    );
    const { proofs } = await runPhase(engine, request);
    expect(proofs.products?.counts).toMatchObject({ source: 1, created: 1 });
  });

  test('A10: a mapping that cannot be used stops the phase with the place of the fault', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(
      engine,
      portal,
      { 'a.csv': 'x\n1\n' },
      { tabs: ['products'], mapping: { version: 2 } },
    );
    await expect(runPhase(engine, request)).rejects.toMatchObject({ code: 'MAPPING_FAULTY' });
  });
});

// the public data set lies beside the project where there is one; elsewhere this test says that it was skipped
test.skipIf(!existsSync(REAL))(
  'A10, D1, D2: the public ticket list migrates with a mapping alone (../shared)',
  async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(
      engine,
      portal,
      { 'customer_support_tickets.csv': readFileSync(REAL) },
      { tabs: TABS, omit: OMIT, mapping: flatList },
    );
    const { proofs } = await runPhase(engine, request);
    const proved = { digestsMatch: true, discrepancies: 0 };
    expect(proofs.contacts).toMatchObject({ counts: { source: 8320, created: 8320, failed: 0 }, ...proved });
    expect(proofs.products).toMatchObject({ counts: { source: 42, created: 42, failed: 0 }, ...proved });
    expect(proofs.tickets).toMatchObject({ counts: { source: 8469, created: 8469, failed: 0 }, ...proved });
    const [ticket] = await engine.desk.read(portal, 'files', 'tickets', ['3']);
    expect(ticket?.fields).toMatchObject({
      status: 'Closed',
      createdTime: new Date('2023-06-01T11:14:38Z'),
      closedTime: new Date('2023-06-01T18:05:38Z'),
      customFields: {
        'Customer Name': 'Christopher Robbins',
        'Customer Age': '48',
        'First Response Time': '2023-06-01 11:14:38',
        'Customer Satisfaction Rating': '3.0',
      },
    });
  },
);
