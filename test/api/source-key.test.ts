import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiUnderTest, type Caller, REQUESTER_BODY } from './environment.ts';

let api: ApiUnderTest;
let hana: Caller;
let operator: Caller;

beforeAll(async () => {
  api = await ApiUnderTest.start();
  hana = await api.caller('requester', await api.tenant('north'));
  operator = await api.caller('operator', null);
});
afterAll(() => api.stop());

const KEY = 'canary-key-of-the-source';
const source = (address = 'https://desk.example/export') => ({
  system: 'Old Desk',
  kind: 'api',
  address,
  scope: 'old',
});
const STEPS = { requester: REQUESTER_BODY, source: source(), tabs: ['contacts'] };
const keysKept = () => api.database.db.collection('sourceKeys').countDocuments();

describe('B3: the key of a source that is read by its API', () => {
  it('A2: stands in the place of files: without it nothing is submitted', async () => {
    const path = await hana.file(STEPS);
    await hana.put(`${path}/desk`, { kind: 'embedded' });
    expect((await hana.get(path)).body).toMatchObject({ source: source(), missingSteps: ['sourceKey'] });
    const refused = await hana.post(`${path}/submit`);
    expect(refused.status).toBe(422);
    expect(refused.body.detail).toContain('sourceKey');

    const given = await hana.post(`${path}/source-key`, { key: KEY });
    expect(given.status).toBe(202);
    expect(given.body.missingSteps).toEqual([]);
    // another address, another key: it is not sent to somebody else
    const moved = await hana.patch(path, { source: source('https://other.example/export') });
    expect(moved.body.missingSteps).toEqual(['sourceKey']);
    await hana.post(`${path}/source-key`, { key: KEY });
    expect((await hana.post(`${path}/submit`)).status).toBe(202);

    // between submission and an operator's taking it, the key that was given stays
    const before = await api.database.db.collection('sourceKeys').find().toArray();
    expect((await hana.post(`${path}/source-key`, { key: 'another' })).body.type).toMatch(
      /already-submitted$/,
    );
    expect(await api.database.db.collection('sourceKeys').find().toArray()).toEqual(before);
    await hana.post(`${path}/cancel`);
  });

  it('may come with the creating call, and is nowhere to be read', async () => {
    const before = await keysKept();
    const created = await hana.post('/v1/migrations', { ...STEPS, sourceKey: KEY });
    expect(created.status).toBe(201);
    expect(created.body.missingSteps).toEqual(['desk', 'portal']);
    expect(await keysKept()).toBe(before + 1);
    const path = created.headers.get('location') ?? '';
    const seen = [created, await hana.get(path), await hana.get(`${path}/audit`), await operator.get(path)];
    expect(JSON.stringify(seen.map(({ body }) => body as unknown))).not.toContain(KEY);
    expect(api.log.join('\n')).not.toContain(KEY);
    const collections = await api.database.db.collections();
    const documents = await Promise.all(collections.map((each) => each.find().toArray()));
    const text = JSON.stringify(documents, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(text).toContain('desk.example');
    expect(text).not.toContain(KEY);
  });

  it('is refused where it is of no use, and by those it is not for', async () => {
    const files = await hana.file();
    expect((await hana.post(`${files}/source-key`, { key: KEY })).status).toBe(409);
    const mixed = { ...STEPS, source: { system: 'Old Desk', kind: 'files' }, sourceKey: KEY };
    expect((await hana.post('/v1/migrations', mixed)).body.errors).toMatchObject([{ pointer: '/sourceKey' }]);
    const path = await hana.file(STEPS);
    expect((await operator.post(`${path}/source-key`, { key: KEY })).status).toBe(403);
    for (const key of ['', 'two words', 'line\nbreak', '鍵', 'x'.repeat(4_001), 5]) {
      const refused = await hana.post(`${path}/source-key`, { key });
      expect(refused.status).toBe(422);
      expect(refused.body.errors).toMatchObject([{ pointer: '/key' }]);
    }
  });

  it.each([
    'http://desk.example/export',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://user:secret@desk.example/',
    'https://desk.example/?key=1',
    'file:///etc/passwd',
    'desk.example',
  ])('SSRF: the address %s is refused', async (address) => {
    const created = await hana.post('/v1/migrations', { ...STEPS, source: source(address) });
    expect(created.status).toBe(422);
    expect(created.body.errors).toMatchObject([{ pointer: '/source/address' }]);
    const path = await hana.file({});
    expect((await hana.patch(path, { source: source(address) })).status).toBe(422);
  });
});
