import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TAB_TITLES, TABS, type Tab } from '../domain/tab.ts';
import { type ExportApiServer, fillWithSample, startExportApi } from '../examples/export-api.ts';
import { makeSampleHelpDesk } from '../examples/sample-help-desk.ts';
import { SAMPLE_DEPARTMENTS, SAMPLE_STATUSES } from '../examples/sample-world.ts';
import {
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  type Row,
  rowsOf,
  runPhase,
  sendReply,
  startEngine,
} from '../test/import-engine.ts';

let engine: Engine;
const apis: ExportApiServer[] = [];
beforeAll(async () => {
  engine = await startEngine();
});
afterEach(async () => {
  for (const api of apis.splice(0)) await api.stop();
});
afterAll(() => engine.stop());

const KEY = 'key-of-the-old-help-desk';
const SAMPLE = { tickets: 25, seed: 7 };

async function startApi(pageSize?: number): Promise<ExportApiServer> {
  const api = await startExportApi({ key: KEY, ...(pageSize === undefined ? {} : { pageSize }) });
  apis.push(api);
  return api;
}

const samplePortal = (): Promise<string> =>
  makePortal(engine, { departments: SAMPLE_DEPARTMENTS, statuses: SAMPLE_STATUSES });

/** What a report says of a tab's records, without where they stood. */
function results(files: Map<string, Buffer>, tab: Tab): string[] {
  return rowsOf(files.get(`${TAB_TITLES[tab]}.csv`))
    .filter(({ code }) => code !== 'MALFORMED_ROW' && code !== 'BAD_ENCODING')
    .map(({ external_id, result, code, column, warnings }) =>
      [external_id, result, code, column, warnings].join(' '),
    )
    .toSorted();
}

/** What a desk holds of a tab, without the stamp of its import. */
async function contentOf(portal: string, request: string, tab: Tab): Promise<unknown[]> {
  const documents = await engine.db
    .collection<{ _id: string; migration?: unknown }>(tab)
    .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } })
    .toArray();
  const now = (await engine.stores.frozen.find(request, 'phase-1'))?.importTime.toISOString() ?? '';
  return documents.map(({ migration, ...content }) => {
    const text = JSON.stringify(content).replaceAll(portal, 'PORTAL').replaceAll(request, 'REQUEST');
    return JSON.parse(text.replaceAll(now, 'NOW')) as unknown;
  });
}

/** A request of one tab, contacts, read by its API. */
async function contactsFrom(api: ExportApiServer, portal: string): Promise<string> {
  return makeRequest(engine, portal, {}, { tabs: ['contacts'], api: { address: api.address, key: KEY } });
}
const contact = (id: string, more: Record<string, unknown> = {}) => ({
  ContactExtId: id,
  'Last Name': id,
  ...more,
});
const rowsOfContacts = (files: Map<string, Buffer>): string[] =>
  rowsOf(files.get('Contacts.csv')).map(({ external_id, result, code }: Row) =>
    `${external_id} ${result} ${code}`.trim(),
  );

/** The type of the failure that something ends with. */
async function failureOf(work: Promise<unknown>): Promise<{ type: string; nonRetryable: boolean }> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApplicationFailure);
  const { type, nonRetryable } = error as ApplicationFailure;
  return { type: type ?? '', nonRetryable: nonRetryable ?? false };
}

describe('A1: a source that is read by its API', () => {
  test('D2: gives the same desk as the files of the same help desk, attachments included', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'deskferry-sample-'));
    try {
      const { files } = await makeSampleHelpDesk({ folder, ...SAMPLE });
      const uploads = Object.fromEntries(
        await Promise.all(files.map(async (name) => [name, await readFile(join(folder, name))] as const)),
      );
      const [portal, other] = [await samplePortal(), await samplePortal()];
      const fromFiles = await makeRequest(engine, portal, uploads);
      const one = await runPhase(engine, fromFiles);
      const api = await startApi();
      fillWithSample(api, SAMPLE);
      const options = { api: { address: api.address, key: KEY } };
      const fromApi = await makeRequest(engine, other, {}, options);
      const two = await runPhase(engine, fromApi);

      const [expected, found] = [
        await readReport(engine, fromFiles, one.report),
        await readReport(engine, fromApi, two.report),
      ];
      for (const tab of TABS) {
        expect(results(found, tab), tab).toEqual(results(expected, tab));
        expect(await contentOf(other, fromApi, tab), tab).toEqual(await contentOf(portal, fromFiles, tab));
        expect(two.proofs[tab], tab).toMatchObject({ digestsMatch: true, discrepancies: 0 });
      }
      expect(results(found, 'attachments').filter((row) => row.includes(' created ')).length).toBeGreaterThan(
        0,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 180_000);

  test('D3: goes on behind the last page that it has, after the key was refused in the middle', async () => {
    const api = await startApi(4);
    for (let n = 1; n <= 18; n++) api.put('contacts', `c${n}`, contact(`c${n}`));
    const request = await contactsFrom(api, await makePortal(engine));
    api.onCall((path, count) => (path === 'contacts' && count === 3 ? { status: 401 } : null));
    expect(await failureOf(engine.activities.drawSource({ request, phase: 'phase-1' }))).toEqual({
      type: 'SOURCE_KEY_REFUSED',
      nonRetryable: true,
    });

    const { report, proofs } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({ counts: { source: 18, created: 18 }, discrepancies: 0 });
    const rows = rowsOf((await readReport(engine, request, report)).get('Contacts.csv'));
    expect(rows.map(({ external_id }) => external_id)).toEqual(
      Array.from({ length: 18 }, (_, n) => `c${n + 1}`),
    );
    // five pages, and the one that was refused
    expect(api.calls.get('contacts')).toBe(6);

    // read to its end: nothing is asked again
    await engine.activities.drawSource({ request, phase: 'phase-1' });
    expect(api.calls.get('contacts')).toBe(6);
  });

  test('C4: values come byte for byte: long numbers, nested values, escapes', async () => {
    const api = await startApi();
    api.put(
      'contacts',
      'c1',
      `{ "ContactExtId": 90071992547409931234, "Last Name": "\\u6771",\n "Score": 1.10, "More": {"a": [1, 2]} }`,
    );
    const portal = await makePortal(engine);
    await runPhase(engine, await contactsFrom(api, portal));
    const [stored] = await engine.desk.read(portal, 'files', 'contacts', ['90071992547409931234']);
    expect(stored?.fields).toMatchObject({
      lastName: '東',
      customFields: { Score: '1.10', More: '{"a": [1, 2]}' },
    });
  });

  test('C6: a record that fails alone is handed back as CSV; one that is no record as it came', async () => {
    const api = await startApi();
    api.put('contacts', 'c1', contact('c1'));
    api.put('contacts', 'c2', { ContactExtId: 'c2', Note: '=1+1, "quoted"' });
    api.put('contacts', 'c3', '"not an object"');
    const request = await contactsFrom(api, await makePortal(engine));
    const { report, proofs } = await runPhase(engine, request);
    expect(proofs.contacts?.counts).toMatchObject({ source: 3, created: 1, failed: 2 });
    const files = await readReport(engine, request, report);
    expect(rowsOf(files.get('failed/Contacts.json.csv'))).toMatchObject([
      { ContactExtId: 'c2', Note: '=1+1, "quoted"', deskferry_row: '2', deskferry_code: 'MISSING_REQUIRED' },
    ]);
    expect(files.get('failed/Contacts.json.unreadable')?.toString()).toBe('"not an object"');
  });
});

describe('D1: the source counts for itself', () => {
  test('records that it says it has and does not give are noticed', async () => {
    const api = await startApi(2);
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5']) api.put('contacts', id, contact(id));
    const request = await contactsFrom(api, await makePortal(engine));
    // the page of its middle is empty, every time
    api.onCall((path, count) =>
      path === 'contacts' && count % 3 === 2 ? { status: 200, body: '{"records":[],"next":"4"}' } : null,
    );
    expect(await failureOf(engine.activities.drawSource({ request, phase: 'phase-1' }))).toEqual({
      type: 'SOURCE_COUNT_DIFFERS',
      nonRetryable: true,
    });
    // mended, it is read anew
    api.onCall(() => null);
    const { proofs } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({ counts: { source: 5, created: 5 }, discrepancies: 0 });
  });

  test('a source that grows while it is read is read as it is', async () => {
    const api = await startApi(2);
    for (const id of ['c1', 'c2', 'c3']) api.put('contacts', id, contact(id));
    const request = await contactsFrom(api, await makePortal(engine));
    api.onCall((path, count) => {
      if (path === 'contacts' && count === 1) api.put('contacts', 'c4', contact('c4'));
      return null;
    });
    const { proofs } = await runPhase(engine, request);
    expect(proofs.contacts).toMatchObject({ counts: { source: 4, created: 4 }, discrepancies: 0 });
  });
});

describe('E3: phase 2 reads what changed since phase 1 began', () => {
  test('new is created, changed updated, failed taken once more, mended by a reply or in the source', async () => {
    const api = await startApi();
    for (const id of ['same', 'changed', 'edited']) api.put('contacts', id, contact(id));
    const broken = (id: string) => contact(id, { Email: 'no address' });
    for (const id of ['as-it-was', 'mended-there', 'mended-by-reply']) api.put('contacts', id, broken(id));
    const portal = await makePortal(engine);
    const request = await contactsFrom(api, portal);
    const one = await runPhase(engine, request);
    expect(one.proofs.contacts?.counts).toMatchObject({ created: 3, failed: 3 });

    api.put('contacts', 'new', contact('new'));
    api.put('contacts', 'changed', contact('changed', { Title: 'Director' }));
    api.put('contacts', 'edited', contact('edited', { Title: 'Director' }));
    api.put('contacts', 'mended-there', contact('mended-there'));
    // changed there too, but not mended: what the requester sent counts
    api.put('contacts', 'mended-by-reply', contact('mended-by-reply', { Email: 'still none' }));
    await engine.db
      .collection<{ _id: string }>('contacts')
      .updateOne({ _id: `${portal}/files/edited` }, { $set: { lastName: 'Edited by an agent' } });
    await sendReply(engine, request, 'r1', {
      'Contacts.csv': 'ContactExtId,Last Name\nmended-by-reply,Mended\n',
    });
    const two = await runPhase(engine, request, 'phase-2');
    const files = await readReport(engine, request, two.report);
    expect(rowsOfContacts(files).toSorted()).toEqual([
      'as-it-was failed BAD_FORMAT',
      'changed updated',
      'edited skipped EDITED_IN_DESK',
      'mended-by-reply created',
      'mended-there created',
      'new created',
    ]);
    expect(two.proofs.contacts).toMatchObject({ discrepancies: 0, digestsMatch: true });
    // one page in each phase: what did not change is not given again
    expect(api.calls.get('contacts')).toBe(2);
  });
});

describe('G: files of attachments', () => {
  test('FILE_MISSING where the source has none; it is asked again in phase 2', async () => {
    const api = await startApi();
    const portal = await makePortal(engine);
    api.put('contacts', 'c1', contact('c1'));
    api.put('tickets', 't1', { TicketExtId: 't1', ContactExtId: 'c1', Subject: 'S' });
    for (const id of ['a/1', 'A/1', 'gone']) {
      api.put('attachments', id, {
        AttachmentExtId: id,
        TicketExtId: 't1',
        'File Name': 'same.txt',
        'File Path': 'same.txt',
      });
    }
    api.putFile('a/1', Buffer.from('lower'));
    api.putFile('A/1', Buffer.alloc(5_000_000, 'U'));
    const request = await makeRequest(
      engine,
      portal,
      {},
      {
        tabs: ['contacts', 'tickets'],
        omit: ['threads', 'comments'],
        api: { address: api.address, key: KEY },
      },
    );
    const { report, proofs } = await runPhase(engine, request);
    expect(proofs.attachments).toMatchObject({ counts: { created: 2, failed: 1 }, discrepancies: 0 });
    const failed = rowsOf((await readReport(engine, request, report)).get('failed/Attachments.json.csv'));
    expect(failed).toMatchObject([{ AttachmentExtId: 'gone', deskferry_code: 'FILE_MISSING' }]);
    const stored = await engine.desk.read(portal, 'files', 'attachments', ['a/1', 'A/1']);
    expect(Object.fromEntries(stored.map(({ externalId, fields }) => [externalId, fields['size']]))).toEqual({
      'a/1': 5,
      'A/1': 5_000_000,
    });

    api.putFile('gone', Buffer.from('found'));
    const two = await runPhase(engine, request, 'phase-2');
    expect(two.proofs.attachments).toMatchObject({ counts: { source: 1, created: 1 }, discrepancies: 0 });
  });
});
