import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ExportApiServer, startExportApi } from '../../examples/export-api.ts';
import { importPhaseWorkflowId, migrationWorkflowId } from '../../workflows/messages.ts';
import { type FiledRequest, REQUESTER, ServiceInProcess } from './service-in-process.ts';

let service: ServiceInProcess;
let api: ExportApiServer;
beforeAll(async () => {
  [service, api] = await Promise.all([
    ServiceInProcess.start(),
    startExportApi({ key: 'first-key-1234567890', pageSize: 5 }),
  ]);
});
afterAll(async () => {
  await service.stop();
  await api.stop();
});

const FIRST = 'first-key-1234567890';
const SECOND = 'second-key-1234567890';
const THIRD = 'third-key-1234567890';

/** What the API does with a new key: seals it, and tells the migration that there is one. */
async function giveKey(request: FiledRequest, key: string): Promise<void> {
  await service.deps.sourceKeys.keep(request.id, api.address, key);
  await request.command('sourceKey', { by: REQUESTER });
}

const mailsAbout = (request: FiledRequest): string[] =>
  service.mails.filter(({ messageId }) => messageId.includes(request.id)).map(({ subject }) => subject);
const NEEDS_KEY = 'Your migration needs a new key for Other';

test('B3: a key refused midway pauses, is mailed, and a new one goes on; tried again in the window; erased at the end', async () => {
  for (let n = 1; n <= 12; n++) {
    api.put('contacts', `c${n}`, { ContactExtId: `c${n}`, 'Last Name': `C${n}` });
    api.put('tickets', `t${n}`, { TicketExtId: `t${n}`, ContactExtId: `c${n}`, Subject: `S${n}` });
  }
  const portal = await service.portal();
  const request = await service.create(portal, {
    api: { address: api.address, key: FIRST },
    tabs: ['contacts', 'tickets'],
    window: 20_000,
  });
  api.onCall((path, count) => {
    // the checks ask for the first page of each tab; this is the second page of the last
    if (path === 'tickets' && count === 3) api.setKey(SECOND);
    return null;
  });
  await request.approved();
  const paused = await request.reaches('the key is refused', (document) => document.paused !== null);
  expect(paused).toMatchObject({ state: 'PHASE_1', paused: { by: 'system' } });
  expect(paused.paused?.reason).toMatch(/^SOURCE_KEY_REFUSED: The source answers 401 to tickets/);
  await service.until('it is mailed', async () => mailsAbout(request).includes(NEEDS_KEY));

  await giveKey(request, SECOND);
  await request.reaches('phase 1 is reported', ({ state }) => state === 'REPLY_WINDOW');
  // once by the checks, then three pages each; the one that was refused is asked for once more, and no other
  expect([api.calls.get('contacts'), api.calls.get('tickets')]).toEqual([4, 5]);
  const { phases } = (await request.document()) ?? { phases: [] };
  expect(phases[0]?.tabs).toMatchObject({ contacts: { created: 12 }, tickets: { created: 12 } });

  // refused in the window: mailed with the reminder, and nothing is paused
  api.setKey(THIRD);
  await service.until(
    'it is mailed again',
    async () => mailsAbout(request).filter((subject) => subject === NEEDS_KEY).length > 1,
  );
  await service.until('it is audited', async () =>
    (await request.actions()).includes('system sourceKeyRefused'),
  );

  api.put('contacts', 'c1', { ContactExtId: 'c1', 'Last Name': 'Changed' });
  await request.reaches(
    'phase 2 waits for a key',
    ({ state, paused: held }) => state === 'PHASE_2' && held !== null,
  );
  await giveKey(request, THIRD);
  const done = await request.reaches('it is completed', ({ state }) => state === 'COMPLETED');
  expect(done.phases[1]?.tabs).toMatchObject({ contacts: { source: 1, updated: 1 }, tickets: { source: 0 } });
  await service.until(
    'the key is erased',
    async () => (await service.db.collection('sourceKeys').countDocuments()) === 0,
  );

  // B3: never in a history, a record, a mail
  const histories = await Promise.all(
    [
      migrationWorkflowId(request.id),
      importPhaseWorkflowId(request.id, 'phase-1'),
      importPhaseWorkflowId(request.id, 'phase-2'),
    ].map((id) => service.client.workflow.getHandle(id).fetchHistory()),
  );
  const collections = await service.db.collections();
  const documents = await Promise.all(collections.map((collection) => collection.find().toArray()));
  const everything = JSON.stringify([histories, documents, service.mails], (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );
  expect(everything).toContain(request.id);
  for (const key of [FIRST, SECOND, THIRD]) expect(everything).not.toContain(key);
}, 150_000);
