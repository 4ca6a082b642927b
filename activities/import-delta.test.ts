import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addNativeRecords } from '../desk/embedded/portals.ts';
import type { DeskDocument } from '../desk/embedded/desk-document.ts';
import { TAB_TITLES, type Tab } from '../domain/tab.ts';
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

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const TIME = '2024-01-01T00:00:00Z';
const HEADER = ['ContactExtId', 'Last Name', 'Email'];
const contacts = (...rows: string[][]): string => csvText(HEADER, rows);

type Files = Record<string, string | Uint8Array>;

/** Runs phase 1 with files; then, after what happens in between, phase 2 with the replies in order. */
async function bothPhases(
  first: Files,
  replies: readonly Files[],
  between: (portal: string, request: string) => Promise<unknown> = async () => {},
) {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, first);
  const one = await runPhase(engine, request);
  const handedBack = await readReport(engine, request, one.report);
  await between(portal, request);
  for (const [index, files] of replies.entries()) await sendReply(engine, request, `r${index}`, files);
  const two = await runPhase(engine, request, 'phase-2');
  const files = await readReport(engine, request, two.report);
  const rows = (tab: Tab): Row[] => rowsOf(files.get(`${TAB_TITLES[tab]}.csv`));
  const results = (tab: Tab): string[] =>
    rows(tab).map(({ file, row, external_id, result, code }) =>
      `${file} ${row} ${external_id} ${result} ${code}`.trim(),
    );
  const stored = async (tab: Tab, id: string) =>
    (await engine.desk.read(portal, 'files', tab, [id]))[0]?.fields;
  return { portal, request, one, two, files, handedBack, rows, results, stored };
}

const desk = (tab: Tab) => engine.db.collection<DeskDocument>(tab);

describe('E3: phase 2 imports what phase 1 did not', () => {
  test('records as large as they may be, changed and edited, mended and still too large, are told apart as well', async () => {
    const notes = (id: string, character: string, bytes = 15_500_000): string[] => [
      id,
      id,
      character.repeat(bytes / Buffer.byteLength(character)),
    ];
    const header = ['ContactExtId', 'Last Name', 'Notes'];
    const { results, one, two, stored } = await bothPhases(
      {
        'Contacts.csv': csvText(header, [
          notes('changed', 'a'),
          notes('edited', '件'),
          notes('same', 'é'),
          notes('mended', 'x', 16_000_000),
          notes('larger', 'a', 9_000_000),
        ]),
      },
      [
        {
          'Contacts.csv': csvText(header, [
            notes('changed', '件'),
            notes('edited', 'b'),
            notes('same', 'é'),
            notes('mended', 'y', 9_000_000),
            notes('larger', 'z', 16_000_000),
          ]),
        },
      ],
      async (portal) => {
        await desk('contacts').updateOne({ _id: `${portal}/files/edited` }, { $set: { lastName: 'Edited' } });
      },
    );
    expect(one.proofs.contacts).toMatchObject({
      counts: { created: 4, failed: 1 },
      digestsMatch: true,
      discrepancies: 0,
    });
    expect(results('contacts')).toEqual([
      'Contacts.csv 1 changed updated',
      'Contacts.csv 2 edited skipped EDITED_IN_DESK',
      'Contacts.csv 3 same unchanged',
      'Contacts.csv 4 mended created',
      'Contacts.csv 5 larger failed TOO_LARGE',
    ]);
    expect(two.proofs.contacts).toMatchObject({ digestsMatch: true, discrepancies: 0 });
    const noted = async (id: string): Promise<string> =>
      String((await stored('contacts', id))?.['customFields']?.['Notes' as never]).slice(0, 2);
    expect(await Promise.all(['changed', 'edited', 'mended', 'larger'].map(noted))).toEqual([
      '件件',
      '件件',
      'yy',
      'aa',
    ]);
  }, 120_000);

  test('new is created, changed updated, same unchanged, edited in the desk skipped, deleted there not made again', async () => {
    const row = (id: string, name = id): string[] => [id, name, ''];
    const { results, stored, two } = await bothPhases(
      {
        'Contacts.csv': contacts(
          row('same'),
          row('changed'),
          row('edited'),
          row('edited-same'),
          row('deleted'),
          row('gone-same'),
        ),
      },
      [
        {
          'Contacts.csv': contacts(
            row('same'),
            row('changed', 'Changed'),
            row('edited', 'Changed too'),
            row('edited-same'),
            row('deleted', 'Changed'),
            row('gone-same'),
            row('new'),
          ),
        },
      ],
      async (portal) => {
        await desk('contacts').updateOne(
          { _id: `${portal}/files/edited` },
          { $set: { lastName: 'By hand' } },
        );
        await desk('contacts').updateOne(
          { _id: `${portal}/files/edited-same` },
          { $set: { lastName: 'By hand' } },
        );
        await desk('contacts').deleteOne({ _id: `${portal}/files/deleted` });
        await desk('contacts').deleteOne({ _id: `${portal}/files/gone-same` });
      },
    );
    expect(results('contacts')).toEqual([
      'Contacts.csv 1 same unchanged',
      'Contacts.csv 2 changed updated',
      'Contacts.csv 3 edited skipped EDITED_IN_DESK',
      'Contacts.csv 4 edited-same unchanged',
      'Contacts.csv 5 deleted skipped DELETED_IN_DESK',
      'Contacts.csv 6 gone-same skipped DELETED_IN_DESK',
      'Contacts.csv 7 new created',
    ]);
    expect(await stored('contacts', 'changed')).toMatchObject({ lastName: 'Changed' });
    expect(await stored('contacts', 'edited')).toMatchObject({ lastName: 'By hand' });
    expect(await stored('contacts', 'edited-same')).toMatchObject({ lastName: 'By hand' });
    expect(await stored('contacts', 'deleted')).toBeUndefined();
    expect(two.proofs.contacts).toMatchObject({
      digestsMatch: true,
      discrepancies: 0,
      counts: { source: 7 },
    });
  });

  test('a failed record without mended data is tried once more as it was: its parent may have come', async () => {
    const { results, two } = await bothPhases(
      {
        'Contacts.csv': contacts(['c1', '', ''], ['c2', 'L', 'not a mail']),
        'Tickets.csv': csvText(
          ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time'],
          [
            ['t1', 'c1', 'S', TIME],
            ['t2', 'c2', 'S', TIME],
            ['t3', 'later', 'S', TIME],
          ],
        ),
      },
      [{ 'Contacts_02.csv': contacts(['c1', 'Mended', ''], ['later', 'L', '']) }],
    );
    expect(results('contacts')).toEqual([
      'Contacts_02.csv 1 c1 created',
      'Contacts_02.csv 2 later created',
      'Contacts.csv 2 c2 failed BAD_FORMAT',
    ]);
    expect(results('tickets')).toEqual([
      'Tickets.csv 1 t1 created',
      'Tickets.csv 2 t2 failed PARENT_FAILED',
      'Tickets.csv 3 t3 created',
    ]);
    expect(two.proofs.tickets).toMatchObject({
      discrepancies: 0,
      counts: { source: 3, created: 2, failed: 1 },
    });
  });

  test('C6: a handed-back file replaces exactly the rows it names, whatever their ids are now', async () => {
    const first = {
      'Contacts.csv': contacts(['c1', 'First', ''], ['c1', 'Second', ''], ['', 'No id', ''], ['c4', '', '']),
    };
    const { results, handedBack, two, files } = await bothPhases(first, []);
    expect(results('contacts')).toEqual([
      'Contacts.csv 2 c1 failed DUPLICATE_ID',
      'Contacts.csv 3  failed MISSING_REQUIRED',
      'Contacts.csv 4 c4 failed MISSING_REQUIRED',
    ]);
    expect(two.proofs.contacts?.counts).toMatchObject({ source: 3, failed: 3 });
    expect(rowsOf(files.get('failed/Contacts.csv'))).toHaveLength(3);

    const returned = rowsOf(handedBack.get('failed/Contacts.csv'));
    const [doubled, idless] = returned;
    const mended = [
      { ...doubled, ContactExtId: 'c1-second' },
      { ...idless, ContactExtId: 'c3' },
    ] as Row[];
    const header = Object.keys(returned[0] ?? {});
    const text = csvText(
      header,
      mended.map((row) => header.map((name) => row[name] ?? '')),
    );
    const again = await bothPhases(first, [{ 'Contacts (1).csv': text, 'Contacts.csv': text }]);
    expect(again.results('contacts')).toEqual([
      'Contacts.csv 1 c1-second created',
      'Contacts.csv 2 c3 created',
      'Contacts.csv 4 c4 failed MISSING_REQUIRED',
    ]);
    expect(again.two.proofs.contacts).toMatchObject({
      discrepancies: 0,
      counts: { source: 3, created: 2, failed: 1 },
    });
    const failed = rowsOf(
      again.files.get('failed/Contacts (2).csv') ?? again.files.get('failed/Contacts.csv'),
    );
    expect(Object.keys(failed[0] ?? {})).toEqual([
      ...HEADER,
      'deskferry_file',
      'deskferry_row',
      'deskferry_code',
      'deskferry_column',
      'deskferry_message',
    ]);
  });

  test('of several replies the latest row wins; the others are superseded and listed apart', async () => {
    const { results, stored, files, two } = await bothPhases(
      { 'Contacts.csv': contacts(['c1', '', ''], ['c2', 'L', '']) },
      [
        {
          'Contacts_a.csv': 'x',
          'Contacts.csv': contacts(['c1', 'Early', ''], ['c2', 'Early', ''], ['c3', 'Early', '']),
        },
        { 'Contacts.csv': contacts(['c1', 'Late', ''], ['c3', '', '']) },
      ],
    );
    expect(results('contacts')).toEqual([
      'Contacts.csv 1 c1 created',
      'Contacts.csv 2 c3 failed MISSING_REQUIRED',
      'Contacts.csv (2) 2 c2 updated',
    ]);
    expect(await stored('contacts', 'c1')).toMatchObject({ lastName: 'Late' });
    expect(rowsOf(files.get('superseded.csv'))).toEqual([
      { tab: 'contacts', file: 'Contacts.csv (2)', row: '1', external_id: 'c1' },
      { tab: 'contacts', file: 'Contacts.csv (2)', row: '3', external_id: 'c3' },
    ]);
    expect(two.proofs.contacts).toMatchObject({
      discrepancies: 0,
      counts: { source: 3, created: 1, updated: 1, failed: 1 },
    });
    expect(files.get('summary.html')?.toString()).toContain('Contacts_a.csv');
  });

  test('a row that failed once and is mended counts as imported for its children', async () => {
    const { results } = await bothPhases({ 'Contacts.csv': contacts(['c1', '', '']) }, [
      {
        'Contacts.csv': contacts(['c1', 'Mended', '']),
        'Tickets.csv': csvText(
          ['TicketExtId', 'ContactExtId', 'Subject', 'Created Time'],
          [
            ['t1', 'c1', 'S', TIME],
            ['t2', 'c9', 'S', TIME],
          ],
        ),
      },
    ]);
    expect(results('tickets')).toEqual([
      'Tickets.csv 1 t1 created',
      'Tickets.csv 2 t2 failed MISSING_REFERENCE',
    ]);
  });

  test('rows that could not be read count again, and a mended one is a record of the reply', async () => {
    const { results, files, two } = await bothPhases(
      { 'Contacts.csv': `${contacts(['c1', 'L', ''])}c2,L"x,\n` },
      [{ 'Contacts_02.csv': contacts(['c2', 'Lx', '']) }],
    );
    expect(results('contacts')).toEqual([
      'Contacts_02.csv 1 c2 created',
      'Contacts.csv 2  failed MALFORMED_ROW',
    ]);
    expect(files.get('failed/Contacts.unreadable')?.toString()).toBe('c2,L"x,\n');
    expect(two.proofs.contacts).toMatchObject({
      discrepancies: 0,
      counts: { source: 2, created: 1, failed: 1 },
    });
  });

  test('a missing attachment file may come with a reply', async () => {
    const attachments = csvText(
      ['AttachmentExtId', 'TicketExtId', 'File Name', 'File Path'],
      [['a1', 't1', 'x', 'x.txt']],
    );
    const { results } = await bothPhases(
      {
        'Contacts.csv': contacts(['c1', 'L', '']),
        'Tickets.csv': csvText(['TicketExtId', 'ContactExtId', 'Subject'], [['t1', 'c1', 'S']]),
        'Attachments.csv': attachments,
      },
      [{ 'files.zip': await zipOf({ 'x.txt': 'x' }) }],
    );
    expect(results('attachments')).toEqual(['Attachments.csv 1 a1 created']);
  });

  test('C9: a contact mapped in phase 1 stays mapped; one created in phase 1 is not mapped later', async () => {
    const { results } = await bothPhases(
      { 'Contacts.csv': contacts(['m1', 'L', 'before@x.example'], ['o1', 'L', 'own@x.example']) },
      [{ 'Contacts.csv': contacts(['m1', 'L', 'changed@x.example'], ['o1', 'Changed', 'own@x.example']) }],
      (portal) =>
        addNativeRecords(engine.db, portal, 'contacts', [
          { id: 'n', fields: { lastName: 'N', email: 'own@x.example' } },
        ]),
    );
    expect(results('contacts')).toEqual(['Contacts.csv 1 m1 updated', 'Contacts.csv 2 o1 updated']);
    const portal = await makePortal(engine);
    await addNativeRecords(engine.db, portal, 'contacts', [
      { id: 'n', fields: { lastName: 'N', email: 'before@x.example' } },
    ]);
    const request = await makeRequest(engine, portal, {
      'Contacts.csv': contacts(['m1', 'L', 'before@x.example']),
    });
    await runPhase(engine, request);
    await sendReply(engine, request, 'r', { 'Contacts.csv': contacts(['m1', 'L', 'changed@x.example']) });
    const { report } = await runPhase(engine, request, 'phase-2');
    const [row] = rowsOf((await readReport(engine, request, report)).get('Contacts.csv'));
    expect(row).toMatchObject({ result: 'unchanged', desk_id: `${portal}/desk/n` });
  });

  test('articles: originals before translations, also among what failed before', async () => {
    const header = ['ArticleExtId', 'Title', 'Answer', 'Category', 'Translation Of'];
    const { results, two } = await bothPhases(
      {
        'Articles.csv': csvText(header, [
          ['ja', 'T', 'A', 'C', 'en'],
          ['en', '', 'A', 'C', ''],
        ]),
      },
      [
        {
          'Articles.csv': csvText(header, [
            ['fr', 'T', 'A', 'C', 'en'],
            ['en', 'T', 'A', 'C', ''],
          ]),
        },
      ],
    );
    expect(results('articles').toSorted()).toEqual(
      ['Articles.csv 2 en created', 'Articles.csv 1 fr created', 'Articles.csv 1 ja created'].toSorted(),
    );
    expect(two.proofs.articles).toMatchObject({ discrepancies: 0, counts: { source: 3, created: 3 } });
  });
});

test('E3: what an earlier version imported, whose ledger holds no sets of ids, is known in phase 2', async () => {
  const { results } = await bothPhases(
    { 'Contacts.csv': contacts(['C1', 'One', ''], ['C2', 'Two', '']) },
    [{ 'Contacts.csv': contacts(['C1', 'One', ''], ['C2', 'Changed', ''], ['C3', 'New', '']) }],
    async (portal, request) => {
      await engine.db
        .collection('segments')
        .updateMany({ _id: { $gt: request } as never }, { $unset: { ids: '' } });
      await engine.activities.foldImported({ request, phase: 'phase-1' });
      await desk('contacts').deleteOne({ _id: `${portal}/files/C2` });
    },
  );
  expect(results('contacts')).toEqual([
    'Contacts.csv 1 C1 unchanged',
    'Contacts.csv 2 C2 skipped DELETED_IN_DESK',
    'Contacts.csv 3 C3 created',
  ]);
});
