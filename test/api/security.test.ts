import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiConfiguration, assembleApi } from '../../api/app.ts';
import { openApiDocument } from '../../api/openapi.ts';
import type { Route } from '../../api/route.ts';
import { createRoutes } from '../../api/routes.ts';
import { ApiUnderTest, type Caller, STEPS_BODY, until } from './environment.ts';
import { AUDIENCE, startTestIssuer } from './token-issuer.ts';

let api: ApiUnderTest;
let routes: Route[];
let tenant: string;
let hana: Caller;
/** those who may see nothing of hers */
let strangers: Caller[];
let path: string;
let upload: string;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const OFFSET_TYPE = 'application/offset+octet-stream';
const MAPPING = {
  version: 1,
  files: [
    { file: 'p.csv', tabs: [{ tab: 'products', fields: { ProductExtId: 'id', 'Product Name': 'n' } }] },
  ],
};

beforeAll(async () => {
  api = await ApiUnderTest.start();
  routes = createRoutes(assembleApi(api.dependencies));
  tenant = await api.tenant('north');
  const elsewhere = await api.tenant('elsewhere');
  hana = await api.caller('requester', tenant);
  strangers = [
    await api.caller('requester', elsewhere),
    await api.caller('requester', null),
    await api.caller('operator', elsewhere),
    await api.caller('auditor', elsewhere),
  ];
  path = await hana.file({ ...STEPS_BODY, desk: { kind: 'embedded' } });
  await hana.upload(`${path}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
  await hana.put('/v1/mappings/Contacts.csv', MAPPING);
  const begun = await hana.call('POST', '/v1/uploads', {
    headers: {
      'Tus-Resumable': '1.0.0',
      'Upload-Length': '4',
      'Upload-Metadata': `migration ${base64(path.split('/').at(-1) ?? '')},filename ${base64('b.csv')}`,
    },
  });
  upload = begun.headers.get('location')?.split('/').at(-1) ?? '';
});
afterAll(() => api.stop());

/** Bodies with which a call gets as far as to what it is about. */
const BODIES: Readonly<Record<string, unknown>> = {
  authoriseDesk: { kind: 'embedded' },
  redoSteps: { remarks: 'mine now' },
  grantLimits: { files: 6, reason: 'r' },
  retryTab: { tab: 'contacts' },
  reply: { text: 'hello' },
  giveSourceKey: { key: 'key-of-a-source' },
  switchIntegrations: { salesforce: true },
};

/** What is sent to a route so that nothing but what it is about can be refused. */
function bodyFor(route: Route): unknown {
  if (route.body === null && route.streams === undefined) return undefined;
  const bodies = [BODIES[route.operation], {}, { reason: 'r' }];
  return bodies.find((body) => body !== undefined && (route.body?.safeParse(body).success ?? true));
}

/** An address of a route about what is hers, or about what is not there at all. */
function addressOf(route: Route, there: boolean): string {
  const request = path.split('/').at(-1) ?? '';
  const mine: Readonly<Record<string, string>> = {
    request,
    portal: 'north',
    upload,
    name: route.path.includes('/reports/') ? 'phase-1' : 'Contacts.csv',
  };
  const none: Readonly<Record<string, string>> = {
    ...mine,
    request: request.replace(/.{4}$/, '0000'),
    portal: 'south',
    upload: upload.replace(/.{4}$/, '0000'),
    ...(route.path.startsWith('/v1/mappings/') ? { name: 'none' } : {}),
  };
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (there ? mine : none)[name] ?? '?');
}

interface Answered {
  status: number;
  headers: Headers;
  text: string;
}

async function call(
  who: Pick<Caller, 'key'> | null,
  method: string,
  address: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const answer = await fetch(`${api.url}${address}`, {
    method,
    headers: {
      'Tus-Resumable': '1.0.0',
      ...(who === null ? {} : { Authorization: `Bearer ${who.key}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** What an answer says, without what names the very call. */
const told = ({ text }: Answered): string => text.replaceAll(/urn:deskferry:call:[\w-]+/g, '');

/** A served copy of the API with another configuration. */
async function servedWith<T>(
  config: Partial<ApiConfiguration>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const listening = await api.beside(config);
  try {
    return await use(`http://127.0.0.1:${listening.port}`);
  } finally {
    await listening.close();
  }
}

describe('F4: every route of the table', () => {
  it('F4: answers nobody without a key but those that are for everybody', async () => {
    for (const route of routes) {
      const { status } = await call(null, route.method.toUpperCase(), addressOf(route, true));
      expect([route.operation, status]).toEqual([
        route.operation,
        route.who === 'public' ? (route.method === 'options' ? 204 : 200) : 401,
      ]);
    }
    expect((await call(null, 'GET', '/v1/nothing')).status).toBe(401);
    expect((await call(null, 'PUT', '/v1/migrations')).status).toBe(401);
  });

  it('F4: refuses every role it is not for', async () => {
    const roles = {
      requester: hana,
      operator: await api.caller('operator', null),
      auditor: await api.caller('auditor', null),
    };
    for (const route of routes) {
      for (const role of ['requester', 'operator', 'auditor'] as const) {
        if (route.who === 'public' || route.who.includes(role)) continue;
        const { status } = await call(roles[role], route.method.toUpperCase(), addressOf(route, true));
        expect([route.operation, role, status]).toEqual([route.operation, role, 403]);
      }
    }
    for (const route of routes) {
      // what is to be decrypted is too much for an address; nothing is changed by it
      const reads = ['get', 'head', 'options'].includes(route.method) || route.operation === 'decodePayloads';
      const changes = !reads;
      expect([route.operation, changes && route.who.includes('auditor')]).toEqual([route.operation, false]);
      // a tenant's saved mappings are its own; what a request is read by stands in the request
      const isRead =
        route.method === 'get' && route.tag !== 'Service' && !route.path.startsWith('/v1/mappings');
      expect([route.operation, isRead && !route.who.includes('auditor')]).toEqual([route.operation, false]);
    }
  });

  it('F4: tells nobody of another tenant what is there', async () => {
    const before: unknown = (await hana.get(path)).body;
    const about = routes.filter((route) => route.path.includes('{') && route.operation !== 'saveMapping');
    expect(about.length).toBeGreaterThan(30);
    let calls = 0;
    for (const route of about) {
      for (const who of strangers) {
        if (route.who === 'public' || !route.who.includes(who.role)) continue;
        const ask = (there: boolean): Promise<Answered> =>
          call(
            who,
            route.method.toUpperCase(),
            addressOf(route, there),
            bodyFor(route),
            route.operation === 'continueUpload' ? { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': '0' } : {},
          );
        const [mine, none] = [await ask(true), await ask(false)];
        // who belongs to no tenant owns no mappings, and is told so
        const status = route.path.startsWith('/v1/mappings/') && mine.status === 403 ? 403 : 404;
        expect([route.operation, who.name, mine.status]).toEqual([route.operation, who.name, status]);
        expect([route.operation, told(mine)]).toEqual([route.operation, told(none)]);
        calls += 1;
      }
    }
    expect(calls).toBeGreaterThan(60);
    expect((await hana.get(path)).body).toEqual(before);
    expect((await hana.get('/v1/portals/north')).body).toMatchObject({ integrations: { salesforce: false } });
  });

  it('F4: lists show nothing of another tenant', async () => {
    const lists = routes.filter(
      (route) => route.method === 'get' && route.path.startsWith('/v1/') && !route.path.includes('{'),
    );
    expect(lists.map((route) => route.path)).toEqual(expect.arrayContaining(['/v1/migrations', '/v1/queue']));
    for (const route of lists) {
      for (const who of strangers) {
        const { text } = await call(who, 'GET', route.path);
        for (const hers of [path, '"north"', 'Contacts.csv'])
          expect([route.path, who.name, text.includes(hers)]).toEqual([route.path, who.name, false]);
      }
    }
    const [stranger] = strangers;
    expect((await stranger?.put('/v1/mappings/Contacts.csv', MAPPING))?.status).toBe(201);
    expect((await stranger?.call('DELETE', '/v1/mappings/Contacts.csv'))?.status).toBe(204);
    expect((await hana.get('/v1/mappings/Contacts.csv')).status).toBe(200);
  });

  it('H: takes no member it does not know: no operator of the database, no prototype', async () => {
    const operator = await api.caller('operator', null);
    const withBody = routes.filter((route) => route.body !== null);
    expect(withBody.length).toBeGreaterThan(15);
    for (const route of withBody) {
      const who = route.who.includes('requester') ? hana : operator;
      for (const [pointer, body] of Object.entries({
        '/$where': '{"$where":"sleep(1000)"}',
        '/__proto__': '{"__proto__":{"role":"operator"}}',
        '/constructor': '{"constructor":{"prototype":{"role":"operator"}}}',
      })) {
        const answer = await fetch(`${api.url}${addressOf(route, true)}`, {
          method: route.method.toUpperCase(),
          headers: { Authorization: `Bearer ${who.key}`, 'Content-Type': 'application/json' },
          body,
        });
        const { errors } = (await answer.json()) as { errors?: { pointer: string }[] };
        expect([route.operation, answer.status]).toEqual([route.operation, 422]);
        expect([route.operation, errors?.map((error) => error.pointer)]).toEqual([
          route.operation,
          expect.arrayContaining([pointer]),
        ]);
      }
    }
    expect(Object.prototype).not.toHaveProperty('role');
    for (const query of [
      'state[$ne]=PENDING',
      'text[$regex]=.',
      'cursor[$gt]=',
      '__proto__[x]=1',
      'limit=1&limit=2',
    ])
      expect([query, (await hana.get(`/v1/migrations?${query}`)).status]).toEqual([query, 400]);
  });
});

describe('F4: what outlives its right', () => {
  it('F4: an event stream ends when its key is revoked', async () => {
    const leaver = await api.caller('requester', tenant);
    const answer = await fetch(`${api.url}${path}/events`, {
      headers: { Authorization: `Bearer ${leaver.key}` },
    });
    const reader = answer.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    await api.stores.keys.revoke(leaver.name, new Date());
    let over = false;
    void (async () => {
      while ((await reader?.read())?.done === false);
      over = true;
    })();
    await until('the stream ends', async () => over);
  });

  it('F4: what a key sends slowly is not taken when it is revoked meanwhile, whichever way it comes', async () => {
    const leaver = await api.caller('requester', tenant);
    const own = await leaver.file();
    const id = own.split('/').at(-1) ?? '';
    const begun = await leaver.call('POST', '/v1/uploads', {
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Length': '8',
        'Upload-Metadata': `migration ${base64(id)},filename ${base64('tus.csv')}`,
      },
    });
    const revoked = Promise.withResolvers<void>();
    const slow = async (method: string, address: string, type: string, parts: [string, string]) => {
      const bytes = parts.map((part) => new Uint8Array(Buffer.from(part)));
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          for (const part of bytes.slice(0, 1)) controller.enqueue(part);
          await revoked.promise;
          for (const part of bytes.slice(1)) controller.enqueue(part);
          controller.close();
        },
      });
      const answer = await fetch(`${api.url}${address}`, {
        method,
        headers: {
          Authorization: `Bearer ${leaver.key}`,
          'Content-Type': type,
          'Tus-Resumable': '1.0.0',
          'Upload-Offset': '0',
        },
        body,
        duplex: 'half',
      });
      await answer.body?.cancel();
      return answer.status;
    };
    const calls = [
      slow('PUT', `${own}/files/put.csv`, 'text/csv', ['half', 'half']),
      slow('PATCH', begun.headers.get('location') ?? '', OFFSET_TYPE, ['half', 'half']),
      slow('POST', `${own}/cancel`, 'application/json', ['{"reason":', '"r"}']),
    ];
    // all of them are under way for longer than a body is not asked about
    const at = performance.now();
    await until('they are under way', async () => performance.now() - at > 1_500);
    await api.stores.keys.revoke(leaver.name, new Date());
    revoked.resolve();
    expect(await Promise.all(calls)).toEqual([401, 401, 401]);
    expect((await hana.get(own)).body).toMatchObject({ state: 'PENDING', files: [] });
    expect(await api.stored(`uploads/${id}/`)).toEqual([]);
  });

  it('H: thirty watchers cost as many looks as one, hear what is new once, and are let go when the process stops', async () => {
    let looks = 0;
    const { requests } = api.stores;
    const counted: typeof requests = {
      ...requests,
      get(id) {
        looks += 1;
        return requests.get(id);
      },
    };
    const beside = await api.beside(
      { eventsMs: 100, heartbeatMs: 300 },
      { stores: { ...api.stores, requests: counted } },
    );
    const heard: string[] = [];
    const watch = async (lastEventId = ''): Promise<number> => {
      const mine = heard.push('') - 1;
      const answer = await fetch(`http://127.0.0.1:${beside.port}${path}/events`, {
        headers: { Authorization: `Bearer ${hana.key}`, 'Last-Event-ID': lastEventId },
      });
      void (async () => {
        for await (const part of answer.body ?? []) heard[mine] += Buffer.from(part).toString();
        heard[mine] += 'END';
      })();
      return mine;
    };
    for (let count = 0; count < 30; count++) await watch();
    await until('all have heard', async () => heard.every((each) => each.includes('event: progress')));
    const { headers } = await fetch(`http://127.0.0.1:${beside.port}${path}/progress`, {
      headers: { Authorization: `Bearer ${hana.key}` },
    });
    expect(headers.get('content-type')).toContain('application/json');
    const [before, at] = [looks, performance.now()];
    await until('time has passed', async () => performance.now() - at > 1_500);
    expect(looks - before).toBeLessThanOrEqual(Math.ceil((performance.now() - at) / 100));
    expect(looks - before).toBeGreaterThan(0);

    // the same numbers as the progress document, told once; then only that the stream stands
    const progress: unknown = (await hana.get(`${path}/progress`)).body;
    const events = heard.map((each) => [...each.matchAll(/^id: (.+)\nevent: progress\ndata: (.+)$/gm)]);
    for (const told of events) expect(told.map(([, , data = '']) => JSON.parse(data))).toEqual([progress]);
    const again = await watch(events[0]?.[0]?.[1]);
    await until('the stream stands', async () => heard[again]?.includes(': still here') === true);
    expect(heard[again]).not.toContain('event:');

    await hana.patch(path, { remarks: 'changes nothing that is watched' });
    const stopping = performance.now();
    await beside.close();
    expect(performance.now() - stopping).toBeLessThan(8_000);
    await until('all were let go', async () => heard.every((each) => each.endsWith('END')));
  });

  it('H: a key has so many event streams open and no more', async () => {
    const watcher = await api.caller('requester', tenant);
    const leaving = new AbortController();
    // held, because a stream nobody holds any more is closed
    const held: Response[] = [];
    const open = async (): Promise<number> => {
      const answer = await fetch(`${api.url}${path}/events`, {
        headers: { Authorization: `Bearer ${watcher.key}` },
        signal: leaving.signal,
      });
      held.push(answer);
      return answer.status;
    };
    for (let count = 0; count < 50; count++) expect(await open()).toBe(200);
    expect(await open()).toBe(429);
    expect(held).toHaveLength(51);
    leaving.abort();
    await until('they are closed', async () => {
      const answer = await fetch(`${api.url}${path}/events`, {
        headers: { Authorization: `Bearer ${watcher.key}` },
      });
      await answer.body?.cancel();
      return answer.status === 200;
    });
  });

  it('F4: tokens of the configured provider are taken, others are not, and keys still are', async () => {
    const issuer = await startTestIssuer();
    try {
      const oidc = { issuer: issuer.url, audience: AUDIENCE, roleClaim: 'role', tenantClaim: 'tenant' };
      const requester = await issuer.token({ role: 'requester', tenant });
      expect((await call({ key: requester }, 'GET', path)).status).toBe(401);
      await servedWith({ oidc }, async (url) => {
        const status = async (key: string, address = path): Promise<number> =>
          (await fetch(`${url}${address}`, { headers: { Authorization: `Bearer ${key}` } })).status;
        expect(await status(requester)).toBe(200);
        expect(await status(await issuer.token({ role: 'requester', tenant: 'another' }))).toBe(404);
        expect(await status(await issuer.token({ role: 'requester' }))).toBe(404);
        expect(await status(await issuer.token({ role: 'operator' }))).toBe(200);
        expect(await status(await issuer.token({ role: 'operator', tenant: 'another' }))).toBe(404);
        expect(await status(await issuer.token({ role: 'auditor' }), '/v1/queue')).toBe(200);
        expect(await status(await issuer.token({ role: 'root' }))).toBe(403);
        expect(await status(await issuer.token({ aud: 'another' }))).toBe(401);
        expect(await status(hana.key)).toBe(200);
        // whoever works for two tenants is answered for each by itself
        const filed = async (of: string): Promise<unknown[]> => {
          const answer = await fetch(`${url}/v1/migrations`, {
            method: 'POST',
            headers: {
              Authorization: `Bearer ${await issuer.token({ role: 'requester', tenant: of })}`,
              'Content-Type': 'application/json',
              'Idempotency-Key': 'of-two-tenants',
            },
            body: '{}',
          });
          return [answer.status, ((await answer.json()) as { id: string }).id];
        };
        const [mine, theirs] = [await filed(tenant), await filed('another')];
        expect(theirs).toEqual([201, expect.not.stringMatching(String(mine[1]))]);
        expect(await filed(tenant)).toEqual(mine);
      });
      expect(api.log.join('')).not.toContain(requester);
    } finally {
      await issuer.close();
    }
  });
});

describe('F4: who calls from where', () => {
  it('F3, F4: only the pages of the Temporal Web UI may have payloads decrypted, for those who see all', async () => {
    const uis = { corsOrigins: ['https://console.example'], temporalUiOrigins: ['https://temporal.example'] };
    const preflight = (origin: string) => ({ Origin: origin, 'Access-Control-Request-Method': 'POST' });
    await servedWith(uis, async (url) => {
      for (const [address, origin, status] of [
        ['/v1/codec/decode', 'https://temporal.example', 204],
        ['/v1/codec/decode', 'https://console.example', 401],
        [path, 'https://temporal.example', 401],
      ] as const) {
        const headers = preflight(origin);
        const answer = await fetch(`${url}${address}`, { method: 'OPTIONS', headers });
        expect([address, origin, answer.status]).toEqual([address, origin, status]);
        expect(answer.headers.get('access-control-allow-origin')).toBe(status === 204 ? origin : null);
      }
    });
    const [, , ofOneTenant, auditorOfOne] = strangers;
    const sealed = { payloads: [{ metadata: { encoding: base64('binary/encrypted') }, data: base64('?') }] };
    const open = { payloads: [{ metadata: { encoding: base64('json/plain') }, data: base64('1') }] };
    for (const who of [ofOneTenant, auditorOfOne])
      expect((await call(who ?? null, 'POST', '/v1/codec/decode', open)).status).toBe(403);
    const auditor = await api.caller('auditor', null);
    expect((await call(auditor, 'POST', '/v1/codec/decode', open)).status).toBe(200);
    // no key is configured here: what is sealed goes out as it came
    expect(JSON.parse((await call(auditor, 'POST', '/v1/codec/decode', sealed)).text)).toEqual(sealed);
  });

  it('F4: pages of other origins get nothing unless theirs is configured', async () => {
    const preflight = {
      Origin: 'https://console.example',
      'Access-Control-Request-Method': 'PATCH',
      'Access-Control-Request-Headers': 'authorization, upload-offset',
    };
    const refused = await call(null, 'OPTIONS', path, undefined, preflight);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, null]);
    await servedWith({ corsOrigins: ['https://console.example'] }, async (url) => {
      const ask = (method: string, headers: Record<string, string>): Promise<Response> =>
        fetch(`${url}${path}`, { method, headers });
      const allowed = await ask('OPTIONS', preflight);
      expect([
        allowed.status,
        allowed.headers.get('access-control-allow-origin'),
        allowed.headers.get('vary'),
      ]).toEqual([204, 'https://console.example', 'Origin']);
      expect(allowed.headers.get('access-control-allow-methods')).toContain('PATCH');
      expect(allowed.headers.get('access-control-allow-headers')).toContain('Upload-Offset');
      expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
      const read = await ask('GET', { ...preflight, Authorization: `Bearer ${hana.key}` });
      expect([read.status, read.headers.get('access-control-allow-origin')]).toEqual([
        200,
        'https://console.example',
      ]);
      expect(read.headers.get('access-control-expose-headers')).toContain('ETag');
      for (const origin of ['https://console.example.evil', 'http://console.example', 'null']) {
        const other = await ask('OPTIONS', { ...preflight, Origin: origin });
        expect([origin, other.status, other.headers.get('access-control-allow-origin')]).toEqual([
          origin,
          401,
          null,
        ]);
      }
    });
  });

  it('F4: a page whose origin is configured may send and read every header that means something', async () => {
    const document = openApiDocument('', routes);
    const operations = Object.values(document.paths ?? {}).flatMap((item) => Object.values(item)) as {
      parameters?: { in: string; name: string }[];
      responses: Record<string, { headers?: object }>;
    }[];
    const sent = operations.flatMap(({ parameters = [] }) =>
      parameters.flatMap((each) => (each.in === 'header' ? [each.name] : [])),
    );
    const told = operations.flatMap(({ responses }) =>
      Object.values(responses).flatMap(({ headers = {} }) => Object.keys(headers)),
    );
    expect(sent).toContain('If-None-Match');
    expect(told).toContain('Content-Disposition');
    await servedWith({ corsOrigins: ['https://console.example'] }, async (url) => {
      const { headers } = await fetch(`${url}${path}`, {
        method: 'OPTIONS',
        headers: { Origin: 'https://console.example', 'Access-Control-Request-Method': 'PUT' },
      });
      const listed = (name: string): string[] => (headers.get(name) ?? '').split(', ');
      expect(listed('access-control-allow-headers')).toEqual(expect.arrayContaining([...new Set(sent)]));
      expect(listed('access-control-expose-headers')).toEqual(
        expect.arrayContaining([...new Set(told)].filter((name) => name !== 'Content-Length')),
      );
    });
  });

  it('F4: guesses at keys are limited by address; X-Forwarded-For counts only behind a trusted proxy', async () => {
    const guess = async (url: string, from: string): Promise<number> =>
      (
        await fetch(`${url}/v1/migrations`, {
          headers: { Authorization: 'Bearer dfk_guess', 'X-Forwarded-For': from },
        })
      ).status;
    await servedWith({ callsPerMinute: 2 }, async (url) => {
      expect([await guess(url, '192.0.2.1'), await guess(url, '192.0.2.2')]).toEqual([401, 401]);
      const third = await fetch(`${url}/healthz`, { headers: { 'X-Forwarded-For': '192.0.2.3' } });
      expect(third.status).toBe(429);
      expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
      // a key that is known is not kept out by those who guess from the same address
      expect(
        (await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${hana.key}` } })).status,
      ).toBe(200);
    });
    await servedWith({ callsPerMinute: 2, trustProxy: 1 }, async (url) => {
      const from = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.1', '192.0.2.1'];
      const statuses: number[] = [];
      for (const address of from) statuses.push(await guess(url, address));
      expect(statuses).toEqual([401, 401, 401, 401, 429]);
    });
  });

  it('F4: neither a key nor a signature reaches the log', async () => {
    await call(hana, 'GET', path);
    await call(null, 'GET', `${path}/reports/phase-1.zip?version=1&expires=1&signature=c2lnbmF0dXJl`);
    await call({ key: 'dfk_a-key-that-is-not-known' }, 'GET', path);
    // an address may hold what was pasted into it
    await call(hana, 'POST', '/v1/migrations/dfk_a-key-in-an-address/approve');
    const log = api.log.join('');
    expect(log).toContain('/v1/migrations/:request/reports/:name.zip');
    for (const secret of [hana.key, 'c2lnbmF0dXJl', 'dfk_']) expect(log).not.toContain(secret);
  });
});
