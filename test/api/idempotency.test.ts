import { afterAll, beforeAll, expect, it } from 'vitest';
import { assembleApi } from '../../api/app.ts';
import { createRoutes } from '../../api/routes.ts';
import { createStores } from '../../store/stores.ts';
import {
  ApiUnderTest,
  type Caller,
  REQUESTER_BODY,
  type Said,
  type Spoken,
  STEPS_BODY,
  until,
} from './environment.ts';

let api: ApiUnderTest;
let hana: Caller;
let operator: Caller;
/** addresses of requests: each goes the way that brings the calls to be tried */
const paths = { draft: '', begun: '', sampled: '', first: '', second: '' };
/** a request whose source is read with a key */
let keyed = '';
let gate: { open: () => void };

beforeAll(async () => {
  api = await ApiUnderTest.start();
  const names = Object.keys(paths) as (keyof typeof paths)[];
  hana = await api.caller('requester', await api.tenant(...names));
  operator = await api.caller('operator', null);
  for (const name of names) {
    paths[name] = await hana.file({ ...STEPS_BODY, desk: { kind: 'embedded', portal: name } });
    await hana.upload(`${paths[name]}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
  }
  const source = { system: 'Old Desk', kind: 'api', address: 'https://desk.example/export', scope: 'old' };
  keyed = await hana.file({ requester: REQUESTER_BODY, source, tabs: ['contacts'] });
  gate = api.world.hold('importSegments');
});
afterAll(() => api.stop());

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const tus = (bytes: number): Said => ({
  headers: {
    'Tus-Resumable': '1.0.0',
    'Upload-Length': String(bytes),
    'Upload-Metadata': `migration ${base64(paths.begun.split('/').at(-1) ?? '')},filename ${base64('b.csv')}`,
  },
});
const reaches = (path: string, state: string): Promise<void> =>
  until(`${path} is ${state}`, async () => (await operator.get(path)).body.state === state);
async function verifying(path: string): Promise<void> {
  await hana.post(`${path}/submit`);
  await operator.post(`${path}/verification`);
}

interface Try {
  who: 'requester' | 'operator';
  path: () => string;
  said?: Said | (() => Said);
  /** another body that is as good */
  other: Said | (() => Said);
  /** what has to be before */
  before?: () => Promise<unknown>;
}
/** Reasons, as most commands take them. */
const REASON = { said: { body: { reason: 'one' } }, other: { body: { reason: 'another' } } };
const EMPTY = { other: { body: {} } };

/** Every POST by its operation, in the order of the requests' lives. */
const TRIES: Readonly<Record<string, Try>> = {
  createMigration: {
    who: 'requester',
    path: () => '/v1/migrations',
    said: { body: {} },
    other: { body: { remarks: 'another' } },
  },
  beginUpload: {
    who: 'requester',
    path: () => '/v1/uploads',
    said: () => tus(4),
    other: () => tus(5),
  },
  cancel: { who: 'requester', path: () => `${paths.begun}/cancel`, ...REASON },
  precheck: { who: 'requester', path: () => `${paths.draft}/precheck`, ...EMPTY },
  runSample: {
    who: 'requester',
    path: () => `${paths.sampled}/sample`,
    said: { body: { records: 2 } },
    other: { body: { records: 3 } },
  },
  giveSourceKey: {
    who: 'requester',
    path: () => `${keyed}/source-key`,
    said: { body: { key: 'one' } },
    other: { body: { key: 'another' } },
  },
  submit: { who: 'requester', path: () => `${paths.draft}/submit`, ...EMPTY },
  take: { who: 'operator', path: () => `${paths.draft}/verification`, ...EMPTY },
  grantLimits: {
    who: 'operator',
    path: () => `${paths.draft}/limit`,
    said: { body: { files: 6, reason: 'r' } },
    other: { body: { files: 7, reason: 'r' } },
  },
  sendBack: { who: 'operator', path: () => `${paths.draft}/send-back`, ...REASON },
  reject: {
    who: 'operator',
    path: () => `${paths.draft}/reject`,
    ...REASON,
    before: () => verifying(paths.draft),
  },
  approve: {
    who: 'operator',
    path: () => `${paths.first}/approve`,
    ...REASON,
    before: () => verifying(paths.first),
  },
  pause: {
    who: 'operator',
    path: () => `${paths.first}/pause`,
    ...REASON,
    before: () => reaches(paths.first, 'PHASE_1'),
  },
  resume: { who: 'operator', path: () => `${paths.first}/resume`, ...REASON },
  moveToFront: {
    who: 'operator',
    path: () => `/v1/queue/${paths.second.split('/').at(-1)}/front`,
    ...EMPTY,
    before: async () => {
      await verifying(paths.second);
      await until('approved', async () => (await operator.post(`${paths.second}/approve`)).status === 202);
    },
  },
  stop: { who: 'operator', path: () => `${paths.first}/stop`, ...REASON },
  undo: { who: 'operator', path: () => `${paths.first}/undo`, ...REASON, before: async () => gate.open() },
  erase: { who: 'operator', path: () => `${paths.first}/erase`, ...REASON },
  retryTab: {
    who: 'operator',
    path: () => `${paths.second}/retry`,
    said: { body: { tab: 'contacts' } },
    other: { body: { tab: 'tickets' } },
    before: () => reaches(paths.second, 'REPLY_WINDOW'),
  },
  reply: {
    who: 'requester',
    path: () => `${paths.second}/replies`,
    said: { body: { text: 'mended', files: [{ name: 'a.csv', content: base64('a,b') }] } },
    other: { body: { text: 'not mended' } },
  },
  startPhase2: { who: 'requester', path: () => `${paths.second}/phase-2`, ...EMPTY },
};
/** Change nothing; what they answer is what encryption hides, and so is kept nowhere. */
const KEPT_NOWHERE = ['decodePayloads', 'encodePayloads'];

/**
 * One call of an API process that was started for it, and is stopped after it.
 * @param isLost whether it ends when all is done but before its answer is kept: as if it was killed there
 */
async function inFreshProcess(
  who: Caller,
  path: string,
  said: Said,
  key: string,
  isLost = false,
): Promise<Spoken> {
  const stores = createStores(api.database.db, null);
  const { idempotency } = stores;
  const finish: typeof idempotency.finish = async (id, status, answer) => {
    // the id of a new request is kept before it is made
    if (typeof answer !== 'string') throw new Error('lost');
    await idempotency.finish(id, status, answer);
  };
  const losing = { ...stores, idempotency: { ...idempotency, finish } };
  const process = await api.beside({}, { stores: isLost ? losing : stores });
  try {
    const headers = { ...said.headers, 'Idempotency-Key': key };
    return await who.at(`http://127.0.0.1:${process.port}`).call('POST', path, { ...said, headers });
  } finally {
    await process.close();
  }
}
const told = ({ status, body, headers }: Spoken) => ({
  status,
  body,
  location: headers.get('location'),
  etag: headers.get('etag'),
});
const given = (said: Try['said']): Said => (typeof said === 'function' ? said() : (said ?? {}));

it('H: every POST of the route table is tried, or keeps nothing', () => {
  const posts = createRoutes(assembleApi(api.dependencies)).filter(({ method }) => method === 'post');
  expect(posts.map(({ operation }) => operation).toSorted()).toEqual(
    [...Object.keys(TRIES), ...KEPT_NOWHERE].toSorted(),
  );
  expect(posts.filter(({ tag }) => tag === 'Codec').map(({ operation }) => operation)).toEqual(KEPT_NOWHERE);
});

it.each(Object.entries(TRIES))(
  'H: %s is done once under its Idempotency-Key and answered the same after a restart; with another body it is refused',
  async (operation, { who, path, said, other, before }) => {
    const caller = who === 'operator' ? operator : hana;
    const call = (what: Try['said'], isLost = false) =>
      inFreshProcess(caller, path(), given(what), operation, isLost);
    await before?.();
    // what was refused leaves the key free
    await until(
      `${operation} is taken, its answer lost`,
      async () => (await call(said, true)).status === 500,
    );
    const first = await call(said);
    expect([operation, first.status < 300 ? 'done' : first.body]).toEqual([operation, 'done']);
    expect(told(await call(said))).toEqual(told(first));
    expect(await call(other)).toMatchObject({
      status: 422,
      body: { type: 'urn:deskferry:problem:idempotency-key-reused' },
    });
  },
  60_000,
);

it('H, B6: a sample whose answer was lost is ordered once, however often it is sent', async () => {
  const ordered = async (): Promise<number> => {
    const { entries } = (await hana.get(`${paths.sampled}/audit`)).body as { entries: { action: string }[] };
    return entries.filter(({ action }) => action === 'sampleOrdered').length;
  };
  await until('it is in the audit log', async () => (await ordered()) > 0);
  const { runSample } = TRIES as { runSample: Try };
  const another = () => inFreshProcess(hana, runSample.path(), given(runSample.said), 'another');
  await until('another is taken', async () => (await another()).status === 202);
  await until('another is, too', async () => (await ordered()) >= 2);
  expect(await ordered()).toBe(2);
});

it('H: the same answer is given when the call would be refused by now', async () => {
  expect((await operator.post(`${paths.second}/phase-2`)).status).toBe(202);
  await reaches(paths.second, 'COMPLETED');
  const { reply, beginUpload } = TRIES as { reply: Try; beginUpload: Try };
  const again = await inFreshProcess(hana, reply.path(), given(reply.said), 'reply');
  expect([again.status, again.body.state]).toEqual([202, 'REPLY_WINDOW']);
  expect((await inFreshProcess(hana, reply.path(), given(reply.other), 'reply')).status).toBe(422);
  expect((await inFreshProcess(hana, reply.path(), given(reply.said), 'new')).body.type).toBe(
    'urn:deskferry:problem:window-closed',
  );
  // what the request began with, and the file of the reply, once
  expect(await api.stored(`uploads/${paths.second.split('/').at(-1)}/`)).toHaveLength(2);
  // its request was cancelled since
  const begun = await inFreshProcess(hana, beginUpload.path(), given(beginUpload.said), 'beginUpload');
  expect([begun.status, begun.headers.get('location')]).toEqual([
    201,
    expect.stringContaining('/v1/uploads/'),
  ]);
});

it('H, F4: payloads are decoded and encoded without a trace of them being kept', async () => {
  const kept = (): Promise<number> => api.database.db.collection('idempotency').countDocuments();
  const before = await kept();
  for (const name of ['decode', 'encode']) {
    for (const payloads of [[], [{ metadata: {}, data: base64('secret') }]]) {
      const answer = await operator.post(`/v1/codec/${name}`, { payloads }, { 'Idempotency-Key': name });
      expect([answer.status, answer.body.payloads.length]).toEqual([200, payloads.length]);
    }
  }
  expect(await kept()).toBe(before);
});
