import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  type Row,
  rowsOf,
  runPhase,
  sendReply,
  startEngine,
  zipOf,
} from '../test/import-engine.ts';
import type { ImageCounts, WrittenReport } from './import-activities.ts';
import { verifyReport } from './verify-report.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
}, 120_000);
afterAll(() => engine.stop());

const CONTACTS = csvText(['ContactExtId', 'Last Name'], [['c1', 'One']]);
const TICKET = ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time', 'Description', 'Resolution'];
const COMMENT = ['CommentExtId', 'TicketExtId', 'Content', 'Content Type'];
const THREAD = [
  'ThreadExtId',
  'TicketExtId',
  'Content',
  'Sent Date Time',
  'Received Time',
  'Sender Email',
  'Direction',
  'Is Private',
  'From Email Address',
];
const ATTACHMENT = [
  'AttachmentExtId',
  'TicketExtId',
  'ThreadExtId',
  'CommentExtId',
  'File Name',
  'File Path',
  'Content ID',
];
const AT = '2024-05-31T00:00:00.000Z';
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const ticket = (id: string, description = '', resolution = ''): string[] => [
  id,
  'c1',
  id,
  AT,
  description,
  resolution,
];
const comment = (id: string, of: string, content: string): string[] => [id, of, content, 'html'];
const thread = (id: string, of: string, content: string): string[] => [
  id,
  of,
  content,
  AT,
  AT,
  'a@customer.example',
  'In',
  'no',
  'a@customer.example',
];
/** @param of ticket, thread, comment */
const attachment = (
  id: string,
  of: readonly [string, string, string],
  name: string,
  path: string,
  cid = '',
): string[] => [id, ...of, name, path, cid];
const img = (...urls: string[]): string => urls.map((url) => `<p>x <img src="${url}"></p>`).join('\n');

interface Read {
  portal: string;
  request: string;
  report: WrittenReport;
  files: Map<string, Buffer>;
  images: ImageCounts;
  /** of inline-images.csv: external id, reference, why */
  open: string[];
  rows: Row[];
}

async function read(portal: string, request: string, report: WrittenReport): Promise<Read> {
  const files = await readReport(engine, request, report);
  const { inlineImages } = JSON.parse(String(files.get('summary.json'))) as { inlineImages: ImageCounts };
  const rows = files.has('inline-images.csv') ? rowsOf(files.get('inline-images.csv')) : [];
  const open = rows.map((row) => `${row['external_id']} ${row['reference']} ${row['why']}`);
  return { portal, request, report, files, images: inlineImages, open, rows };
}

async function imported(files: Record<string, string | Buffer>, scope = 'files'): Promise<Read> {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, files, { scope });
  const { report, proofs } = await runPhase(engine, request);
  // D2: what is kept beside the records disturbs no proof
  for (const proof of Object.values(proofs)) expect(proof.discrepancies).toBe(0);
  return read(portal, request, report);
}

/** What the desk keeps beside a record: reference -> external id of the attachment. */
async function beside(portal: string, tab: string, id: string): Promise<Record<string, string>> {
  const found = await engine.db
    .collection<{ _id: string; images: { reference: string; attachmentId: string }[] }>('inlineImages')
    .findOne({ _id: `${tab}/${portal}/files/${id}` });
  return Object.fromEntries(
    (found?.images ?? []).map(({ reference, attachmentId }) => [
      reference,
      attachmentId.split('/').at(-1) ?? '',
    ]),
  );
}

function bundle(attachments: string[][], files: readonly string[]): Promise<Buffer> {
  return zipOf({
    'Attachments.csv': csvText(ATTACHMENT, attachments),
    ...Object.fromEntries(files.map((path) => [path, `content of ${path}`])),
  });
}

describe('C4: images in bodies', () => {
  test('cid: by Content ID, by file name, and those of the same message first', async () => {
    const { portal, images, open } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img('cid:logo@mail'), img('cid:a%20b@x')), ticket('t2')]),
      'Threads.csv': csvText(THREAD, [
        thread('th1', 't1', img('cid:image001.png@01D9')),
        thread('th2', 't1', `Plain: [cid:image001.png@01DA]`),
        thread('th3', 't1', img('cid:image001.png@01DB')),
        thread('th4', 't2', img('cid:logo@mail')),
      ]),
      'bundle.zip': await bundle(
        [
          attachment('a1', ['t1', '', ''], 'logo.png', 'f/logo.png', '<logo@mail>'),
          attachment('a2', ['', 'th1', ''], 'image001.png', 'f/1.png'),
          attachment('a3', ['t1', 'th2', ''], 'Image001.PNG', 'f/2.png'),
          attachment('a4', ['t1', '', ''], 'x.png', 'f/3.png', 'a b@x'),
        ],
        ['f/logo.png', 'f/1.png', 'f/2.png', 'f/3.png'],
      ),
    });
    expect(await beside(portal, 'tickets', 't1')).toEqual({ 'cid:logo@mail': 'a1', 'cid:a%20b@x': 'a4' });
    expect(await beside(portal, 'threads', 'th1')).toEqual({ 'cid:image001.png@01D9': 'a2' });
    expect(await beside(portal, 'threads', 'th2')).toEqual({ 'cid:image001.png@01DA': 'a3' });
    // two of the ticket could be meant; and another ticket's are not this one's
    expect(open).toEqual(['th3 cid:image001.png@01DB AMBIGUOUS', 'th4 cid:logo@mail NOT_FOUND']);
    expect(images).toEqual({ bodies: 5, shown: 4, embedded: 0, notShown: { AMBIGUOUS: 1, NOT_FOUND: 1 } });
  });

  test('links by external id, path and file name; of attachments with one content any will do', async () => {
    const urls = [
      'https://old.example/attachments/77/preview?size=2&amp;x=1',
      '/attachments/token/s3cret/?name=shot+1.png',
      'files/t1/by%20path.png',
      'by-name.png',
      'twice.png',
    ];
    const content = `${img(...urls)}<a href="https://old.example/attachments/78">report</a> <a href="https://old.example/download?id=79">x</a>`;
    const zip = await zipOf({
      'Attachments.csv': csvText(ATTACHMENT, [
        attachment('77', ['t1', '', ''], 'a.png', 'a'),
        attachment('78', ['', '', 'c1'], 'b.pdf', 'b'),
        attachment('79', ['t1', '', ''], 'c.png', 'c'),
        attachment('80', ['t1', '', ''], 'shot 1.png', 'd'),
        attachment('81', ['t1', '', ''], 'e.png', 'files/t1/by path.png'),
        attachment('82', ['t1', '', ''], 'by-name.png', 'f'),
        attachment('83', ['t1', '', ''], 'twice.png', 'same/1'),
        attachment('84', ['t1', '', ''], 'twice.png', 'same/2'),
      ]),
      ...Object.fromEntries(['a', 'b', 'c', 'd', 'files/t1/by path.png', 'f'].map((path) => [path, path])),
      'same/1': 'one content',
      'same/2': 'one content',
    });
    const { portal, open, files } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1')]),
      'Comments.csv': csvText(COMMENT, [comment('c1', 't1', content)]),
      'bundle.zip': zip,
    });
    expect(open).toEqual([]);
    expect(files.has('inline-images.csv')).toBe(false);
    expect(await beside(portal, 'comments', 'c1')).toEqual({
      [urls[0] ?? '']: '77',
      'https://old.example/attachments/78': '78',
      'https://old.example/download?id=79': '79',
      [urls[1] ?? '']: '80',
      [urls[2] ?? '']: '81',
      [urls[3] ?? '']: '82',
      [urls[4] ?? '']: '83',
    });
    // the body stays as it was
    expect((await engine.desk.read(portal, 'files', 'comments', ['c1']))[0]?.fields['content']).toBe(content);
  });

  test('what cannot be shown is listed with its reason, safe to open and without secrets', async () => {
    const { open, images, rows, request, report, files } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img(PIXEL, PIXEL.slice(0, -3), '=1+2.png'))]),
      'Comments.csv': csvText(COMMENT, [
        comment(
          'c1',
          't1',
          img(
            'https://cdn.example/p.gif?user=secret',
            'cid:failed',
            '//cdn.example/q.gif',
            'file:///C:/x.png',
          ),
        ),
        comment(
          'c2',
          't1',
          'See <a href="https://shop.example/products/77">77</a> and <a href="https://old.example/attachments/78">it</a>',
        ),
        comment('bad', 'none', img('cid:nobody')),
      ]),
      'Articles.csv': csvText(
        ['ArticleExtId', 'Title', 'Answer', 'Category'],
        [['ar1', 'T', img('/hc/1.png', PIXEL), 'C']],
      ),
      'bundle.zip': await bundle(
        [
          attachment('77', ['t1', '', ''], 'failed.png', 'missing', 'failed'),
          attachment('78', ['t1', '', ''], 'report.pdf', 'missing too'),
        ],
        [],
      ),
    });
    expect(open).toEqual([
      'ar1 /hc/1.png NOT_FOUND',
      'c1 https://cdn.example/p.gif REMOTE',
      'c1 cid:failed ATTACHMENT_FAILED',
      'c1 //cdn.example/q.gif REMOTE',
      'c1 file:///C:/x.png NOT_FOUND',
      'c2 https://old.example/attachments/78 ATTACHMENT_FAILED',
      "t1 '=1+2.png NOT_FOUND",
      't1 data:image/png;base64,… MALFORMED',
    ]);
    expect(rows[1]).toMatchObject({ tab: 'comments', file: 'Comments.csv', row: '1' });
    expect(images).toEqual({
      bodies: 4,
      shown: 0,
      embedded: 2,
      notShown: { NOT_FOUND: 3, REMOTE: 2, ATTACHMENT_FAILED: 2, MALFORMED: 1 },
    });
    expect(String(files.get('summary.html'))).toContain(
      'On another host: shown as long as that host serves it',
    );

    // verify-report counts them again
    const folder = await mkdtemp(join(tmpdir(), 'deskferry-images-'));
    const path = join(folder, 'report.zip');
    const kept = await engine.stores.reports.find(request, report.name, report.version);
    await writeFile(path, await engine.storage.get(kept?.storageKey ?? ''));
    expect((await verifyReport(path)).problems).toEqual([]);
    await writeFile(
      path,
      await zipOf({
        ...Object.fromEntries(files),
        'inline-images.csv': csvText(['tab', 'file', 'row', 'external_id', 'reference', 'why'], []),
      }),
    );
    expect((await verifyReport(path)).problems).toContain(
      'inline-images.csv has 0 REMOTE, the summary says 2',
    );
    await rm(folder, { recursive: true });
  });

  test('D3: again finds the same, and makes no other report', async () => {
    const { portal, request, report, files } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img('cid:a', 'cid:b'))]),
      'bundle.zip': await bundle([attachment('a1', ['t1', '', ''], 'a', 'a', 'a')], ['a']),
    });
    const run = { request, phase: 'phase-1' } as const;
    const once = await engine.activities.resolveImages(run);
    expect(await engine.activities.resolveImages(run)).toEqual(once);
    expect(await engine.activities.writeReport(run)).toEqual(report);
    expect(await readReport(engine, request, report)).toEqual(files);
    expect(await beside(portal, 'tickets', 't1')).toEqual({ 'cid:a': 'a1' });
  });

  test('E3: an attachment that comes in phase 2 is shown in bodies of phase 1; a body without images any more has none', async () => {
    const first = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img('cid:late')), ticket('t2', img('cid:gone'))]),
      'bundle.zip': await bundle(
        [
          attachment('a1', ['t1', '', ''], 'late.png', 'late.png', 'late'),
          attachment('a2', ['t2', '', ''], 'gone.png', 'gone.png', 'gone'),
        ],
        ['gone.png'],
      ),
    });
    const { portal, request } = first;
    expect(first.open).toEqual(['t1 cid:late ATTACHMENT_FAILED']);
    expect(await beside(portal, 'tickets', 't2')).toEqual({ 'cid:gone': 'a2' });
    await sendReply(engine, request, 'r1', {
      'Tickets.csv': csvText(TICKET, [ticket('t2', 'no images')]),
      'mended.zip': await zipOf({ 'late.png': 'it came', 'Notes.txt': 'x' }),
    });
    const { report } = await runPhase(engine, request, 'phase-2');
    const second = await read(portal, request, report);
    expect(second.open).toEqual([]);
    expect(second.images).toEqual({ bodies: 1, shown: 1, embedded: 0, notShown: {} });
    expect(await beside(portal, 'tickets', 't1')).toEqual({ 'cid:late': 'a1' });
    expect(await beside(portal, 'tickets', 't2')).toEqual({});
  });

  test('F1, F5: what is kept beside records goes with them, what was noted of a request with its erasure', async () => {
    const { portal, request } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img('cid:a'))]),
      'bundle.zip': await bundle([attachment('a1', ['t1', '', ''], 'a', 'a', 'a')], ['a']),
    });
    await engine.desk.remove('tickets', [`${portal}/files/t1`], request);
    expect(await beside(portal, 'tickets', 't1')).toEqual({});
    await engine.stores.erasure.request(request, () => {});
    for (const name of ['bodyImages', 'ticketFiles', 'keptTicketFiles']) {
      expect(
        await engine.db
          .collection<{ _id: string }>(name)
          .countDocuments({ _id: { $gt: `${request}/`, $lt: `${request}0` } }),
      ).toBe(0);
    }
  });

  test('what an earlier request found for a body that is unchanged still counts', async () => {
    const portal = await makePortal(engine);
    const bodies = {
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [ticket('t1', img('cid:a'))]),
    };
    const zip = await bundle([attachment('a1', ['t1', '', ''], 'a', 'a', 'a')], ['a']);
    await runPhase(engine, await makeRequest(engine, portal, { ...bodies, 'bundle.zip': zip }));
    const request = await makeRequest(engine, portal, bodies);
    const again = await read(portal, request, (await runPhase(engine, request)).report);
    expect(again.images).toEqual({ bodies: 1, shown: 1, embedded: 0, notShown: {} });
    expect(await beside(portal, 'tickets', 't1')).toEqual({ 'cid:a': 'a1' });
  });

  test('bodies without images leave no trace; one of phase 2 finds the attachments of phase 1', async () => {
    const { images, files, request, portal } = await imported({
      'Contacts.csv': CONTACTS,
      'Tickets.csv': csvText(TICKET, [
        ticket('t1', '<p>Hello (all), <a href="https://a.example/1">1</a>: 2 = 3</p>'),
      ]),
      'bundle.zip': await bundle([attachment('a1', ['t1', '', ''], 'a', 'a', 'a')], ['a']),
    });
    expect(images).toEqual({ bodies: 0, shown: 0, embedded: 0, notShown: {} });
    expect(files.has('inline-images.csv')).toBe(false);
    expect(await engine.stores.bodyImages.areFilesKept(request, 'phase-1')).toBe(false);

    await sendReply(engine, request, 'r1', {
      'Comments.csv': csvText(COMMENT, [comment('c1', 't1', img('cid:a'))]),
    });
    await runPhase(engine, request, 'phase-2');
    expect(await beside(portal, 'comments', 'c1')).toEqual({ 'cid:a': 'a1' });
  });
});
