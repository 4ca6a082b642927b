import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TabDigest } from '../domain/digest.ts';
import { plainCell } from '../domain/report-cell.ts';
import {
  type Body,
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  rowsOf,
  runPhase,
  startEngine,
  zipOf,
  SIGNER,
} from '../test/import-engine.ts';
import { createReportSigner } from '../store/report-signature.ts';
import { ImportError } from './errors.ts';
import { verifyReport } from './verify-report.ts';

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await startEngine();
  folder = await mkdtemp(join(tmpdir(), 'deskferry-report-'));
});
afterAll(async () => {
  await engine.stop();
  await rm(folder, { recursive: true });
});

const TIME = '2024-01-01T00:00:00Z';
const FILES = {
  'Contacts.csv': csvText(
    ['ContactExtId', 'Last Name', 'Note <b>'],
    [
      ['c1', 'L', ''],
      ['=1+1', 'L', ''],
      ["'=quoted", 'L', ''],
      ['@at', '', '=cmd|x'],
    ],
  ),
  'Tickets.csv': csvText(
    ['TicketExtId', 'ContactExtId', 'Subject', 'Department', 'Assignee Email', 'Created Time'],
    [
      ['t1', 'c1', 'S', 'Nowhere', 'gone@x.example', ''],
      ['t2', '@at', 'S', '', '', TIME],
    ],
  ),
};

async function reported(
  files: Readonly<Record<string, Body>> = FILES,
  options: Parameters<typeof makeRequest>[3] = {},
) {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, files, options);
  const { report } = await runPhase(engine, request);
  return { portal, request, report, files: await readReport(engine, request, report) };
}

describe('C7: the report', () => {
  test('a file per chosen tab with a row per record and exactly these columns', async () => {
    const { files, portal } = await reported(FILES, {
      tabs: ['contacts', 'tickets'],
      omit: ['threads', 'attachments'],
    });
    expect([...files.keys()].toSorted()).toEqual([
      'Comments.csv',
      'Contacts.csv',
      'Tickets.csv',
      'failed/Contacts.csv',
      'failed/Tickets.csv',
      'summary.html',
      'summary.json',
      'summary.sig',
    ]);
    const rows = rowsOf(files.get('Tickets.csv'));
    expect(Object.keys(rows[0] ?? {})).toEqual([
      'file',
      'row',
      'external_id',
      'desk_id',
      'result',
      'code',
      'column',
      'message',
      'warnings',
      'digest',
    ]);
    expect(rows[0]).toMatchObject({
      file: 'Tickets.csv',
      row: '1',
      external_id: 't1',
      desk_id: `${portal}/files/t1`,
      result: 'created',
      code: '',
      warnings: 'OWNER_FALLBACK;DEPARTMENT_FALLBACK;TIME_DEFAULTED',
    });
    expect(rows[1]).toMatchObject({
      result: 'failed',
      code: 'PARENT_FAILED',
      column: 'ContactExtId',
      desk_id: '',
      digest: '',
    });
  });

  test('the summary says request, phase, portal, times and per tab the counts and digests, and its digest is that of the rows', async () => {
    const { files, portal, request } = await reported();
    const summary = JSON.parse(files.get('summary.json')?.toString() ?? '') as Record<string, unknown> & {
      tabs: Record<string, Record<string, unknown>>;
    };
    expect(Object.keys(summary)).toEqual([
      'request',
      'phase',
      'portal',
      'startedAt',
      'endedAt',
      'tabs',
      'inlineImages',
      'files',
    ]);
    expect(summary).toMatchObject({ request, phase: 'phase-1', portal });
    const digest = new TabDigest();
    for (const row of rowsOf(files.get('Tickets.csv'))) {
      if (row['digest'] !== '')
        digest.add(plainCell(row['external_id'] ?? ''), plainCell(row['digest'] ?? ''));
    }
    expect(summary.tabs['tickets']).toEqual({
      source: 2,
      created: 1,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 1,
      warnings: 3,
      sourceDigest: digest.toString(),
      deskDigest: digest.toString(),
      digestsMatch: true,
    });
  });

  test('formula characters are neutralised in the tab files, never in what is handed back', async () => {
    const { files } = await reported();
    expect(rowsOf(files.get('Contacts.csv')).map((row) => row['external_id'])).toEqual([
      'c1',
      "'=1+1",
      "''=quoted",
      "'@at",
    ]);
    expect(rowsOf(files.get('failed/Contacts.csv'))).toMatchObject([
      { ContactExtId: '@at', 'Note <b>': '=cmd|x' },
    ]);
  });

  test('the page for people speaks their language, escapes what is not its own and loads nothing', async () => {
    const portal = await makePortal(engine);
    const request = await makeRequest(engine, portal, { 'x<img>.csv': 'a\n1\n', ...FILES });
    const { drafts } = engine.stores;
    const typed = await drafts.latest(request);
    if (!typed?.draft.requester) throw new Error('there is no draft');
    await drafts.insert(request, 2, {
      ...typed.draft,
      requester: { ...typed.draft.requester, locale: 'ja' },
    });
    const { report } = await runPhase(engine, request);
    const page = (await readReport(engine, request, report)).get('summary.html')?.toString() ?? '';
    expect(page).toContain('<html lang="ja">');
    expect(page).toContain('移行レポート（1回目）');
    expect(page).toContain('x&lt;img&gt;.csv');
    expect(page).not.toMatch(/(?:src|href)=|<script|@import|url\(/);
  });

  test('F1: another ledger is another version, the same ledger the same', async () => {
    const { request, report } = await reported();
    const run = { request, phase: 'phase-1' as const };
    expect(report).toMatchObject({ name: 'phase-1', version: 1 });
    expect(await engine.activities.writeReport(run)).toEqual(report);
    await engine.stores.failures.remove(request, 'contacts', ['@at']);
    await engine.activities.importSegments({ ...run, tab: 'tickets', from: 1, to: 1 });
    await engine.activities.reconcileSegments({ ...run, tab: 'tickets', from: 1, to: 1 });
    // the parent is no longer known to have failed, so that the ledger says another reason
    expect(await engine.activities.writeReport(run)).toMatchObject({ version: 2 });
  });
});

describe('D1, D2: a report can be verified', () => {
  let copies = 0;
  async function verdictOf(files: Map<string, Buffer>): Promise<string[]> {
    const path = join(folder, `${++copies}.zip`);
    await writeFile(path, await zipOf(Object.fromEntries(files)));
    return (await verifyReport(path)).problems;
  }

  test('a true one has no problems', async () => {
    const { files, request } = await reported();
    const path = await engine.storage.localPath(`reports/${request}/phase-1-v1.zip`);
    expect(await verifyReport(path)).toMatchObject({
      records: 6,
      problems: [],
      summary: { request },
      signature: 'unchecked',
    });
    expect(await verdictOf(files)).toEqual([]);
  });

  test('its signature tells whose it is, and that nobody changed the summary', async () => {
    const { files, request } = await reported();
    const path = await engine.storage.localPath(`reports/${request}/phase-1-v1.zip`);
    expect(await verifyReport(path, SIGNER.publicKey)).toMatchObject({ signature: 'valid', problems: [] });
    const stranger = createReportSigner('another secret').publicKey;
    const notSigned = 'the summary is not signed with the given key';
    expect(await verifyReport(path, stranger)).toMatchObject({ signature: 'invalid', problems: [notSigned] });
    expect((await verifyReport(path, 'no key')).signature).toBe('invalid');

    // whitespace alone, so that every figure still adds up
    const altered = join(folder, 'altered.zip');
    const summary = Buffer.from(`${files.get('summary.json')?.toString()}\n`);
    await writeFile(altered, await zipOf(Object.fromEntries(new Map(files).set('summary.json', summary))));
    expect(await verifyReport(altered, SIGNER.publicKey)).toMatchObject({ problems: [notSigned] });
    const bare = new Map(files);
    bare.delete('summary.sig');
    expect(await verdictOf(bare)).toEqual(['the summary is not signed']);
  });

  test('a row taken out, a digest or a result changed, and a figure changed are each seen', async () => {
    const { files } = await reported();
    const contacts = files.get('Contacts.csv')?.toString() ?? '';
    const altered = (name: string, text: string): Map<string, Buffer> =>
      new Map(files).set(name, Buffer.from(text));
    const [, first = ''] = contacts.split('\n');
    expect(await verdictOf(altered('Contacts.csv', contacts.replace(`${first}\n`, '')))).not.toEqual([]);
    expect(
      await verdictOf(altered('Contacts.csv', contacts.replace(first, `${first.slice(0, -3)}xyz`))),
    ).toEqual([
      'Contacts.csv was changed since the summary was written',
      'Contacts.csv adds up to another digest than the summary says',
    ]);
    expect(await verdictOf(altered('Contacts.csv', contacts.replace('created', 'updated')))).toHaveLength(3);
    const summary = files.get('summary.json')?.toString() ?? '';
    expect(
      await verdictOf(altered('summary.json', summary.replace('"failed": 1', '"failed": 0'))),
    ).toHaveLength(1);
    const fewer = new Map(files);
    fewer.delete('Tickets.csv');
    expect(await verdictOf(fewer)).toEqual(['Tickets.csv is missing']);
  });

  test('one byte changed anywhere in any of its files is seen, and a file put in or taken out', async () => {
    const { files } = await reported();
    const names = [...files.keys()];
    const judged = async (altered: Map<string, Buffer>): Promise<number> => {
      const path = join(folder, `${++copies}.zip`);
      await writeFile(path, await zipOf(Object.fromEntries(altered)));
      try {
        return (await verifyReport(path, SIGNER.publicKey)).problems.length;
      } catch (error) {
        if (error instanceof ImportError && error.code === 'REPORT_UNREADABLE') return 1;
        throw error;
      }
    };
    expect(await judged(files)).toBe(0);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, flip) => {
          const bytes = Buffer.from(files.get(name) ?? '');
          const place = at % bytes.length;
          bytes[place] = (bytes[place] ?? 0) ^ flip;
          expect(await judged(new Map(files).set(name, bytes))).toBeGreaterThan(0);
        },
      ),
      { numRuns: 150 },
    );
    expect(await judged(new Map(files).set('failed/Other.csv', Buffer.from('a\n')))).toBeGreaterThan(0);
    for (const name of names) {
      const fewer = new Map(files);
      fewer.delete(name);
      expect(await judged(fewer)).toBeGreaterThan(0);
    }
  });

  test('what is no report is refused', async () => {
    const path = join(folder, 'none.zip');
    await writeFile(path, 'none');
    await expect(verifyReport(path)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
    await writeFile(path, await zipOf({ 'a.txt': 'a' }));
    await expect(verifyReport(path)).rejects.toMatchObject({ code: 'REPORT_UNREADABLE' });
  });
});
