import { connect } from 'node:net';
import { MongoServerError } from 'mongodb';
import { createApi } from '../../api/app.ts';
import { listen } from '../../api/listen.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ApiUnderTest,
  type Caller,
  REQUESTER_BODY,
  type Sent,
  SOURCE_BODY,
  STEPS_BODY,
} from './environment.ts';

let api: ApiUnderTest;
let tenant: string;
let hana: Caller;
let other: Caller;
let operator: Caller;
let auditor: Caller;

beforeAll(async () => {
  api = await ApiUnderTest.start();
  tenant = await api.tenant('north', 'south');
  hana = await api.caller('requester', tenant);
  other = await api.caller('requester', await api.tenant('elsewhere'));
  operator = await api.caller('operator', null);
  auditor = await api.caller('auditor', null);
});
afterAll(() => api.stop());

describe('filing a request', () => {
  it('H, A1: POST answers 201 with its address, and the same is read there', async () => {
    const created = await hana.post('/v1/migrations', {
      ...STEPS_BODY,
      omit: ['threads'],
      remarks: 'よろしく\nお願いします',
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('etag')).toBe('"1"');
    const read = await hana.get(created.headers.get('location') ?? '');
    expect(read.body).toEqual(created.body);
    expect(read.body).toMatchObject({
      state: 'PENDING',
      label: { ja: '送信待ち' },
      requester: REQUESTER_BODY,
      source: SOURCE_BODY,
      importedTabs: ['contacts', 'tickets', 'comments', 'attachments'],
      remarks: 'よろしく\nお願いします',
      missingSteps: ['files', 'desk', 'portal'],
      limits: { files: 5, fileBytes: 2_000_000_000, bytes: 10_000_000_000 },
      supportAddress: 'support@deskferry.example',
    });
  });

  it('A2: a request may begin empty, and its steps come in any order', async () => {
    const path = await hana.file({});
    expect((await hana.get(path)).body.missingSteps).toEqual(['basic', 'files', 'tabs', 'desk', 'portal']);
    await hana.patch(path, { tabs: ['agents'] });
    const after = await hana.patch(path, {
      requester: REQUESTER_BODY,
      source: { system: 'Old Desk', kind: 'files' },
    });
    expect(after.body.missingSteps).toEqual(['files', 'desk', 'portal']);
    expect(after.body.source.scope).toBe('files');
    expect(after.body.tabs).toEqual(['agents']);
  });

  it('A1: what a requester leaves out has a plain default', async () => {
    const path = await hana.file({ requester: { name: 'Hana', mail: 'hana@example.com' } });
    expect((await hana.get(path)).body.requester).toEqual({
      name: 'Hana',
      mail: 'hana@example.com',
      company: '',
      locale: 'en',
      timeZone: 'UTC',
    });
  });

  it('A2: submit with a step missing creates nothing and names the steps', async () => {
    const before = (await hana.get('/v1/migrations?limit=100')).body.items.length;
    const refused = await hana.post('/v1/migrations', { ...STEPS_BODY, submit: true });
    expect(refused.status).toBe(422);
    expect(refused.body.type).toBe('urn:deskferry:problem:step-missing');
    expect(refused.body.missingSteps).toEqual(['files', 'desk', 'portal']);
    expect((await hana.get('/v1/migrations?limit=100')).body.items).toHaveLength(before);
  });

  it('A8: the portal may be chosen at once, and is then held', async () => {
    const id = await api.tenant('harbour');
    const caller = await api.caller('requester', id);
    const first = await caller.post('/v1/migrations', { ...STEPS_BODY, desk: { kind: 'embedded' } });
    expect(first.body.desk).toEqual({ kind: 'embedded', portal: 'harbour' });
    expect(first.body.missingSteps).toEqual(['files']);
    const second = await caller.post('/v1/migrations', {
      ...STEPS_BODY,
      desk: { kind: 'embedded', portal: 'harbour' },
    });
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({
      type: 'urn:deskferry:problem:portal-taken',
      request: first.body.id,
      url: `/v1/migrations/${first.body.id}`,
    });
    await caller.post(`/v1/migrations/${first.body.id}/cancel`);
    await api.freed('harbour');
    const third = await caller.post('/v1/migrations', {
      ...STEPS_BODY,
      desk: { kind: 'embedded', portal: 'harbour' },
    });
    expect(third.status).toBe(201);
  });
});

describe('what is sent is checked', () => {
  const faults = async (body: unknown): Promise<[number, string[]]> => {
    const answer = await hana.post('/v1/migrations', body);
    return [answer.status, (answer.body.errors ?? []).map((each: { pointer: string }) => each.pointer)];
  };

  it('H: every fault of a body is told with its JSON pointer', async () => {
    expect(await faults({ tabs: ['agents', 'contacts', 'invoices'] })).toEqual([422, ['/tabs/2']]);
    expect(await faults({ tabs: ['contacts', 'threads'] })).toEqual([422, ['/tabs/1']]);
    expect(await faults({ omit: ['agents'] })).toEqual([422, ['/omit/0']]);
    expect(await faults({ tabs: [] })).toEqual([422, ['/tabs']]);
    expect(
      await faults({
        requester: { ...REQUESTER_BODY, mail: 'nobody', locale: 'fr', timeZone: 'Mars/Olympus' },
        source: { ...SOURCE_BODY, scope: 'a/b' },
      }),
    ).toEqual([422, ['/requester/mail', '/requester/locale', '/requester/timeZone', '/source/scope']]);
    expect(await faults({ source: { ...SOURCE_BODY, scope: 'desk' } })).toEqual([422, ['/source/scope']]);
    expect(await faults({ requester: { ...REQUESTER_BODY, timeZone: '+09:00' } })).toEqual([
      422,
      ['/requester/timeZone'],
    ]);
    expect(await faults({ requester: { ...REQUESTER_BODY, name: 'A\r\nBcc: b@example.com' } })).toEqual([
      422,
      ['/requester/name'],
    ]);
    expect(await faults({ encodings: { 'a.csv': 'ebcdic' } })).toEqual([422, ['/encodings/a.csv']]);
    expect(await faults([])).toEqual([422, ['']]);
  });

  it('H: a member that is not known is a fault; operators and prototypes never get in', async () => {
    expect(await faults({ tab: ['agents'], 'a/b~': 1 })).toEqual([422, ['/tab', '/a~1b~0']]);
    expect(await faults({ requester: { ...REQUESTER_BODY, $ne: null } })).toEqual([422, ['/requester/$ne']]);
    expect(await faults({ source: { system: { $gt: '' }, kind: 'files' } })).toEqual([
      422,
      ['/source/system'],
    ]);
    const polluted = await hana.call('POST', '/v1/migrations', {
      raw: '{"mapping":{"__proto__":{"role":"operator"}}}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect([polluted.status, polluted.body.errors[0].pointer]).toEqual([422, '/mapping/__proto__']);
    expect((await hana.get('/v1/migrations?state[$ne]=PENDING')).status).toBe(400);
  });

  it('H: of very many faults the first are told: an answer is not many times as large as the body', async () => {
    const names = Array.from({ length: 60_000 }, (_, index) => `"n${index}":1`).join(',');
    for (const raw of [`{${names}}`, `{"encodings":{${names}}}`]) {
      const { status, body } = await hana.call('POST', '/v1/migrations', {
        raw,
        headers: { 'Content-Type': 'application/json' },
      });
      expect([status, body.errors.length]).toEqual([422, 50]);
      expect(body.detail).toContain('and 59950 more');
      expect(JSON.stringify(body).length).toBeLessThan(20_000);
    }
  });

  it('H: what is no JSON, too large, or of another type is refused with what to do', async () => {
    const send = async (raw: Sent, type = 'application/json'): Promise<[number, string]> => {
      const answer = await hana.call('POST', '/v1/migrations', { raw, headers: { 'Content-Type': type } });
      return [answer.status, answer.body.type];
    };
    expect(await send('{"tabs": [}')).toEqual([400, 'urn:deskferry:problem:malformed-json']);
    expect(await send(new Uint8Array([0x7b, 0xff, 0x7d]))).toEqual([
      400,
      'urn:deskferry:problem:malformed-json',
    ]);
    for (const type of ['text/plain', 'application/json; charset=iso-2022-jp'])
      expect(await send('{}', type)).toEqual([415, 'urn:deskferry:problem:unsupported-media-type']);
    expect((await send('{}', 'Application/JSON; Charset="UTF-8"'))[0]).toBe(201);
    expect(await send(`{"remarks":"${'x'.repeat(1_100_000)}"}`)).toEqual([
      413,
      'urn:deskferry:problem:body-too-large',
    ]);
  });

  it('H: a name that comes twice, half a character, NUL and numbers beyond all bounds are refused', async () => {
    const told = async (raw: string): Promise<[number, string[]]> => {
      const headers = { 'Content-Type': 'application/json' };
      const { status, body } = await hana.call('POST', '/v1/migrations', { raw, headers });
      return [status, (body.errors ?? []).map((each: { pointer: string }) => each.pointer)];
    };
    expect(await told('{"remarks":"a","tabs":["agents"],"remarks":"b"}')).toEqual([422, ['/remarks']]);
    expect(await told(String.raw`{"encodings":{"a\"b":"utf-8","a\u0022b":"utf-8"}}`)).toEqual([
      422,
      ['/encodings/a"b'],
    ]);
    expect(
      await told('{"requester":{"name":"A","mail":"a@b.example"},"tabs":["agents"],"x":[{"name":1}]}'),
    ).toEqual([422, ['/x']]);
    expect(await told(String.raw`{"mapping":{"a":["\ud800"],"\ud800":1}}`)).toEqual([
      422,
      ['/mapping/a/0', '/mapping/\ud800'],
    ]);
    expect(await told(String.raw`{"remarks":"a\u0000b"}`)).toEqual([422, ['/remarks']]);
    const path = await hana.file();
    for (const records of ['1e400', '-1', '9007199254740993', '0.5', '"10"', 'true'])
      expect([
        records,
        (
          await hana.call('POST', `${path}/sample`, {
            raw: `{"records":${records}}`,
            headers: { 'Content-Type': 'application/json' },
          })
        ).status,
      ]).toEqual([records, 422]);
    expect((await told('['.repeat(400_000)))[0]).toBe(400);
    expect((await told(`{"mapping":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`))[0]).toBe(422);
    expect(await told(`{"remarks":"${'x'.repeat(10_001)}"}`)).toEqual([422, ['/remarks']]);
    expect(await told(`{"requester":{"name":"A","mail":"${'a'.repeat(300_000)}@b.example"}}`)).toEqual([
      422,
      ['/requester/mail'],
    ]);
  });

  it('H: OPTIONS tells what an address takes, HEAD what GET would, whatever is accepted is JSON', async () => {
    const path = await hana.file();
    const options = await hana.call('OPTIONS', path);
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, PATCH, HEAD, OPTIONS']);
    const head = await hana.call('HEAD', path);
    const get = await hana.get(path, { Accept: 'text/csv' });
    expect([head.status, head.body]).toEqual([200, '']);
    for (const name of ['content-type', 'content-length', 'etag'])
      expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
    expect(get.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('H: what is no HTTP, too large or too slow before it is a call is told as a problem, too', async () => {
    const impatient = await listen(createApi(api.dependencies), 0, '127.0.0.1', {
      headersMs: 200,
      idleMs: 1_000,
    });
    const say = async (text: string): Promise<string> => {
      const socket = connect(impatient.port, '127.0.0.1');
      socket.on('error', () => {}).write(text);
      let told = '';
      for await (const part of socket) told += String(part);
      return told;
    };
    try {
      const refused = async (text: string): Promise<[number, string]> => {
        const told = await say(text);
        const { type } = JSON.parse(told.split('\r\n\r\n')[1] ?? '{}') as { type: string };
        return [Number(told.split(' ')[1]), type.replace('urn:deskferry:problem:', '')];
      };
      expect(await refused('MIGRATE / HTTP/1.1\r\n\r\n')).toEqual([400, 'malformed-request']);
      const long = `GET /v1/migrations?text=${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;
      expect(await refused(long)).toEqual([431, 'headers-too-large']);
      expect(await refused('GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ')).toEqual([
        408,
        'headers-too-slow',
      ]);
      expect(await refused('')).toEqual([408, 'headers-too-slow']);
      const malformed = [400, 'malformed-request'];
      expect(await refused('CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n')).toEqual(malformed);
      const hosts = (text: string) => `GET /healthz HTTP/1.1\r\n${text}Connection: close\r\n\r\n`;
      for (const text of ['', 'Host: a\r\nHost: b\r\n'])
        expect([text, await refused(hosts(text))]).toEqual([text, malformed]);
      // what a caller expects beside 100-continue means nothing here
      expect(await say(hosts('Host: a\r\nExpect: the-unexpected\r\n'))).toContain('{"status":"up"}');
    } finally {
      await impatient.close();
    }
  });

  it('H: unknown addresses, methods and parameters are told apart', async () => {
    expect((await hana.get('/v1/nothing')).body.type).toBe('urn:deskferry:problem:not-found');
    const method = await hana.call('PUT', '/v1/migrations', { body: {} });
    expect([method.status, method.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD, OPTIONS']);
    const parameters = await hana.get('/v1/migrations?limit=0&state=GONE&colour=red');
    expect(parameters.status).toBe(400);
    expect(parameters.body.errors.map((each: { parameter: string }) => each.parameter).toSorted()).toEqual([
      'colour',
      'limit',
      'state',
    ]);
    expect((await hana.get('/v1/migrations/%zz')).status).toBe(400);
  });
});

describe('who may do what (F4)', () => {
  it('F4: without a key, or with one that is unknown, revoked or past its time, nothing is answered', async () => {
    const call = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${api.url}/v1/migrations`, { headers })).status;
    expect(await call({})).toBe(401);
    expect(await call({ Authorization: 'Bearer dfk_unknown' })).toBe(401);
    expect(await call({ 'X-API-Key': hana.key })).toBe(200);
    const leaver = await api.caller('requester', tenant);
    expect(await call({ Authorization: `Bearer ${leaver.key}` })).toBe(200);
    await api.stores.keys.revoke(leaver.name, new Date());
    expect(await call({ Authorization: `Bearer ${leaver.key}` })).toBe(401);
    const { key } = await api.stores.keys.create({
      name: 'old',
      role: 'operator',
      tenant: null,
      expiresAt: new Date(1),
    });
    expect(await call({ Authorization: `Bearer ${key}` })).toBe(401);
  });

  it('F4: on every address, the request of another tenant looks like none at all', async () => {
    const path = await hana.file();
    const id = path.split('/').at(-1) ?? '';
    const routes: [string, string, unknown?][] = [
      ['GET', path],
      ['PATCH', path, { remarks: 'mine now' }],
      ['PUT', `${path}/desk`, { kind: 'embedded' }],
      ['DELETE', `${path}/files/a.csv`],
      ['PUT', `${path}/files/a.csv`, 'a,b'],
      ...['precheck', 'submit', 'cancel', 'phase-2', 'replies'].map((name): [string, string, unknown] => [
        'POST',
        `${path}/${name}`,
        name === 'replies' ? { text: 'hello' } : {},
      ]),
      ...['findings', 'progress', 'events', 'audit', 'messages', 'reports/phase-1.zip'].map(
        (name): [string, string] => ['GET', `${path}/${name}`],
      ),
    ];
    for (const [method, address, body] of routes) {
      const theirs = await other.call(method, address, { body });
      const none = await other.call(method, address.replace(id, 'm_none'), { body });
      expect([method, address, theirs.status]).toEqual([method, address, 404]);
      expect(theirs.body.detail).toBe(none.body.detail);
    }
    expect((await hana.get(path)).body.revision).toBe(1);
    expect((await operator.get(path)).status).toBe(200);
    expect((await auditor.get(`${path}/audit`)).status).toBe(200);
    expect((await other.get('/v1/migrations')).body.items).toEqual([]);
  });

  it('F4: a role may do only what is for it', async () => {
    const path = await hana.file();
    for (const name of [
      'verification',
      'approve',
      'reject',
      'send-back',
      'limit',
      'pause',
      'resume',
      'stop',
      'retry',
    ]) {
      expect([name, (await hana.post(`${path}/${name}`, {})).status]).toEqual([name, 403]);
    }
    expect((await operator.post(`${path}/submit`)).status).toBe(403);
    expect((await operator.post('/v1/migrations', {})).status).toBe(403);
    expect((await auditor.post(`${path}/cancel`)).status).toBe(403);
    expect((await hana.get('/v1/queue')).status).toBe(403);
    const nobody = await api.caller('requester', null);
    expect((await nobody.get('/v1/migrations')).body.items).toEqual([]);
    expect((await nobody.get(path)).status).toBe(404);
    expect((await nobody.post('/v1/migrations', {})).status).toBe(403);
  });
});

describe('lists', () => {
  it('H: pages lead through every request once, the newest first', async () => {
    const caller = await api.caller('requester', await api.tenant());
    const made: string[] = [];
    for (let count = 0; count < 5; count++) made.unshift(await caller.file({}));
    const read: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await caller.get(`/v1/migrations?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      read.push(...page.body.items.map((item: { url: string }) => item.url));
      cursor = page.body.next as string | null;
    }
    expect(read).toEqual(made);
  });

  it('H: requests are found by state, portal and text', async () => {
    const caller = await api.caller('requester', await api.tenant('quay', 'pier'));
    const quay = await caller.file({ requester: { ...REQUESTER_BODY, company: 'Ｑｕａｙ Works' } });
    await caller.put(`${quay}/desk`, { kind: 'embedded', portal: 'quay' });
    const gone = await caller.file({ source: { system: 'Pierdesk', kind: 'files' } });
    await caller.post(`${gone}/cancel`);
    const found = async (query: string): Promise<string[]> =>
      (await caller.get(`/v1/migrations?${query}`)).body.items.map((item: { url: string }) => item.url);
    expect(await found('state=CANCELLED')).toEqual([gone]);
    expect(await found('portal=quay')).toEqual([quay]);
    expect(await found('text=quay+works')).toEqual([quay]);
    expect(await found('text=PIERDESK')).toEqual([gone]);
    expect(await found('text=.*')).toEqual([]);
  });
});

const MAPPING = {
  version: 1,
  files: [
    { file: 'p.csv', tabs: [{ tab: 'products', fields: { ProductExtId: 'a.b', 'Product Name': 'n' } }] },
  ],
};

describe('redoing steps', () => {
  it('A2: what is redone replaces the step, the others stay, and the revision grows', async () => {
    const path = await hana.file({ ...STEPS_BODY, remarks: 'first' });
    const after = await hana.patch(path, {
      remarks: 'second',
      encodings: { '連絡先.csv': 'shift_jis' },
      mapping: MAPPING,
    });
    expect(after.headers.get('etag')).toBe('"2"');
    const read = await hana.get(path);
    expect(read.body).toEqual(after.body);
    expect(read.body).toMatchObject({
      revision: 2,
      remarks: 'second',
      requester: REQUESTER_BODY,
      encodings: { '連絡先.csv': 'shift_jis' },
      mapping: MAPPING,
    });
    expect((await hana.patch(path, {})).status).toBe(422);
  });

  it('H: If-Match keeps somebody from undoing what another has changed', async () => {
    const path = await hana.file();
    await hana.patch(path, { remarks: 'second' }, { 'If-Match': '"1"' });
    const stale = await hana.patch(path, { remarks: 'third' }, { 'If-Match': '"1"' });
    expect([stale.status, stale.body.revision, stale.headers.get('etag')]).toEqual([412, 2, '"2"']);
    expect((await hana.get(path)).body.remarks).toBe('second');
  });

  it('A2: changes made at the same time are either kept or refused, never lost', async () => {
    const path = await hana.file({});
    const changes = await Promise.all([
      hana.patch(path, { remarks: 'kept' }),
      hana.patch(path, { tabs: ['agents'] }),
      hana.patch(path, { requester: REQUESTER_BODY }),
    ]);
    const now = (await hana.get(path)).body;
    expect(changes[0].status === 200 ? now.remarks : 'kept').toBe('kept');
    expect(changes[1].status === 200 ? now.tabs : ['agents']).toEqual(['agents']);
    expect(changes[2].status === 200 ? now.requester : REQUESTER_BODY).toEqual(REQUESTER_BODY);
    for (const { status } of changes) expect([200, 409]).toContain(status);
    expect(changes.some(({ status }) => status === 200)).toBe(true);
  });

  it('A2: a change that was refused does not stand in the way of the next', async () => {
    const caller = await api.caller('requester', await api.tenant('dock'));
    const first = await caller.file({ desk: { kind: 'embedded' } });
    const second = await caller.file({});
    expect((await caller.put(`${second}/desk`, { kind: 'embedded', portal: 'dock' })).status).toBe(409);
    expect((await caller.patch(second, { remarks: 'still here' })).body.remarks).toBe('still here');
    await caller.post(`${first}/cancel`);
    await api.freed('dock');
    expect((await caller.put(`${second}/desk`, { kind: 'embedded' })).body.portal).toBe('dock');
  });
});

describe('the desk', () => {
  it('A2: authorising answers the portals of the tenant; the only one is chosen by itself', async () => {
    const path = await hana.file();
    const several = await hana.put(`${path}/desk`, { kind: 'embedded' });
    expect(several.body).toEqual({
      portals: [
        { id: 'north', name: 'Portal north', plan: 'paid' },
        { id: 'south', name: 'Portal south', plan: 'paid' },
      ],
      portal: null,
    });
    expect((await hana.get(path)).body.missingSteps).toEqual(['files', 'portal']);
    expect((await hana.put(`${path}/desk`, { kind: 'embedded', portal: 'south' })).body.portal).toBe('south');
    expect((await hana.put(`${path}/desk`, { kind: 'embedded' })).body.portal).toBe('south');
    const wrong = await hana.put(`${path}/desk`, { kind: 'embedded', portal: 'elsewhere' });
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([422, '/portal']);

    const only = await other.file();
    expect((await other.put(`${only}/desk`, { kind: 'embedded' })).body.portal).toBe('elsewhere');
    const homeless = await api.caller('requester', await api.tenant());
    expect((await homeless.put(`${await homeless.file()}/desk`, { kind: 'embedded' })).status).toBe(409);
  });

  it('A8: a taken portal is refused, with a link to the request that holds it', async () => {
    const caller = await api.caller('requester', await api.tenant('bay'));
    const first = await caller.file();
    await caller.put(`${first}/desk`, { kind: 'embedded' });
    const second = await caller.put(`${await caller.file()}/desk`, { kind: 'embedded' });
    expect(second.status).toBe(409);
    expect(second.body.url).toBe(first);
  });

  it('B2: integrations are switched by their tenant, and not on while a migration runs', async () => {
    const owner = await api.tenant('cape');
    const caller = await api.caller('requester', owner);
    const on = await caller.patch('/v1/portals/cape/integrations', { zohoCrm: true });
    expect(on.body.integrations).toEqual({ zohoCrm: true, salesforce: false });
    await caller.patch('/v1/portals/cape/integrations', { zohoCrm: false });
    await api.lockIntegrations('cape', 'm_running');
    const locked = await caller.patch('/v1/portals/cape/integrations', { salesforce: true });
    expect([locked.status, locked.body.request]).toEqual([409, 'm_running']);
    expect((await caller.get('/v1/portals/cape')).body).toMatchObject({
      integrationsLockedBy: 'm_running',
      open: true,
    });
    expect((await other.patch('/v1/portals/cape/integrations', { salesforce: true })).status).toBe(404);
    expect((await other.get('/v1/portals/cape')).status).toBe(404);
    expect((await other.get('/v1/portals')).body.portals.map((portal: { id: string }) => portal.id)).toEqual([
      'elsewhere',
    ]);
    expect((await operator.get(`/v1/portals?tenant=${owner}`)).body.portals).toHaveLength(1);
    expect((await operator.get('/v1/portals')).body.portals.length).toBeGreaterThan(2);
  });
});

describe('Idempotency-Key', () => {
  const key = (name: string): Record<string, string> => ({ 'Idempotency-Key': name });

  it('H: the same call again is answered the same and done once', async () => {
    const caller = await api.caller('requester', await api.tenant());
    const first = await caller.post('/v1/migrations', STEPS_BODY, key('k1'));
    const again = await caller.post('/v1/migrations', STEPS_BODY, key('k1'));
    expect([again.status, again.body, again.headers.get('location')]).toEqual([
      201,
      first.body,
      first.headers.get('location'),
    ]);
    expect((await caller.get('/v1/migrations')).body.items).toHaveLength(1);
    const elsewhere = await hana.post('/v1/migrations', STEPS_BODY, key('k1'));
    expect(elsewhere.body.id).not.toBe(first.body.id);
  });

  it('H: a key that came with another body is refused', async () => {
    await hana.post('/v1/migrations', {}, key('k2'));
    const reused = await hana.post('/v1/migrations', STEPS_BODY, key('k2'));
    expect([reused.status, reused.body.type]).toEqual([422, 'urn:deskferry:problem:idempotency-key-reused']);
    expect((await hana.post('/v1/migrations', {}, key('with a space'))).status).toBe(400);
  });

  it('H: of calls at the same time one is done; the others are told to wait or answered the same', async () => {
    const caller = await api.caller('requester', await api.tenant());
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => caller.post('/v1/migrations', {}, key('k3'))),
    );
    const ids = new Set(answers.flatMap(({ status, body }) => (status === 201 ? [body.id] : [])));
    expect(ids.size).toBe(1);
    const others = answers.filter(({ status }) => status !== 201);
    expect(others.every(({ status, headers }) => status === 409 && headers.get('retry-after') === '1')).toBe(
      true,
    );
    expect((await caller.get('/v1/migrations')).body.items).toHaveLength(1);
  });

  it('H: a day later a key is as good as new: what is sent with it is done, not taken for what came before', async () => {
    const expire = () =>
      api.database.db
        .collection('idempotency')
        .updateMany(
          { expiresAt: { $lt: new Date(Date.now() + 25 * 3_600_000) } },
          { $set: { expiresAt: new Date(0) } },
        );
    const first = await hana.post('/v1/migrations', { remarks: 'first' }, key('daily'));
    const path = first.headers.get('location') ?? '';
    const grant = async (files: number) =>
      (await operator.post(`${path}/limit`, { files, reason: 'r' }, key('daily'))).body.limits?.files;
    expect(await grant(6)).toBe(6);
    await expire();
    const next = await hana.post('/v1/migrations', { remarks: 'next' }, key('daily'));
    expect([next.body.remarks, next.body.id === first.body.id]).toEqual(['next', false]);
    expect(await grant(7)).toBe(7);
  });

  it('H: a refused command may be tried again under the same key', async () => {
    const path = await hana.file();
    expect((await hana.post(`${path}/submit`, {}, key('k4'))).body.type).toBe(
      'urn:deskferry:problem:step-missing',
    );
    expect((await hana.post(`${path}/cancel`, {}, key('k4'))).status).toBe(202);
    const twice = await hana.post(`${path}/cancel`, {}, key('k4'));
    expect([twice.status, twice.body.state]).toEqual([202, 'CANCELLED']);
  });
});

describe('the service', () => {
  const open = async (path: string): Promise<Response> => fetch(`${api.url}${path}`);

  it('H: tells that it lives, that it is ready, and what it measures, without ids', async () => {
    expect(await (await open('/healthz')).json()).toEqual({ status: 'up' });
    expect(await (await open('/readyz')).json()).toEqual({
      status: 'ready',
      checks: { temporal: 'up', mongodb: 'up', storage: 'up' },
    });
    const path = await hana.file();
    await hana.get(path);
    const key = await (await open('/v1/report-key')).text();
    expect(key).toContain('BEGIN PUBLIC KEY');
    const measured = await (await open('/metrics')).text();
    expect(measured).toContain(
      'deskferry_api_call_duration_seconds_count{method="GET",route="/v1/migrations/:request",status="200"}',
    );
    expect(measured).not.toContain(path.split('/').at(-1));
  });

  it('H: a MongoDB that changes its primary, or has no room, is told to try again', async () => {
    const { requests } = api.stores;
    const answered = async (code: number): Promise<unknown[]> => {
      const failing: typeof requests = {
        ...requests,
        // the driver's own error, after its own attempts
        list: () => Promise.reject(new MongoServerError({ errmsg: 'no', code })),
      };
      const beside = await api.beside({}, { stores: { ...api.stores, requests: failing } });
      try {
        const { status, headers, body } = await hana
          .at(`http://127.0.0.1:${beside.port}`)
          .get('/v1/migrations');
        return [status, headers.get('retry-after'), body.type];
      } finally {
        await beside.close();
      }
    };
    // NotWritablePrimary, PrimarySteppedDown, InterruptedAtShutdown
    for (const code of [10_107, 189, 11_600])
      expect(await answered(code)).toEqual([503, '5', 'urn:deskferry:problem:unavailable']);
    expect(await answered(14_031)).toEqual([507, '300', 'urn:deskferry:problem:storage-full']);
    expect(await answered(2)).toEqual([500, null, 'urn:deskferry:problem:internal-error']);
  });

  it('H: every mounted address is described in OpenAPI 3.1, and on a page without scripts', async () => {
    const document = (await (await open('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
      components: { schemas: Record<string, unknown> };
    };
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
    expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(operations.length);
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        expect([path, method, 'default' in operation.responses]).toEqual([path, method, true]);
      }
    }
    const references = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      (match) => match[1] ?? '',
    );
    expect(references.length).toBeGreaterThan(20);
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);

    const page = await (await open('/docs')).text();
    for (const path of Object.keys(document.paths)) expect(page).toContain(path);
    expect(page).not.toContain('<script');
  });

  it('H: answers carry no cookie, are kept by no cache, and are for no other site', async () => {
    const answer = await hana.get('/v1/migrations', { Origin: 'https://evil.example' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('x-powered-by')).toBeNull();
    expect(answer.headers.get('set-cookie')).toBeNull();
  });

  it('F4: the log has an id for every call, and neither keys, names nor bodies', async () => {
    const answer = await hana.post(
      '/v1/migrations',
      { remarks: 'a secret wish' },
      { 'X-Request-Id': 'trace-0123456789' },
    );
    expect(answer.headers.get('x-request-id')).toBe('trace-0123456789');
    const problem = await hana.get('/v1/migrations/m_none', { 'X-Request-Id': 'trace-9876543210' });
    expect(problem.body.instance).toBe('urn:deskferry:call:trace-9876543210');
    const log = api.log.join('');
    expect(log).toContain('trace-0123456789');
    for (const secret of [hana.key, 'secret wish', REQUESTER_BODY.mail, REQUESTER_BODY.name, 'dfk_']) {
      expect(log).not.toContain(secret);
    }
  });
});
