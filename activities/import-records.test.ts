import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Desk } from '../desk/desk.ts';
import type { Tab } from '../domain/tab.ts';
import { TAB_TITLES } from '../domain/tab.ts';
import {
  type Body,
  csvText,
  type Engine,
  makeActivities,
  makePortal,
  makeRequest,
  readReport,
  type Row,
  rowsOf,
  runPhase,
  startEngine,
  zipOf,
} from '../test/import-engine.ts';
import { SEGMENT_RECORDS } from './segment-file.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const TIME = '2024-01-01T00:00:00Z';
const CONTACTS = csvText(['ContactExtId', 'Last Name'], [['c1', 'Mori']]);
const TICKETS = csvText(
  ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time'],
  [['t1', 'c1', 'S', TIME]],
);

async function imported(
  files: Readonly<Record<string, Body>>,
  portal?: string,
  encodings: Record<string, string> = {},
) {
  const into = portal ?? (await makePortal(engine));
  const request = await makeRequest(engine, into, files, { encodings });
  const { report, proofs } = await runPhase(engine, request);
  const made = await readReport(engine, request, report);
  const rows = (tab: Tab): Row[] => rowsOf(made.get(`${TAB_TITLES[tab]}.csv`));
  const stored = async (tab: Tab, id: string) =>
    (await engine.desk.read(into, 'files', tab, [id]))[0]?.fields;
  return { portal: into, request, proofs, files: made, rows, stored };
}

/** code and column by external id */
function verdicts(rows: readonly Row[]): Record<string, string> {
  return Object.fromEntries(
    rows.map((row) => [row['external_id'] ?? '', `${row['result']} ${row['code']} ${row['column']}`.trim()]),
  );
}

describe('C4: what the source says is kept exactly', () => {
  test('times, directions, visibility, lists, text and unknown columns', async () => {
    const subject = '  ﾊﾝｶｸ e\u0301 <b>"x"</b>\r\n=1+1 ';
    const { stored } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(
        [
          'TicketExtId',
          'ContactExtId',
          'Subject',
          'Status',
          'Created Time',
          'Modified Time',
          'Closed Time',
          'Tags',
          'CC',
          'Old.Number',
          '$x',
        ],
        [
          [
            't1',
            'c1',
            subject,
            'Closed',
            '2024-05-31T09:08:07.123+09:00',
            '2024/6/1 1:2',
            '2024-06-02T00:00:00Z',
            'a, b;c',
            'A <a@b.example>; c@d.example',
            '0017',
            'y',
          ],
        ],
      ),
      'Threads.csv': csvText(
        [
          'ThreadExtId',
          'TicketExtId',
          'Content',
          'Sent Date Time',
          'Received Time',
          'Sender Email',
          'Direction',
          'Is Private',
          'From Email Address',
          'BCC',
        ],
        [
          [
            'th1',
            't1',
            '<img src="cid:1">',
            TIME,
            TIME,
            's@x.example',
            'Out',
            'yes',
            'S <s@x.example>',
            'b@x.example',
          ],
        ],
      ),
    });
    expect(await stored('tickets', 't1')).toMatchObject({
      externalId: 't1',
      subject,
      status: 'Closed',
      createdTime: new Date('2024-05-31T00:08:07.123Z'),
      modifiedTime: new Date('2024-06-01T01:02:00Z'),
      closedTime: new Date('2024-06-02T00:00:00Z'),
      tags: ['a', 'b', 'c'],
      cc: ['A <a@b.example>', 'c@d.example'],
      customFields: { 'Old%2ENumber': '0017', '%24x': 'y' },
    });
    expect(await stored('threads', 'th1')).toMatchObject({
      content: '<img src="cid:1">',
      direction: 'out',
      isPrivate: true,
      bcc: ['b@x.example'],
      channel: 'Email',
    });
  });

  test('an unknown status is added to the portal, a missing created time becomes the time of the import; both with a warning', async () => {
    const { portal, request, rows, stored } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(
        ['TicketExtId', 'ContactExtId', 'Subject', 'Status', 'Created Time'],
        [
          ['t1', 'c1', 'S', 'Waiting for parts', TIME],
          ['t2', 'c1', 'S', '', ''],
        ],
      ),
    });
    expect(rows('tickets').map((row) => row['warnings'])).toEqual(['STATUS_ADDED', 'TIME_DEFAULTED']);
    expect((await engine.desk.portal(portal)).statuses).toContain('Waiting for parts');
    const context = await engine.stores.frozen.find(request, 'phase-1');
    expect(await stored('tickets', 't2')).toMatchObject({ status: 'Open', createdTime: context?.startedAt });
  });
});

describe('C5: a record fails alone, for the reason that counts', () => {
  test('required, format, length and references, with the leftmost column first and all faults named', async () => {
    const { rows } = await imported({
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name', 'AccountExtId', 'Email', 'First Name'],
        [
          ['ok', 'L', '', '', ''],
          ['', 'L', '', '', ''],
          ['no-name', '', 'x9', 'not-a-mail', ''],
          ['bad-mail', 'L', '', 'a b@c', 'F'.repeat(41)],
          ['long', 'L', 'x9', '', 'F'.repeat(41)],
          ['orphan', 'L', 'x9', '', ''],
          ['x'.repeat(101), 'L', '', '', ''],
        ],
      ),
    });
    const all = rows('contacts');
    expect(verdicts(all)).toEqual({
      ok: 'created',
      '': 'failed MISSING_REQUIRED ContactExtId',
      'no-name': 'failed MISSING_REQUIRED Last Name',
      'bad-mail': 'failed BAD_FORMAT Email',
      long: 'failed TOO_LONG First Name',
      orphan: 'failed MISSING_REFERENCE AccountExtId',
      [`${'x'.repeat(100)}…`]: 'failed TOO_LONG ContactExtId',
    });
    const message = all.find((row) => row['external_id'] === 'no-name')?.['message'] ?? '';
    expect(message).toContain('Last Name is empty');
    expect(message).toContain('Email is not a mail address');
    expect(message).toContain('AccountExtId');
  });

  test('MISSING_REFERENCE when the parent is nowhere, PARENT_FAILED when it failed; optional references count, and a failure runs down', async () => {
    const { rows } = await imported({
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name'],
        [
          ['c1', 'L'],
          ['c2', ''],
        ],
      ),
      'Products.csv': csvText(['ProductExtId', 'Product Name', 'Unit Price'], [['p1', 'P', 'cheap']]),
      'Tickets.csv': csvText(
        ['TicketExtId', 'ContactExtId', 'Subject', 'ProductExtId', 'AccountExtId', 'Created Time'],
        [
          ['t-ok', 'c1', 'S', '', '', TIME],
          ['t-parent', 'c2', 'S', '', '', TIME],
          ['t-none', 'c9', 'S', '', '', TIME],
          ['t-product', 'c1', 'S', 'p1', 'x9', TIME],
          ['t-account', 'c1', 'S', '', 'x9', TIME],
        ],
      ),
      'Comments.csv': csvText(
        ['CommentExtId', 'TicketExtId', 'Content', 'Commented Time'],
        [
          ['k1', 't-ok', 'x', TIME],
          ['k2', 't-none', 'x', TIME],
          ['k3', 't9', 'x', TIME],
        ],
      ),
    });
    expect(verdicts(rows('tickets'))).toEqual({
      't-ok': 'created',
      't-parent': 'failed PARENT_FAILED ContactExtId',
      't-none': 'failed MISSING_REFERENCE ContactExtId',
      't-product': 'failed PARENT_FAILED ProductExtId',
      't-account': 'failed MISSING_REFERENCE AccountExtId',
    });
    expect(verdicts(rows('comments'))).toEqual({
      k1: 'created',
      k2: 'failed PARENT_FAILED TicketExtId',
      k3: 'failed MISSING_REFERENCE TicketExtId',
    });
  });

  test('a closed time before the created time is BAD_FORMAT', async () => {
    const { rows } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(
        ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time', 'Closed Time'],
        [['t1', 'c1', 'S', '2024-01-02T00:00:00Z', '2024-01-01T00:00:00Z']],
      ),
    });
    expect(verdicts(rows('tickets'))).toEqual({ t1: 'failed BAD_FORMAT Closed Time' });
  });

  test('G: identical rows are skipped, an id with other content fails, across files and whatever the order of columns', async () => {
    const { rows, proofs, stored } = await imported({
      'Contacts_01.csv': csvText(
        ['ContactExtId', 'Last Name', 'Note'],
        [
          ['c1', 'First', 'n'],
          ['c1', 'First', 'n'],
          ['c1', 'Second', 'n'],
        ],
      ),
      'Contacts_02.csv': csvText(['Note', 'Last Name', 'Phone', 'ContactExtId'], [['n', 'First', '', 'c1']]),
    });
    expect(
      rows('contacts').map((row) => `${row['file']} ${row['row']} ${row['result']} ${row['code']}`),
    ).toEqual([
      'Contacts_01.csv 1 created ',
      'Contacts_01.csv 2 skipped DUPLICATE_ROW',
      'Contacts_01.csv 3 failed DUPLICATE_ID',
      'Contacts_02.csv 1 skipped DUPLICATE_ROW',
    ]);
    expect(proofs.contacts).toMatchObject({
      discrepancies: 0,
      counts: { source: 4, created: 1, skipped: 2, failed: 1 },
    });
    expect(await stored('contacts', 'c1')).toMatchObject({ lastName: 'First' });
  });

  test('G: a failed second row does not make the children of the first fail', async () => {
    const { rows } = await imported({
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name'],
        [
          ['c1', 'First'],
          ['c1', ''],
        ],
      ),
      'Tickets.csv': TICKETS,
    });
    expect(verdicts(rows('tickets'))).toEqual({ t1: 'created' });
  });

  test('G: a storage quota fails the records beyond it alone (DESK_FULL), and one over 16,000,000 bytes is TOO_LARGE', async () => {
    const portal = await makePortal(engine, { recordQuota: 3 });
    const full = await imported(
      {
        'Contacts.csv': csvText(
          ['ContactExtId', 'Last Name'],
          ['c1', 'c2', 'c3', 'c4'].map((id) => [id, 'L']),
        ),
      },
      portal,
    );
    // the portal's own agent takes one place
    expect(verdicts(full.rows('contacts'))).toEqual({
      c1: 'created',
      c2: 'created',
      c3: 'failed DESK_FULL',
      c4: 'failed DESK_FULL',
    });
    const large = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': TICKETS,
      'Comments.csv': csvText(
        ['CommentExtId', 'TicketExtId', 'Content', 'Commented Time'],
        [
          ['k1', 't1', 'x'.repeat(16_000_000), TIME],
          ['k2', 't1', 'x', TIME],
        ],
      ),
    });
    expect(verdicts(large.rows('comments'))).toEqual({ k1: 'failed TOO_LARGE', k2: 'created' });
  });
});

test('of records of many megabytes a process holds one at a time, however many activities it has', async () => {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, {
    'Contacts.csv': csvText(
      ['ContactExtId', 'Last Name', 'Notes'],
      Array.from({ length: 6 }, (_, i) => [`c${i}`, 'L', 'x'.repeat(9_000_000)]),
    ),
  });
  let under = 0;
  const seen: number[] = [];
  const write: Desk['write'] = async (tab, batch, stamp) => {
    seen.push(++under);
    const outcomes = await engine.desk.write(tab, batch, stamp);
    under--;
    return outcomes;
  };
  const run = { request, phase: 'phase-1' as const };
  const key = { ...run, tab: 'contacts' as const };
  const activities = makeActivities({ ...engine, desk: { ...engine.desk, write } });
  await activities.planPhase(run);
  await activities.freezeContext({ ...run, after: 'start' });
  expect(await activities.stageTab(key)).toEqual({ segments: 6, records: 6 });
  const ranges = [1, 3, 5].map((from) => ({ ...key, from, to: from + 1 }));
  const counts = await Promise.all(ranges.map((range) => activities.importSegments(range)));
  expect(counts.map(({ created }) => created)).toEqual([2, 2, 2]);
  expect(seen).toEqual([1, 1, 1, 1, 1, 1]);
}, 60_000);

describe('attachments', () => {
  const header = ['AttachmentExtId', 'TicketExtId', 'File Name', 'File Path', 'Size', 'SHA256'];

  test('C5, G: FILE_MISSING and CHECKSUM_MISMATCH, and what is there is kept by its content', async () => {
    const { rows, stored, request } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': TICKETS,
      'bundle.zip': await zipOf({
        'Attachments.csv': csvText(header, [
          ['a1', 't1', 'one.txt', 'files/One.txt', '3', sha256('one').toUpperCase()],
          ['a2', 't1', 'one.txt', '.\\files\\ONE.TXT', '', ''],
          ['a3', 't1', 'none.txt', 'files/none.txt', '', ''],
          ['a4', 't1', 'one.txt', 'files/One.txt', '4', ''],
          ['a5', 't1', 'one.txt', 'files/One.txt', '', sha256('two')],
          ['a6', '', 'one.txt', 'files/One.txt', '', ''],
        ]),
        'files/One.txt': 'one',
        'files/other.txt': 'other',
      }),
    });
    expect(verdicts(rows('attachments'))).toEqual({
      a1: 'created',
      a2: 'created',
      a3: 'failed FILE_MISSING File Path',
      a4: 'failed CHECKSUM_MISMATCH Size',
      a5: 'failed CHECKSUM_MISMATCH SHA256',
      a6: 'failed MISSING_REQUIRED TicketExtId',
    });
    const blob = `blobs/${request}/${sha256('one')}`;
    expect(await stored('attachments', 'a2')).toMatchObject({
      sha256: sha256('one'),
      size: 3,
      storageKey: blob,
    });
    expect((await engine.storage.get(blob)).toString()).toBe('one');
  });

  test('a file that its archive cannot give is missing', async () => {
    const { rows } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': TICKETS,
      'Attachments.csv': csvText(header, [['a1', 't1', 'one.txt', 'one.txt', '', '']]),
    });
    expect(verdicts(rows('attachments'))).toEqual({ a1: 'failed FILE_MISSING File Path' });
  });
});

describe('articles', () => {
  const header = ['ArticleExtId', 'Title', 'Answer', 'Category', 'Translation Of'];
  const article = (id: string, of = ''): string[] => [id, `Title of ${id}`, '<p>x</p>', 'General', of];

  test('originals come before translations wherever they stand; a translation of a translation is BAD_FORMAT', async () => {
    const { rows, stored, portal, proofs } = await imported({
      'Articles.csv': csvText(header, [
        article('ja', 'en'),
        article('ja-of-ja', 'ja'),
        article('en'),
        article('lost', 'none'),
        ['broken', '', 'x', 'General', ''],
        article('of-broken', 'broken'),
        article('en'),
      ]),
    });
    expect(verdicts(rows('articles'))).toEqual({
      ja: 'created',
      'ja-of-ja': 'failed BAD_FORMAT Translation Of',
      en: 'skipped DUPLICATE_ROW',
      lost: 'failed MISSING_REFERENCE Translation Of',
      broken: 'failed MISSING_REQUIRED Title',
      'of-broken': 'failed PARENT_FAILED Translation Of',
    });
    expect(await stored('articles', 'ja')).toMatchObject({ translationOf: `${portal}/files/en` });
    expect(proofs.articles).toMatchObject({
      discrepancies: 0,
      counts: { source: 7, created: 2, skipped: 1, failed: 4 },
    });
  });

  test('a barrier stands between originals and translations', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, {
      'Articles.csv': csvText(header, [article('ja', 'en'), article('en')]),
    });
    const run = { request, phase: 'phase-1' as const, tab: 'articles' as const };
    await engine.activities.planPhase(run);
    expect(await engine.activities.stageTab(run)).toEqual({ segments: 2, records: 2 });
    expect(await engine.activities.planImport({ ...run, after: 0 })).toEqual({
      groups: [
        { from: 1, to: 1, records: 1 },
        { from: 2, to: 2, records: 1 },
      ],
      barriers: [1],
      next: null,
    });
    expect(await engine.activities.planImport({ ...run, after: 1 })).toMatchObject({ barriers: [0] });
  });
});

test('C2: of a small tab several groups are made, so that several workers have something of it', async () => {
  const portal = await makePortal(engine);
  const rows = Array.from({ length: 2 * SEGMENT_RECORDS + 1 }, (_, index) => [`c${index}`, 'L']);
  const request = await makeRequest(engine, portal, {
    'Contacts.csv': csvText(['ContactExtId', 'Last Name'], rows),
  });
  const run = { request, phase: 'phase-1' as const, tab: 'contacts' as const };
  await engine.activities.planPhase(run);
  await engine.activities.stageTab(run);
  const { groups } = await engine.activities.planImport({ ...run, after: 0 });
  expect(groups.map(({ from, to, records }) => [from, to, records])).toEqual([
    [1, 1, SEGMENT_RECORDS],
    [2, 2, SEGMENT_RECORDS],
    [3, 3, 1],
  ]);
});

describe('C6: what failed is handed back as it was', () => {
  test('verbatim, in the source’s own columns, with where and why; rows that cannot be read byte by byte', async () => {
    const text = Buffer.concat([
      Buffer.from(
        'ContactExtId;Last Name;Note\r\nc1;L;fine\r\nc2;;"=1+1;\r\nsecond ""line"""\r\nc3;L;a"b\r\n',
      ),
      Buffer.from('c4;L;'),
      Buffer.of(0xff, 0xfe, 0x0d, 0x0a),
      Buffer.from('c5;L;fine\r\n'),
    ]);
    const { files, rows, proofs } = await imported({ 'Contacts.csv': text }, undefined, {
      'Contacts.csv': 'utf-8',
    });
    expect(rowsOf(files.get('failed/Contacts.csv'))).toEqual([
      {
        ContactExtId: 'c2',
        'Last Name': '',
        Note: '=1+1;\r\nsecond "line"',
        deskferry_file: 'Contacts.csv',
        deskferry_row: '2',
        deskferry_code: 'MISSING_REQUIRED',
        deskferry_column: 'Last Name',
        deskferry_message: 'Last Name is empty',
      },
    ]);
    expect(files.get('failed/Contacts.unreadable')).toEqual(
      Buffer.concat([Buffer.from('c3;L;a"b\r\nc4;L;'), Buffer.of(0xff, 0xfe, 0x0d, 0x0a)]),
    );
    expect(rows('contacts').map((row) => `${row['row']} ${row['result']} ${row['code']}`)).toEqual([
      '1 created ',
      '2 failed MISSING_REQUIRED',
      '3 failed MALFORMED_ROW',
      '4 failed BAD_ENCODING',
      '5 created ',
    ]);
    expect(proofs.contacts).toMatchObject({ discrepancies: 0, counts: { source: 5, created: 2, failed: 3 } });
  });

  test('a file in a ZIP is named by its path there; two of one name are told apart', async () => {
    const broken = csvText(['ContactExtId', 'Last Name'], [['c1', '']]);
    const other = csvText(['ContactExtId', 'Last Name'], [['c2', '']]);
    const { files, rows } = await imported({
      'Contacts.csv': broken,
      'bundle.zip': await zipOf({ 'Contacts.csv': other }),
      'deep.zip': await zipOf({
        'export/Products.csv': csvText(['ProductExtId', 'Product Name'], [['p1', '']]),
      }),
    });
    expect(rows('contacts').map((row) => row['file'])).toEqual(['Contacts.csv', 'bundle.zip/Contacts.csv']);
    expect([...files.keys()].filter((name) => name.startsWith('failed/')).toSorted()).toEqual([
      'failed/Contacts.csv',
      'failed/bundle.zip/Contacts.csv',
      'failed/export/Products.csv',
    ]);
  });
});
