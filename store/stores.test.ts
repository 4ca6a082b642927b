import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_DRAFT, type Requester } from '../domain/request.ts';
import { startTestDatabase } from '../test/database.ts';
import { requestProgress } from '../test/request-progress.ts';
import { openDatabase } from './database.ts';
import { bodyHash, type IdempotentCall } from './idempotency.ts';
import { newRequestId, type RequestProgress, type RequestTyped } from './requests.ts';
import { createStores, type Stores } from './stores.ts';
import { uploadKey } from './uploads.ts';

let server: Awaited<ReturnType<typeof startTestDatabase>>;
let stores: Stores;
beforeAll(async () => {
  server = await startTestDatabase();
  stores = createStores(server.database.db, null);
});
afterAll(() => server.stop());

const at = new Date('2026-01-02T03:04:05.678Z');

const requester: Requester = {
  name: '森 綾',
  mail: 'aya@kitahama.example',
  company: 'Ｋｉｔａｈａｍａ (Tools) Ltd.',
  locale: 'ja',
  timeZone: 'Asia/Tokyo',
};

function progress(request: string, more: Partial<RequestProgress> = {}): RequestProgress {
  const [createdAt, expiresAt] = [at.getTime(), at.getTime() + 1_000];
  return requestProgress(request, { runId: 'run-1', missingSteps: ['files'], createdAt, expiresAt, ...more });
}

const typed: RequestTyped = {
  tenant: 'kitahama',
  draft: {
    ...EMPTY_DRAFT,
    requester,
    encodings: { 'a.b/$c.csv': 'shift_jis' },
    mapping: { 'x.y': { $z: 1 } },
  },
  files: [],
};

describe('requests', () => {
  test('A1: a request shows what its process knows and what was typed, in times and labels', async () => {
    const id = newRequestId();
    const files = [{ name: 'Tickets.csv', bytes: 12, sha256: 'ab', uploadedAt: at }];
    const window = { opensAt: at.getTime(), endsAt: at.getTime() + 5 };
    await stores.requests.put(
      progress(id, {
        state: 'REPLY_WINDOW',
        paused: { since: at.getTime(), by: 'operator:o', reason: 'r' },
        replyWindow: window,
        phases: [{ phase: 'phase-1', startedAt: at.getTime(), endedAt: null, tabs: {} }],
        reports: [{ name: 'phase-1', version: 1, at: at.getTime() }],
      }),
      { ...typed, files },
    );
    expect(await stores.requests.get(id)).toMatchObject({
      id,
      tenant: 'kitahama',
      state: 'REPLY_WINDOW',
      stateLabel: { ja: '返信受付中', en: 'Reply window' },
      paused: { since: at, by: 'operator:o', reason: 'r' },
      requester,
      encodings: { 'a.b/$c.csv': 'shift_jis' },
      mapping: { 'x.y': { $z: 1 } },
      files,
      replyWindow: { opensAt: at, endsAt: new Date(window.endsAt) },
      phases: [{ phase: 'phase-1', startedAt: at, endedAt: null, tabs: {} }],
      reports: [{ name: 'phase-1', version: 1, at }],
      createdAt: at,
      submittedAt: null,
    });
    const keys = Object.keys((await stores.requests.get(id)) ?? {});
    expect(keys).not.toContain('_id');
    expect(keys).not.toContain('search');
    expect(await stores.requests.get('m_nothing')).toBeNull();
  });

  test('D3: an older snapshot never overwrites a newer one, also when all arrive at once', async () => {
    const id = newRequestId();
    const order = [3, 9, 1, 7, 10, 2, 8, 4, 6, 5, 10];
    const answers = await Promise.all(
      order.map((sequence) => stores.requests.put(progress(id, { sequence, revision: sequence }), typed)),
    );
    expect((await stores.requests.get(id))?.revision).toBe(10);
    expect(answers.filter(({ result }) => result === 'written').length).toBeGreaterThan(0);
    expect(await stores.requests.put(progress(id, { sequence: 10 }), typed)).toEqual({ result: 'older' });
    expect((await stores.requests.get(id))?.revision).toBe(10);
  });

  test('D3: another run writes only when it is known to have taken the place', async () => {
    const id = newRequestId();
    await stores.requests.put(progress(id, { sequence: 9, revision: 9 }), typed);
    const later = progress(id, { runId: 'run-2', sequence: 4, revision: 4 });
    expect(await stores.requests.put(later, typed)).toEqual({ result: 'otherRun', runId: 'run-1' });
    expect((await stores.requests.get(id))?.revision).toBe(9);
    expect(await stores.requests.put(later, typed, 'run-1')).toEqual({ result: 'written' });
    expect(await stores.requests.put(progress(id, { sequence: 99 }), typed)).toEqual({
      result: 'otherRun',
      runId: 'run-2',
    });
    expect((await stores.requests.get(id))?.revision).toBe(4);
  });

  test('H: the list is filtered by tenant, state, portal and text, and paged from the newest', async () => {
    const tenant = 'list-tenant';
    const ids = [1, 2, 3, 4, 5].map((n) => newRequestId(Date.UTC(2026, 0, n)));
    for (const [n, id] of ids.entries()) {
      const desk = { kind: 'embedded' as const, portal: n % 2 === 0 ? 'even' : 'odd' };
      await stores.requests.put(progress(id, { state: n === 0 ? 'QUEUED' : 'PENDING' }), {
        tenant,
        files: [],
        draft: { ...typed.draft, desk, requester: { ...requester, name: n === 1 ? 'Q. (x+' : 'someone' } },
      });
    }
    const newest = ids.toReversed();
    const pages = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Stores['requests']['list']>> = await stores.requests.list(
        { tenant },
        cursor,
        2,
      );
      pages.push(page.requests.map(({ id }) => id));
      cursor = page.next;
    } while (cursor !== null);
    expect(pages).toEqual([newest.slice(0, 2), newest.slice(2, 4), newest.slice(4)]);

    const found = async (
      filter: Parameters<Stores['requests']['list']>[0],
    ): Promise<(string | undefined)[]> =>
      (await stores.requests.list({ tenant, ...filter }, null, 10)).requests.map(({ id }) => id);
    expect(await found({ state: 'QUEUED' })).toEqual([ids[0]]);
    expect(await found({ portal: 'odd' })).toEqual([ids[3], ids[1]]);
    expect(await found({ text: ' (X+' })).toEqual([ids[1]]);
    expect(await found({ text: 'kitahama (tools)' })).toEqual(newest);
    expect(await found({ text: '.*' })).toEqual([]);
    expect(await found({ tenant: 'nobody' })).toEqual([]);
  });

  test('F4: a request belongs to the tenant that created it', async () => {
    const id = newRequestId();
    await stores.requests.own(id, 'a');
    await stores.requests.own(id, 'a');
    await expect(stores.requests.own(id, 'b')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await stores.requests.tenantOf(id)).toBe('a');
    expect(await stores.requests.tenantOf('m_nothing')).toBeNull();
  });

  test('H: request ids stand in the order of time and do not repeat', () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => newRequestId(1_700_000_000_000 + n));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(Array.from({ length: 1_000 }, () => newRequestId(5))).size).toBe(1_000);
    expect(ids[0]).toMatch(/^m_[0-9a-z]{26}$/);
  });
});

describe('what people typed and sent', () => {
  test('A2: a revision of a draft is taken once and never changes; the latest is found', async () => {
    const id = newRequestId();
    expect(await stores.drafts.latest(id)).toBeNull();
    const taken = await Promise.all(
      ['x', 'y', 'z'].map((remarks) => stores.drafts.insert(id, 9, { ...typed.draft, remarks })),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
    const kept = await stores.drafts.get(id, 9);
    expect(kept.mapping).toEqual({ 'x.y': { $z: 1 } });
    expect(await stores.drafts.insert(id, 10, { ...kept, remarks: 'ten' })).toBe(true);
    expect(await stores.drafts.latest(id)).toEqual({ revision: 10, draft: { ...kept, remarks: 'ten' } });
    await expect(stores.drafts.get(id, 11)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('A4: uploads stand in the order of arrival; the same name again replaces and arrives anew', async () => {
    const request = newRequestId();
    const upload = (name: string, bytes: number, reply: string | null = null) =>
      stores.uploads.put({
        request,
        key: uploadKey(request, name, reply),
        name,
        bytes,
        sha256: 'ab',
        storageKey: `uploads/${request}/x`,
        uploadedAt: at,
        reply,
      });
    await upload('b.csv', 1);
    await upload('a.csv', 2);
    await upload('b.csv', 3);
    await upload('a.csv', 4, 'r1');
    const list = async (reply?: string | null) =>
      (await stores.uploads.list(request, reply)).map(({ name, bytes }) => [name, bytes]);
    expect(await list()).toEqual([
      ['a.csv', 2],
      ['b.csv', 3],
      ['a.csv', 4],
    ]);
    expect(await list(null)).toEqual([
      ['a.csv', 2],
      ['b.csv', 3],
    ]);
    expect(await list('r1')).toEqual([['a.csv', 4]]);
    await stores.uploads.remove(request, uploadKey(request, 'a.csv'));
    expect(await stores.uploads.get(request, uploadKey(request, 'a.csv'))).toBeNull();
    expect((await stores.uploads.get(request, uploadKey(request, 'b.csv')))?.bytes).toBe(3);
  });

  test('E1: a reply is kept once, in the order of time', async () => {
    const request = newRequestId();
    const reply = { request, key: 'z', at, by: 'mail', text: 'first', mapping: { 'a.b': 1 }, files: ['k'] };
    expect(await stores.replies.put(reply)).toBe(true);
    expect(await stores.replies.put({ ...reply, text: 'again' })).toBe(false);
    await stores.replies.put({ ...reply, key: 'a', at: new Date(at.getTime() + 1), mapping: null });
    expect(await stores.replies.list(request)).toEqual([
      reply,
      { ...reply, key: 'a', at: new Date(at.getTime() + 1), mapping: null },
    ]);
    expect(await stores.replies.get(request, 'z')).toEqual(reply);
  });

  test('B1: findings of an older check never replace newer ones', async () => {
    const id = newRequestId();
    const finding = { severity: 'warning' as const, code: 'X', message: 'm', remedy: 'r' };
    await stores.findings.put(id, 2, [finding], at);
    await stores.findings.put(id, 1, [], new Date(at.getTime() - 1));
    expect(await stores.findings.latest(id)).toEqual({ revision: 2, findings: [finding], at });
    await stores.findings.put(id, 3, [], new Date(at.getTime() + 1));
    expect(await stores.findings.latest(id)).toMatchObject({ revision: 3, findings: [] });
    expect(await stores.findings.latest('m_nothing')).toBeNull();
  });
});

describe('claims, keys, calls', () => {
  test('A8: a portal is claimed by one request, and released only by it', async () => {
    const claims = await Promise.all(
      ['m_a', 'm_b', 'm_c'].map((each) => stores.portalClaims.claim('p1', each)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
    const holder = (await stores.portalClaims.holder('p1')) ?? '';
    expect(await stores.portalClaims.claim('p1', holder)).toBe(true);
    await stores.portalClaims.release('m_other', 'p1');
    expect(await stores.portalClaims.holder('p1')).toBe(holder);
    await stores.portalClaims.release(holder, 'p1');
    expect(await stores.portalClaims.claim('p1', 'm_d')).toBe(true);
  });

  test('F4: a key is kept as a hash, and is good until it ends or is revoked', async () => {
    const { key } = await stores.keys.create({
      name: 'k1',
      role: 'requester',
      tenant: 'kitahama',
      expiresAt: at,
    });
    const before = new Date(at.getTime() - 1);
    expect(await stores.keys.find(key, before)).toMatchObject({
      name: 'k1',
      role: 'requester',
      tenant: 'kitahama',
    });
    expect(await stores.keys.find(key, at)).toBeNull();
    expect(await stores.keys.find(`${key}x`, before)).toBeNull();
    const everything = JSON.stringify([
      await server.database.db.collection('keys').find().toArray(),
      await server.database.db.collection('keyNames').find().toArray(),
    ]);
    expect(everything).not.toContain(key);
    expect(everything).not.toContain(key.slice(4));
    await expect(stores.keys.create({ name: 'k1', role: 'operator', tenant: null })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(await stores.keys.revoke('k1', before)).toBe(true);
    expect(await stores.keys.find(key, before)).toBeNull();
    expect(await stores.keys.revoke('nobody', before)).toBe(false);
    expect((await stores.keys.list()).map(({ name }) => name)).toEqual(['k1']);
    await expect(
      stores.keys.create({ name: 'short', role: 'operator', tenant: null }, 'password'),
    ).rejects.toMatchObject({ code: 'BAD_KEY' });
  });

  test('H: an Idempotency-Key answers the first answer again, and refuses another body', async () => {
    const call: IdempotentCall = {
      principal: 'k1',
      route: 'POST /v1/migrations',
      key: 'one',
      bodyHash: bodyHash('secret', '{}'),
      expiresAt: new Date(at.getTime() + 1_000),
    };
    const begun = await Promise.all([1, 2, 3].map(() => stores.idempotency.begin(call, at)));
    expect(begun.map(({ state }) => state).toSorted()).toEqual(['first', 'running', 'running']);
    const id = begun[0]?.state === 'first' || begun[0]?.state === 'running' ? begun[0].id : '';
    expect(new Set(begun.map((each) => ('call' in each ? each.call : ''))).size).toBe(1);
    await stores.idempotency.finish(id, 201, { 'a.b': { $c: null } });
    await stores.idempotency.finish(id, 500, {});
    expect(await stores.idempotency.begin(call, at)).toEqual({
      state: 'done',
      id,
      status: 201,
      answer: { 'a.b': { $c: null } },
    });
    expect(await stores.idempotency.begin({ ...call, bodyHash: bodyHash('secret', '[]') }, at)).toEqual({
      state: 'otherBody',
    });
    expect((await stores.idempotency.begin({ ...call, principal: 'k2' }, at)).state).toBe('first');
    // after its time the key is as good as new, and what it names is another call
    const later = { ...call, expiresAt: new Date(at.getTime() + 2_000) };
    const anew = await stores.idempotency.begin(later, call.expiresAt);
    expect(anew.state).toBe('first');
    expect(begun).not.toContainEqual(expect.objectContaining({ call: 'call' in anew ? anew.call : '' }));
    await stores.idempotency.abandon(id);
    expect((await stores.idempotency.begin(call, at)).state).toBe('first');
  });

  test('H, B3: what a body is known again by tells nothing without the secret', () => {
    const body = '{"key":"weak"}';
    const known = bodyHash('secret', body);
    expect(bodyHash('secret', body)).toBe(known);
    expect([bodyHash('another', body), hash('sha256', body)]).not.toContain(known);
  });

  test('H: what was answered is not kept longer than it is needed', async () => {
    const { idempotency } = stores;
    const end = new Date(at.getTime() + 60_000);
    const calls = Array.from({ length: 2_500 }, (_, n): IdempotentCall => {
      const isLonger = n % 500 === 0;
      const expiresAt = new Date(end.getTime() + (isLonger ? 1 : 0));
      return { principal: 'removed', route: 'POST /', key: `${n}`, bodyHash: '', expiresAt };
    });
    await idempotency.removeExpired(end);
    await Promise.all(calls.map((call) => idempotency.begin(call, at)));
    expect(await idempotency.removeExpired(at)).toBe(0);
    expect(await idempotency.removeExpired(end)).toBe(2_495);
    const states = await Promise.all(
      [0, 1, 500].map(async (n) => (await idempotency.begin(calls[n] as IdempotentCall, at)).state),
    );
    expect(states).toEqual(['running', 'first', 'running']);
  });
});

describe('messages, support tickets, speeds, links', () => {
  const message = (request: string, sequence: number, subject: string) => ({
    request,
    sequence,
    kind: 'confirmation',
    at,
    to: ['aya@kitahama.example'],
    cc: [],
    subject,
    text: 't',
    html: '<p>t</p>',
    attachments: [{ name: 'r.zip', bytes: 3 }],
    messageId: `<${request}.${sequence}@deskferry>`,
  });

  test('D3: a message is composed once, and what was composed first is what is sent', async () => {
    const id = newRequestId();
    const [one, two] = await Promise.all([
      stores.messages.compose(message(id, 2, 'first')),
      stores.messages.compose(message(id, 2, 'second')),
    ]);
    expect(one).toEqual(two);
    expect(one).toMatchObject({ state: 'composed', sentAt: null });
    expect(await stores.messages.markSent(id, 2, at)).toEqual(at);
    expect(await stores.messages.markSent(id, 2, new Date(at.getTime() + 9))).toEqual(at);
    expect(await stores.messages.compose(message(id, 2, 'third'))).toEqual({
      ...one,
      state: 'sent',
      sentAt: at,
    });
    await stores.messages.compose(message(id, 10, 'ten'));
    expect((await stores.messages.list(id)).map(({ sequence }) => sequence)).toEqual([2, 10]);
    await expect(stores.messages.markSent(id, 3, at)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await stores.messages.get(id, 3)).toBeNull();
  });

  test('C1: a support ticket is opened once, takes each entry once, and is closed once', async () => {
    const id = newRequestId();
    const entry = { key: 'message/1', at, direction: 'out' as const, subject: 's', text: 't' };
    await expect(stores.supportTickets.append(id, entry)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const opened = await stores.supportTickets.open({ request: id, subject: 'Migration', at });
    expect(await stores.supportTickets.open({ request: id, subject: 'again', at: new Date() })).toEqual(
      opened,
    );
    await Promise.all(
      [entry, entry, { ...entry, key: 'reply/k', direction: 'in' as const }, entry].map((each) =>
        stores.supportTickets.append(id, each),
      ),
    );
    await stores.supportTickets.close(id, at);
    await stores.supportTickets.close(id, new Date(0));
    const ticket = await stores.supportTickets.get(id);
    expect(ticket?.entries.map(({ key }) => key).toSorted()).toEqual(['message/1', 'reply/k']);
    expect(ticket?.closedAt).toEqual(at);
  });

  test('B5: each estimate is kept once, and what came of it with it', async () => {
    const request = newRequestId(1);
    const told = { request, phase: 'phase-1' as const, toldAt: at };
    for (const number of [1, 2, 2]) {
      await stores.estimates.keep({ ...told, number, expectedEnd: new Date(at.getTime() + number) });
    }
    await stores.estimates.keep({ ...told, phase: 'phase-2', number: 1, expectedEnd: at });
    const endedAt = new Date(at.getTime() + 5);
    await stores.estimates.settle(request, 'phase-1', endedAt);
    await stores.estimates.settle(request, 'phase-1', new Date(0));
    const kept = await stores.estimates.list(request);
    expect(kept.map(({ phase, number, endedAt: ended }) => ({ phase, number, ended }))).toEqual([
      { phase: 'phase-1', number: 1, ended: endedAt },
      { phase: 'phase-1', number: 2, ended: endedAt },
      { phase: 'phase-2', number: 1, ended: null },
    ]);
  });

  test('B5: a speed is learned from the latest imports, each counted once', async () => {
    expect(await stores.speeds.of('tickets')).toEqual({});
    const sample = { what: 'tickets' as const, records: 1_000, bytes: 4_000 };
    const took = { importing: 1_000 };
    await stores.speeds.record({ ...sample, request: newRequestId(1), took: { importing: 9_000 } });
    for (let n = 2; n <= 21; n++) await stores.speeds.record({ ...sample, request: newRequestId(n), took });
    expect(await stores.speeds.of('tickets')).toEqual({
      importing: { records: 20_000, bytes: 80_000, milliseconds: 20_000 },
    });
    const request = newRequestId(22);
    await stores.speeds.record({ ...sample, request, took: { importing: 1 } });
    await stores.speeds.record({ ...sample, request, took: { ...took, proving: 30 } });
    expect(await stores.speeds.of('tickets')).toEqual({
      importing: { records: 20_000, bytes: 80_000, milliseconds: 20_000 },
      proving: { records: 1_000, bytes: 4_000, milliseconds: 30 },
    });
    expect(await stores.speeds.of('articles')).toEqual({});
  });

  test('F1: links are found by external id, and an undo removes only its own', async () => {
    const link = {
      portal: 'lp',
      scope: 'files',
      tab: 'contacts' as const,
      externalId: 'C/1',
      deskId: 'lp/desk/1',
    };
    await stores.links.link([
      { ...link, request: 'm_a' },
      { ...link, externalId: 'C/2', deskId: 'lp/desk/2', request: 'm_b' },
      { ...link, tab: 'agents', request: 'm_a' },
    ]);
    await stores.links.link([{ ...link, request: 'm_a' }]);
    await stores.links.link([]);
    expect(await stores.links.find('lp', 'files', 'contacts', ['C/1', 'C/2', 'C/3'])).toEqual(
      new Map([
        ['C/1', 'lp/desk/1'],
        ['C/2', 'lp/desk/2'],
      ]),
    );
    expect(await stores.links.countOf('m_a', 'lp', 'files')).toBe(2);
    await stores.links.removeOf('m_a', 'lp', 'files');
    expect(await stores.links.countOf('m_a', 'lp', 'files')).toBe(0);
    expect([...(await stores.links.find('lp', 'files', 'contacts', ['C/1', 'C/2'])).keys()]).toEqual(['C/2']);
  });
});

test('a database that is not there is told within its time', async () => {
  await server.database.ping();
  const started = performance.now();
  await expect(openDatabase('mongodb://127.0.0.1:1', 'x')).rejects.toMatchObject({
    name: 'MongoServerSelectionError',
  });
  expect(performance.now() - started).toBeLessThan(15_000);
});
