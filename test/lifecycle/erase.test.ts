import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ERASE, ERASE_DUE, eraseWorkflowId, LIFECYCLE_TASK_QUEUE } from '../../workflows/messages.ts';
import type { Erased } from '../../activities/control-activities.ts';
import type { ErasedDue } from '../../workflows/erase.ts';
import { makeEraseRequest } from '../../activities/erase-request.ts';
import { csvText, zipOf } from '../import-engine.ts';
import { type FiledRequest, OPERATOR, REQUESTER, ServiceInProcess } from './service-in-process.ts';

vi.setConfig({ testTimeout: 180_000 });
const DAY = 86_400_000;

let service: ServiceInProcess;
beforeAll(async () => {
  service = await ServiceInProcess.start();
});
afterAll(() => service.stop());

async function stopped(): Promise<{ request: FiledRequest; portal: string }> {
  const portal = await service.portal();
  const request = await service.create(portal, {
    tabs: ['contacts', 'tickets'],
    files: {
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name', 'Email'],
        [
          ['C1', 'Sato', 'hana@example.com'],
          ['C2', '', 'nobody@example.com'],
        ],
      ),
      'Tickets.zip': await zipOf({
        'Tickets.csv': csvText(['TicketExtId', 'ContactExtId', 'Subject'], [['T1', 'C1', 'help']]),
        'Attachments.csv': csvText(
          ['AttachmentExtId', 'TicketExtId', 'File Name', 'File Path'],
          [
            ['X1', 'T1', 'one.txt', 'files/one.txt'],
            ['X2', 'gone', 'two.txt', 'files/two.txt'],
          ],
        ),
        'files/one.txt': 'one',
        'files/two.txt': 'two, of a record that failed',
      }),
    },
  });
  await request.approved();
  await request.reaches('the window is open', ({ state }) => state === 'REPLY_WINDOW');
  await request.command('stop', { by: OPERATOR, reason: 'enough' });
  await request.handle.result();
  return { request, portal };
}

async function keysUnder(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of service.deps.storage.list(prefix)) keys.push(key);
  return keys;
}

/** Names of collections that hold a document of the request: its id, or one that begins with it. */
async function holding({ id }: FiledRequest): Promise<string[]> {
  const names: string[] = [];
  for (const { name } of await service.db.listCollections().toArray()) {
    const found = await service.db
      .collection<{ _id: string }>(name)
      .findOne({ _id: { $gte: id, $lt: `${id}0` } });
    if (found !== null) names.push(name);
  }
  return names.toSorted();
}

const erase = (request: FiledRequest): Promise<Erased> =>
  service.client.workflow.execute(ERASE, {
    taskQueue: LIFECYCLE_TASK_QUEUE,
    workflowId: eraseWorkflowId(request.id),
    args: [{ request: request.id, by: OPERATOR, reason: 'asked for by the requester' }],
  }) as Promise<Erased>;

test('F5: uploads, staged rows and the ledger are gone; request, audit, mail, reports and the desk’s own stay', async () => {
  const { request, portal } = await stopped();
  const document = await request.document();
  expect(await keysUnder(`uploads/${request.id}/`)).toHaveLength(2);
  expect(await keysUnder(`blobs/${request.id}/`)).toHaveLength(2);

  const erased = await erase(request);
  expect(erased).toMatchObject({ files: 2, segments: 3, records: 5, mails: 0, attachmentFiles: 1 });
  for (const folder of ['uploads', 'segments', 'folded'])
    expect(await keysUnder(`${folder}/${request.id}/`)).toEqual([]);
  expect(await keysUnder(`blobs/${request.id}/`)).toHaveLength(1);
  expect(await keysUnder(`reports/${request.id}/`)).toHaveLength(1);
  expect(await holding(request)).toEqual(
    [
      'audit',
      'auditHeads',
      'auditPlaces',
      'drafts',
      'erasures',
      'estimates',
      'findings',
      'messages',
      'reports',
      'requestOwners',
      'requests',
    ].concat('supportTickets'),
  );
  expect(await request.document()).toEqual(document);
  const attached = await service.deps.desk.read(portal, 'files', 'attachments', ['X1']);
  const kept = attached[0]?.fields['storageKey'];
  expect(await service.deps.storage.exists(typeof kept === 'string' ? kept : 'none')).toBe(true);

  // what was erased is listed
  expect(await service.stores.erasures.get(request.id)).toMatchObject({
    ...erased,
    by: OPERATOR,
    reason: 'asked for by the requester',
    doneAt: expect.any(Date) as Date,
  });
  const log = await service.stores.audit.list(request.id);
  const entries = log.filter(({ writer }) => writer !== 'mail').slice(-2);
  expect(entries.map(({ by, action }) => `${by} ${action}`)).toEqual([
    'operator:team eraseOrdered',
    'system erased',
  ]);
  expect(entries[1]?.reason).toMatch(
    /^2 uploaded files of \d+ bytes, 5 staged rows in 3 segments, 0 received mails, 1 /,
  );

  // again it says the same, and takes nothing more
  expect(await erase(request)).toEqual(erased);
  expect(await request.document()).toEqual(document);
});

test('F5: an open request is not erased', async () => {
  const request = await service.create(await service.portal());
  const eraseRequest = makeEraseRequest(service.deps);
  await expect(eraseRequest({ request: request.id, at: 1, by: OPERATOR, reason: 'r' })).rejects.toMatchObject(
    { code: 'REQUEST_OPEN' },
  );
  expect(await keysUnder(`uploads/${request.id}/`)).toHaveLength(1);
});

test('F5: erased by itself when the retention time after closing is over, and only then', async () => {
  const close = async (): Promise<FiledRequest> => {
    const request = await service.create(await service.portal());
    await request.command('cancel', { by: REQUESTER, reason: 'a mistake' });
    await request.handle.result();
    return request;
  };
  const [due, fresh] = [await close(), await close()];
  const age = ({ id }: FiledRequest, days: number) =>
    service.db
      .collection<{ _id: string }>('requests')
      .updateOne({ _id: id }, { $set: { closedAt: new Date(Date.now() - days * DAY) } });
  await age(due, 30.1);
  await age(fresh, 29.9);
  const round = (): Promise<ErasedDue> =>
    service.client.workflow.execute(ERASE_DUE, {
      taskQueue: LIFECYCLE_TASK_QUEUE,
      workflowId: 'erase-due',
      args: [],
    }) as Promise<ErasedDue>;
  expect(await round()).toEqual({ erased: 1, failed: 0 });
  expect(await keysUnder(`uploads/${due.id}/`)).toEqual([]);
  expect(await keysUnder(`uploads/${fresh.id}/`)).toHaveLength(1);
  expect((await due.actions()).slice(-2)).toEqual(['system eraseOrdered', 'system erased']);
  expect(await service.stores.erasures.get(due.id)).toMatchObject({
    by: 'system',
    reason: 'closed 30 days ago or longer',
  });
  expect(await round()).toEqual({ erased: 0, failed: 0 });
});
