import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiUnderTest, type Caller, REQUESTER_BODY, SOURCE_BODY, type Spoken } from './environment.ts';

let api: ApiUnderTest;
let hana: Caller;
let colleague: Caller;
let other: Caller;
let operator: Caller;

beforeAll(async () => {
  api = await ApiUnderTest.start();
  const tenant = await api.tenant('mapped');
  hana = await api.caller('requester', tenant);
  colleague = await api.caller('requester', tenant);
  other = await api.caller('requester', await api.tenant('stranger'));
  operator = await api.caller('operator', null);
});
afterAll(() => api.stop());

const CONTACTS = {
  tab: 'contacts',
  distinct: true,
  fields: { ContactExtId: { idFrom: 'メール' }, 'Last Name': '顧客名', Email: 'メール' },
};
const TICKETS = {
  tab: 'tickets',
  fields: {
    TicketExtId: '番号',
    ContactExtId: { idFrom: 'メール' },
    Subject: { column: '件名', default: '(なし)' },
    'Created Time': '作成日時',
  },
};
const FILE = { file: '一覧*.csv', timeFormat: 'yyyy年M月d日', timeZone: 'Asia/Tokyo' };
const MAPPING = { version: 1, files: [{ ...FILE, tabs: [CONTACTS, TICKETS] }] };
const LIST = [
  '番号,件名,顧客名,メール,作成日時,店舗',
  '1,届かない,佐藤,hana@a.example,2024年6月1日,東京',
  '2,,佐藤,HANA@a.example,6月1日,大阪',
  '3,"x"y',
  '',
].join('\n');

interface PreviewTab {
  tab: string;
  missing: string[];
  custom: string[];
  rows: { externalId: string }[];
}
interface Preview {
  files: { file: string; mapped: boolean; tabs: PreviewTab[] }[];
  mappingFaults: unknown[];
}

const previewIn = ({ body }: Spoken): Preview => body as Preview;
const itemsIn = ({ body }: Spoken): unknown => (body as { items: unknown }).items;
const pointersIn = ({ body }: Spoken): string[] =>
  (body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);

const fileOf = (request: string, name: string): string => `${request}/files/${encodeURIComponent(name)}`;

describe('saved mappings', () => {
  const path = `/v1/mappings/${encodeURIComponent('old desk / 2024')}`;

  it('A10: a mapping is saved, read, used by others of the tenant, replaced, listed and forgotten', async () => {
    const created = await hana.put(path, MAPPING);
    expect(created.status).toBe(201);
    expect((await hana.put(path, MAPPING)).status).toBe(200);
    expect((await colleague.get(path)).body).toMatchObject({
      name: 'old desk / 2024',
      mapping: MAPPING,
      by: `requester:${hana.name}`,
    });
    expect(itemsIn(await colleague.get('/v1/mappings'))).toMatchObject([{ name: 'old desk / 2024' }]);
    expect((await hana.call('DELETE', path)).status).toBe(204);
    expect((await hana.call('DELETE', path)).status).toBe(404);
    expect((await hana.get(path)).status).toBe(404);
  });

  it('F4: another tenant sees nothing of it; operators have no mappings of their own', async () => {
    await hana.put(path, MAPPING);
    expect((await other.get(path)).status).toBe(404);
    expect((await other.call('DELETE', path)).status).toBe(404);
    expect(itemsIn(await other.get('/v1/mappings'))).toEqual([]);
    expect((await operator.get(path)).status).toBe(403);
  });

  it('H, A10: every fault of a mapping is told by its JSON pointer', async () => {
    const fields = { ...TICKETS.fields, Status: { column: 'x', colour: 1 }, 'Due/Date': 'y' };
    const faulty = {
      version: 1,
      files: [{ ...FILE, timeZone: 'Tokyo', tabs: [{ tab: 'tickets', fields }] }],
    };
    const pointers = [
      '/files/0/timeZone',
      '/files/0/tabs/0/fields/Status/colour',
      '/files/0/tabs/0/fields/Due~1Date',
    ];
    const refused = await hana.put(path, faulty);
    expect(refused.status).toBe(422);
    expect(pointersIn(refused)).toEqual(pointers);
    const redone = await hana.patch(await hana.file({}), { mapping: faulty });
    expect(redone.status).toBe(422);
    expect(pointersIn(redone)).toEqual(pointers.map((pointer) => `/mapping${pointer}`));
  });
});

describe('the effect of a mapping', () => {
  it('A10: the preview shows the first rows as the records they become', async () => {
    const request = await hana.file({ mapping: MAPPING, tabs: ['contacts', 'tickets'] });
    await hana.upload(fileOf(request, '一覧.csv'), LIST);
    await hana.upload(fileOf(request, 'Products.csv'), 'ProductExtId,Product Name,Colour\np1,Bell,red\n');
    const preview = previewIn(await hana.get(`${request}/preview`));
    expect(preview.mappingFaults).toEqual([]);
    expect(preview.files.map(({ file, mapped }) => [file, mapped])).toEqual([
      ['一覧.csv', true],
      ['Products.csv', false],
    ]);
    const [list, products] = preview.files;
    const [contacts, tickets] = list?.tabs ?? [];
    expect(contacts?.rows).toMatchObject([
      { row: 1, result: 'record', fields: { lastName: '佐藤', email: 'hana@a.example' } },
      { row: 2, result: 'repeated', fields: {} },
    ]);
    expect(tickets?.custom).toEqual(['店舗']);
    expect(tickets?.rows).toMatchObject([
      {
        row: 1,
        externalId: '1',
        fields: {
          subject: '届かない',
          createdTime: '2024-05-31T15:00:00.000Z',
          customFields: { 店舗: '東京' },
        },
        references: { contactId: contacts?.rows[0]?.externalId },
        warnings: [],
        faults: [],
      },
      {
        row: 2,
        warnings: ['VALUE_DEFAULTED'],
        faults: [{ code: 'BAD_FORMAT', column: '作成日時' }],
      },
      { row: 3, result: 'unreadable', faults: [{ code: 'MALFORMED_ROW' }] },
    ]);
    expect(products?.tabs).toMatchObject([
      { tab: 'products', missing: [], custom: ['Colour'], rows: [{ externalId: 'p1' }] },
    ]);
  });

  it('A10: the preview of one file and tab, of a few rows, with the columns that are missing', async () => {
    const request = await hana.file({ mapping: MAPPING });
    await hana.upload(fileOf(request, '一覧_2.csv'), '番号,件名\n1,a\n2,b\n');
    const only = previewIn(
      await hana.get(`${request}/preview?file=${encodeURIComponent('一覧_2.csv')}&tab=tickets&rows=1`),
    );
    expect(only.files).toHaveLength(1);
    expect(only.files[0]?.tabs).toMatchObject([
      { tab: 'tickets', missing: ['ContactExtId'], rows: [{ row: 1 }] },
    ]);
    expect(only.mappingFaults).toContainEqual({
      pointer: '/files/0/tabs/1/fields/Created Time',
      detail: 'names "作成日時", a column that 一覧_2.csv does not have',
    });
    expect((await hana.get(`${request}/preview?file=none.csv`)).status).toBe(404);
    expect((await hana.get(`${request}/preview?rows=0`)).status).toBe(400);
    expect((await operator.get(`${request}/preview`)).status).toBe(200);
    expect((await other.get(`${request}/preview`)).status).toBe(404);
  });

  it('A10: a proposal is made of the uploaded files, and can be sent back as the mapping', async () => {
    const request = await hana.file({ requester: REQUESTER_BODY, source: SOURCE_BODY });
    const list = LIST.replace('メール', 'メールアドレス').replace('6月1日,大阪', '2024年6月2日,大阪');
    await hana.upload(fileOf(request, '問い合わせ.csv'), list);
    const proposed = await hana.get(`${request}/mapping-proposal`);
    const { mapping, ...rest } = proposed.body as { mapping: { files: unknown[] } };
    expect(rest).toMatchObject({ missing: [], prepared: [], unknown: [] });
    expect(mapping.files[0]).toMatchObject({ file: '問い合わせ.csv', timeZone: 'Asia/Tokyo' });
    const confirmed = await hana.patch(request, { mapping });
    expect(confirmed.status).toBe(200);
    const preview = previewIn(await hana.get(`${request}/preview`));
    expect(preview.mappingFaults).toEqual([]);
    const tickets = preview.files[0]?.tabs.find(({ tab }) => tab === 'tickets');
    expect(tickets?.rows[0]).toMatchObject({
      externalId: '1',
      fields: { subject: '届かない', createdTime: '2024-05-31T15:00:00.000Z' },
      faults: [],
    });
  });
});
