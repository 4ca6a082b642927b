import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApiClient } from '../../cli/api-client.ts';
import { readPages } from '../../cli/read-pages.ts';
import { ApiUnderTest, type Caller, STEPS_BODY, until } from './environment.ts';

let api: ApiUnderTest;
let tenant: string;
let hana: Caller;
let operator: Caller;
let path: string;
let id: string;

beforeAll(async () => {
  api = await ApiUnderTest.start();
  tenant = await api.tenant('a', 'b.1', 'b_2', 'c-3', 'd');
  hana = await api.caller('requester', tenant);
  operator = await api.caller('operator', null);
  path = await hana.file();
  id = path.split('/').at(-1) ?? '';
});
afterAll(() => api.stop());

/** What every page of a list holds, read on from `next` to `next`. */
async function pages(who: Caller, address: string, list: string, limit: number): Promise<unknown[][]> {
  const read: unknown[][] = [];
  let next: string | null = null;
  do {
    const query: string = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
    const { status, body } = await who.get(`${address}?limit=${limit}${query}`);
    expect(status).toBe(200);
    read.push(body[list]);
    ({ next } = body);
  } while (next !== null && read.length < 50);
  return read;
}

/** Whole without a limit; in pages the same, each full but the last. */
async function expectPaged(who: Caller, address: string, list: string, limit: number): Promise<void> {
  const whole = await who.get(address);
  expect(whole.body.next).toBeNull();
  const read = await pages(who, address, list, limit);
  expect(read.flat()).toEqual(whole.body[list]);
  expect(read.length).toBe(Math.ceil(whole.body[list].length / limit));
  expect(read.slice(0, -1).every((page) => page.length === limit)).toBe(true);
}

it('H, F2: the audit log is read page by page, or whole, also when it is long', async () => {
  const before = (await hana.get(`${path}/audit`)).body.entries.length;
  for (let sequence = 1; sequence <= 240; sequence++) {
    const entry = { request: id, sequence, at: sequence, by: 'system', action: 'noted', reason: null };
    await api.stores.audit.append({ ...entry, writer: 'test' });
  }
  expect((await hana.get(`${path}/audit`)).body.entries).toHaveLength(before + 240);
  await expectPaged(hana, `${path}/audit`, 'entries', 100);
  await expectPaged(hana, `${path}/audit`, 'entries', 40);

  // as the command reads it
  const client = createApiClient(api.url, hana.key);
  const all = await readPages<{ entries: unknown[]; next: string | null }>(
    client,
    `${path}/audit`,
    'entries',
  );
  expect(all).toEqual((await hana.get(`${path}/audit`)).body);
});

it('H: messages are read page by page, in order, those of a process that was reset included', async () => {
  const before = (await hana.get(`${path}/messages`)).body.messages.length;
  for (const sequence of [50, 51, 52, 1_000_050]) {
    const message = { request: id, sequence, kind: 'reminder', at: new Date(sequence), to: [], cc: [] };
    const text = {
      subject: String(sequence),
      text: '',
      html: '',
      attachments: [],
      messageId: `<${sequence}@t>`,
    };
    await api.stores.messages.compose({ ...message, ...text });
  }
  expect((await hana.get(`${path}/messages`)).body.messages).toHaveLength(before + 4);
  await expectPaged(hana, `${path}/messages`, 'messages', 2);
  await expectPaged(hana, `${path}/messages`, 'messages', 1);
});

it('H, F4: portals are read page by page, and every page is of what one may see', async () => {
  await api.tenant('b.0', 'b_1', 'c-2');
  expect((await pages(hana, '/v1/portals', 'portals', 2)).flat()).toMatchObject(
    ['a', 'b.1', 'b_2', 'c-3', 'd'].map((portal) => ({ id: portal })),
  );
  await expectPaged(hana, '/v1/portals', 'portals', 5);
  await expectPaged(operator, '/v1/portals', 'portals', 3);
});

it('H, A10: saved mappings are read page by page, whatever their names are', async () => {
  const mapping = {
    version: 1,
    files: [
      { file: 'p.csv', tabs: [{ tab: 'products', fields: { ProductExtId: 'id', 'Product Name': 'n' } }] },
    ],
  };
  for (const name of ['b', 'a/2024', 'ａ', '💼', '東'.repeat(100), '100%'])
    expect((await hana.put(`/v1/mappings/${encodeURIComponent(name)}`, mapping)).status).toBe(201);
  await expectPaged(hana, '/v1/mappings', 'items', 1);
  await expectPaged(hana, '/v1/mappings', 'items', 4);
});

it('H, B4: the queue is read page by page; where the line moved past the cursor nobody is missed', async () => {
  const gate = api.world.hold('importSegments');
  const paths: string[] = [];
  for (const portal of ['a', 'b.1', 'b_2', 'c-3']) {
    const made = await hana.file({ ...STEPS_BODY, desk: { kind: 'embedded', portal } });
    await hana.upload(`${made}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
    await hana.post(`${made}/submit`);
    await operator.post(`${made}/verification`);
    await until('it is approved', async () => (await operator.post(`${made}/approve`)).status === 202);
    paths.push(made);
  }
  await until('three wait', async () => (await operator.get('/v1/queue')).body.waiting.length === 3);
  await expectPaged(operator, '/v1/queue', 'waiting', 2);
  const first = (await operator.get('/v1/queue?limit=1')).body;
  expect(first.running).toHaveLength(1);
  const [, second = ''] = paths;
  expect(second.endsWith(first.next)).toBe(true);
  await operator.post(`${second}/stop`, { reason: 'test' });
  await until('two wait', async () => (await operator.get('/v1/queue')).body.waiting.length === 2);
  const again = (await operator.get(`/v1/queue?cursor=${first.next}`)).body;
  expect(again.waiting.map(({ place }: { place: number }) => place)).toEqual([1, 2]);
  for (const made of paths) await operator.post(`${made}/stop`, { reason: 'test is over' });
  gate.open();
});

it('H: a limit or a cursor that is none is refused, naming it', async () => {
  for (const address of [`${path}/audit`, `${path}/messages`, '/v1/portals', '/v1/queue']) {
    for (const query of ['limit=0', 'limit=101', 'limit=ten', 'cursor=%24gt', 'cursor[$gt]=', 'page=2']) {
      const answer = await operator.get(`${address}?${query}`);
      expect([address, query, answer.status]).toEqual([address, query, 400]);
    }
  }
  expect((await operator.get(`${path}/audit?cursor=abc`)).body.errors).toMatchObject([
    { parameter: 'cursor', detail: 'is no cursor of this list' },
  ]);
  expect((await operator.get(`${path}/audit?cursor=99999&limit=5`)).body).toMatchObject({
    entries: [],
    next: null,
  });
});
