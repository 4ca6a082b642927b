import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addNativeRecords, nativeId } from '../../desk/embedded/portals.ts';
import { TABS, type Tab } from '../../domain/tab.ts';
import { LIFECYCLE_TASK_QUEUE, UNDO, undoWorkflowId } from '../../workflows/messages.ts';
import type { Undone } from '../../workflows/undo.ts';
import { csvText, rowsOf, unzip, zipOf } from '../import-engine.ts';
import { type FiledRequest, OPERATOR, ServiceInProcess } from './service-in-process.ts';

vi.setConfig({ testTimeout: 180_000 });

const FILES = {
  'Accounts.csv': csvText(
    ['AccountExtId', 'Account Name'],
    [
      ['A1', 'One'],
      ['A2', 'Two'],
      ['A3', 'Native'],
    ],
  ),
  'Contacts.csv': csvText(
    ['ContactExtId', 'Last Name', 'Email', 'AccountExtId'],
    [
      ['C1', 'First', 'c1@example.com', 'A1'],
      ['C2', 'Second', 'c2@example.com', ''],
      ['C3', 'Third', 'c3@example.com', 'A2'],
    ],
  ),
  'Tickets.csv': csvText(
    ['TicketExtId', 'ContactExtId', 'Subject', 'AccountExtId'],
    [
      ['T1', 'C1', 'edited', ''],
      ['T2', 'C2', 'referred to', ''],
      ['T3', 'C3', 'plain', 'A3'],
      ['T4', 'C3', '=1+1', ''],
    ],
  ),
  'Comments.csv': csvText(
    ['CommentExtId', 'TicketExtId', 'Content', 'Commenter Email'],
    [
      ['K1', 'T1', 'on the edited one', ''],
      ['K3', 'T3', 'on the plain one', 'c1@example.com'],
    ],
  ),
  'Articles.csv': csvText(
    ['ArticleExtId', 'Title', 'Answer', 'Category', 'Locale', 'Translation Of'],
    [
      ['R1', 'Original', 'x', 'General', 'en', ''],
      ['R2', 'Translation', 'x', 'General', 'ja', 'R1'],
      ['R3', 'Alone', 'x', 'General', 'en', ''],
    ],
  ),
};
const ATTACHMENTS = csvText(
  ['AttachmentExtId', 'TicketExtId', 'File Name', 'File Path'],
  [
    ['X1', 'T1', 'one.txt', 'files/one.txt'],
    ['X3', 'T3', 'three.txt', 'files/three.txt'],
  ],
);

let service: ServiceInProcess;
beforeAll(async () => {
  service = await ServiceInProcess.start();
});
afterAll(() => service.stop());

/** Imports the files into a portal that has an account of its own already, and stops the request in its window. */
async function migrated(): Promise<{ portal: string; request: FiledRequest; before: string[] }> {
  const portal = await service.portal();
  await addNativeRecords(service.db, portal, 'accounts', [{ id: 'n1', fields: { accountName: 'native' } }]);
  const before = await contentOf(portal);
  const request = await service.create(portal, {
    tabs: ['accounts', 'contacts', 'tickets', 'articles'],
    files: {
      'Export.zip': await zipOf({
        ...FILES,
        'Attachments.csv': ATTACHMENTS,
        'files/one.txt': 'one',
        'files/three.txt': 'three',
      }),
    },
  });
  await request.approved();
  const { phases } = await request.reaches('the window is open', ({ state }) => state === 'REPLY_WINDOW');
  expect(Object.values(phases[0]?.tabs ?? {}).every(({ failed }) => failed === 0)).toBe(true);
  return { portal, request, before };
}

async function stopped(request: FiledRequest): Promise<void> {
  await request.command('stop', { by: OPERATOR, reason: 'the wrong export' });
  await request.handle.result();
}

/** Every record of a portal, as text. */
async function contentOf(portal: string): Promise<string[]> {
  const lines: string[] = [];
  for (const tab of TABS) {
    const found = await service.db
      .collection<{ _id: string }>(tab)
      .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } })
      .toArray();
    for (const record of found) lines.push(`${tab} ${JSON.stringify(record)}`);
  }
  return lines;
}

const edit = (tab: Tab, portal: string, id: string, set: object) =>
  service.db.collection<{ _id: string }>(tab).updateOne({ _id: `${portal}/files/${id}` }, { $set: set });

const undo = (request: FiledRequest): Promise<Undone> =>
  service.client.workflow.execute(UNDO, {
    taskQueue: LIFECYCLE_TASK_QUEUE,
    workflowId: undoWorkflowId(request.id),
    args: [{ request: request.id, by: OPERATOR, reason: 'the wrong export' }],
  }) as Promise<Undone>;

async function blobsOf(request: FiledRequest): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of service.deps.storage.list(`blobs/${request.id}/`)) keys.push(key);
  return keys;
}

describe('F1', () => {
  test('everything the request created is gone, and nothing else: the portal is as it was before', async () => {
    const { portal, request, before } = await migrated();
    expect((await contentOf(portal)).length).toBe(before.length + 16);
    expect(await blobsOf(request)).toHaveLength(2);
    await stopped(request);
    const { tabs, report } = await undo(request);
    expect(await contentOf(portal)).toEqual(before);
    const none = { changedSince: 0, referredTo: 0 };
    expect(tabs).toEqual({
      // one was the portal's own, and the request's was mapped to it
      accounts: { created: 2, removed: 2, ...none },
      contacts: { created: 3, removed: 3, ...none },
      tickets: { created: 4, removed: 4, ...none },
      comments: { created: 2, removed: 2, ...none },
      attachments: { created: 2, removed: 2, ...none },
      articles: { created: 3, removed: 3, ...none },
    });
    expect(await service.stores.links.find(portal, 'files', 'accounts', ['A3'])).toEqual(new Map());
    expect(await blobsOf(request)).toEqual([]);
    expect(await service.deps.desk.portal(portal)).toMatchObject({ closedBy: null });
    expect(await service.stores.portalClaims.holder(portal)).toBeNull();
    expect(report).toMatchObject({ name: 'undo', version: 1 });
    expect((await request.actions()).slice(-2)).toEqual(['operator:team undoOrdered', 'system undone']);
  });

  test('kept are records edited since, and what those and the portal’s own refer to; the report says why', async () => {
    const { portal, request } = await migrated();
    await edit('tickets', portal, 'T1', { subject: 'edited by an agent' });
    await edit('attachments', portal, 'X1', { isPublic: true });
    await edit('articles', portal, 'R2', { title: 'mended' });
    await addNativeRecords(service.db, portal, 'comments', [
      { id: 'n2', fields: { ticketId: `${portal}/files/T2`, content: 'an agent’s own' } },
    ]);
    await stopped(request);
    const { tabs, report } = await undo(request);

    const ids = async (tab: Tab): Promise<string[]> => {
      const prefix = `${tab} {"_id":"${portal}/`;
      return (await contentOf(portal))
        .filter((line) => line.startsWith(prefix))
        .map((line) => line.slice(prefix.length, line.indexOf('"', prefix.length)));
    };
    expect(await ids('tickets')).toEqual(['files/T1', 'files/T2']);
    expect(await ids('contacts')).toEqual(['files/C1', 'files/C2']);
    expect(await ids('accounts')).toEqual(['desk/n1', 'files/A1']);
    expect(await ids('comments')).toEqual(['desk/n2']);
    expect(await ids('attachments')).toEqual(['files/X1']);
    expect(await ids('articles')).toEqual(['files/R1', 'files/R2']);
    expect(tabs.tickets).toEqual({ created: 4, removed: 2, changedSince: 1, referredTo: 1 });
    expect(await blobsOf(request)).toHaveLength(1);

    const files = await unzip(
      await service.deps.storage.get(`reports/${request.id}/undo-v${report.version}.zip`),
    );
    expect([...files.keys()].toSorted()).toEqual(
      ['Accounts', 'Articles', 'Attachments', 'Comments', 'Contacts', 'Tickets']
        .map((name) => `${name}.csv`)
        .concat('summary.html', 'summary.json', 'summary.sig'),
    );
    const row = (external_id: string, result: string, code = '', referred_by = '') => ({
      external_id,
      desk_id: `${portal}/files/${external_id}`,
      result,
      code,
      referred_by,
    });
    expect(rowsOf(files.get('Tickets.csv'))).toEqual([
      row('T1', 'kept', 'CHANGED_SINCE'),
      row('T2', 'kept', 'REFERRED_TO', nativeId(portal, 'n2')),
      row('T3', 'removed'),
      row('T4', 'removed'),
    ]);
    expect(rowsOf(files.get('Contacts.csv'))).toEqual([
      row('C1', 'kept', 'REFERRED_TO', `${portal}/files/T1`),
      row('C2', 'kept', 'REFERRED_TO', `${portal}/files/T2`),
      row('C3', 'removed'),
    ]);
    expect(rowsOf(files.get('Articles.csv'))).toEqual([
      row('R2', 'kept', 'CHANGED_SINCE'),
      row('R1', 'kept', 'REFERRED_TO', `${portal}/files/R2`),
      row('R3', 'removed'),
    ]);
    expect(JSON.parse(String(files.get('summary.json')))).toMatchObject({
      request: request.id,
      portal,
      tabs,
    });
    expect(String(files.get('summary.html'))).toContain('Undo of a migration');
  });

  test('again it changes nothing, and the report is the same version', async () => {
    const { portal, request } = await migrated();
    await edit('tickets', portal, 'T1', { subject: 'edited by an agent' });
    await stopped(request);
    const first = await undo(request);
    const after = await contentOf(portal);
    const again = await undo(request);
    expect(again).toEqual(first);
    expect(await contentOf(portal)).toEqual(after);
  });

  test('A8: not while another request has the portal', async () => {
    const { portal, request } = await migrated();
    await stopped(request);
    await service.create(portal, { tabs: ['contacts'] });
    const before = await contentOf(portal);
    await expect(undo(request)).rejects.toMatchObject({ cause: { type: 'PORTAL_TAKEN' } });
    expect(await contentOf(portal)).toEqual(before);
    expect((await request.actions()).at(-1)).toBe('system undoFailed');
  });
});
