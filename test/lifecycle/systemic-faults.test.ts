import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DeskDocument } from '../../desk/embedded/desk-document.ts';
import { portalsOf } from '../../desk/embedded/portals.ts';
import { createMailSender } from '../../mail/send-mail.ts';
import { startMongo } from '../../stack/stack.ts';
import type { RequestDocument } from '../../store/requests.ts';
import { SNAPSHOT_QUERY } from '../../workflows/messages.ts';
import type { RequestSnapshot } from '../../activities/lifecycle-activities.ts';
import { csvText } from '../import-engine.ts';
import { type FiledRequest, OPERATOR, ServiceInProcess } from './service-in-process.ts';

vi.setConfig({ testTimeout: 240_000 });

const FILES = {
  'Contacts.csv': csvText(
    ['ContactExtId', 'Last Name'],
    [
      ['c1', 'First'],
      ['c2', ''],
    ],
  ),
  'Tickets.csv': csvText(
    ['TicketExtId', 'ContactExtId', 'Subject'],
    [
      ['t1', 'c1', 'S'],
      ['t2', 'c2', 'S'],
    ],
  ),
};

/** What is out of order. */
const trouble = {
  /** storage keys that begin so cannot be written, for this reason of the system's */
  storage: null as { under: string; code: 'ENOSPC' | 'EACCES' } | null,
  mail: false,
  /** called before a storage key is written */
  onPut: async (_key: string): Promise<void> => {},
};

let folder = '';
let mongo: Awaited<ReturnType<typeof startMongo>>;
let service: ServiceInProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-faults-'));
  mongo = await startMongo({ dataFolder: folder });
  service = await ServiceInProcess.start(null, {
    env: { ...process.env, MONGODB_URI: mongo.address },
    attempts: 2,
    troubled: ({ storage, mail }) => {
      const refusing = createMailSender('smtp://127.0.0.1:1', 'migration@deskferry.example');
      return {
        storage: {
          ...storage,
          put: async (key, body) => {
            await trouble.onPut(key);
            if (trouble.storage === null || !key.startsWith(trouble.storage.under))
              return storage.put(key, body);
            const { code } = trouble.storage;
            throw Object.assign(new Error(`${code}: write`), { code, errno: -1, syscall: 'write' });
          },
        },
        mail: { ...mail, send: (given) => (trouble.mail ? refusing : mail).send(given) },
      };
    },
  });
}, 240_000);
afterAll(async () => {
  await service?.stop();
  await mongo?.stop();
  await rm(folder, { recursive: true, force: true });
});

const paused = (request: FiledRequest, reason: RegExp): Promise<RequestDocument> =>
  request.reaches(`paused: ${reason}`, ({ paused }) => paused !== null && reason.test(paused.reason));
const resume = (request: FiledRequest) => request.command('resume', { by: OPERATOR });
const closedBy = async (portal: string) =>
  (await portalsOf(service.db).findOne({ _id: portal }))?.closedBy ?? null;

async function expectAllThere(portal: string, request: FiledRequest): Promise<void> {
  const { phases, reports } = await request.reaches('the window', ({ state }) => state === 'REPLY_WINDOW');
  expect(phases[0]?.tabs).toMatchObject({
    contacts: { source: 2, created: 1, failed: 1, digestsMatch: true },
    tickets: { source: 2, created: 1, failed: 1, digestsMatch: true },
  });
  expect(reports.map(({ name, version }) => `${name} ${version}`)).toEqual(['phase-1 1']);
  const tickets = await service.db
    .collection<DeskDocument>('tickets')
    .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } })
    .toArray();
  expect(tickets.map(({ _id }) => _id)).toEqual([`${portal}/files/t1`]);
  expect(await closedBy(portal)).toBeNull();
}

test('F1, C2: a full disk, a storage that refuses and a mail server that refuses each pause with what to do; resumed, it goes on', async () => {
  const portal = await service.portal();
  trouble.storage = { under: 'segments/', code: 'ENOSPC' };
  const request = await (await service.create(portal, { files: FILES })).approved();
  await paused(request, /^stageTab: STORAGE_FULL: .*make room/);
  expect(await closedBy(portal)).toBe(request.id);

  trouble.storage = { under: 'reports/', code: 'EACCES' };
  await resume(request);
  await paused(request, /^writeReport: STORAGE_REFUSED: .*rights/);
  expect(await closedBy(portal)).toBe(request.id);

  trouble.storage = null;
  trouble.mail = true;
  await resume(request);
  const { state } = await paused(request, /^sendMessage: MAIL_REFUSED: .*mail server/);
  // E1: the window opens when the report is taken; the portal is open as soon as phase 1 has ended
  expect(state).toBe('PHASE_1');
  expect(await closedBy(portal)).toBeNull();

  trouble.mail = false;
  await resume(request);
  await expectAllThere(portal, request);
  await request.command('stop', { by: OPERATOR });
});

test('F1: MongoDB away for longer than the retries pauses; when it is back the books are caught up and it goes on', async () => {
  const portal = await service.portal();
  const port = Number(new URL(mongo.address).port);
  let away = false;
  trouble.onPut = async (key) => {
    if (away || !key.includes('/tickets/')) return;
    away = true;
    await mongo.kill();
  };
  const request = await (await service.create(portal, { files: FILES })).approved();
  const reason = await service.until('paused while MongoDB is away', async () => {
    if (!away) return null;
    const snapshot = await request.handle.query<RequestSnapshot>(SNAPSHOT_QUERY);
    return snapshot.paused?.reason;
  });
  expect(reason).toMatch(/^\w+: DATABASE_AWAY: MongoDB does not answer/);

  mongo = await startMongo({ dataFolder: folder, port });
  await paused(request, /DATABASE_AWAY/);
  expect(await closedBy(portal)).toBe(request.id);
  await resume(request);
  await expectAllThere(portal, request);
});
