import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeSendMessage } from '../../activities/send-message.ts';
import { notBegun } from '../../domain/expected-end.ts';
import { createImportStores } from '../../store/import-stores.ts';
import { signReportLink } from '../../store/report-links.ts';
import { ApiUnderTest, type Caller, SECRET, STEPS_BODY, until } from './environment.ts';

const LIMITS = { files: 5, fileBytes: 100_000, totalBytes: 250_000 };

let api: ApiUnderTest;
let operator: Caller;
let other: Caller;
let portals = 0;

beforeAll(async () => {
  api = await ApiUnderTest.start({ limits: LIMITS });
  operator = await api.caller('operator', null);
  other = await api.caller('requester', await api.tenant());
});
afterAll(() => api.stop());
afterEach(() => {
  api.tallies = [];
  api.findings = [];
});

/** A tenant's requester with a request that lacks nothing but files. */
async function filed(): Promise<{ caller: Caller; path: string; id: string; portal: string }> {
  const portal = `portal-${++portals}`;
  const caller = await api.caller('requester', await api.tenant(portal));
  const path = await caller.file({ ...STEPS_BODY, desk: { kind: 'embedded' } });
  return { caller, path, id: path.split('/').at(-1) ?? '', portal };
}

async function approved() {
  const made = await filed();
  await made.caller.upload(`${made.path}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
  await made.caller.post(`${made.path}/submit`);
  await operator.post(`${made.path}/verification`);
  await until('the checks ran', async () => (await operator.get(`${made.path}/findings`)).body.at !== null);
  await until('it is approved', async () => (await operator.post(`${made.path}/approve`)).status === 202);
  return made;
}

async function reaches(path: string, state: string): Promise<void> {
  await until(`${path} is ${state}`, async () => (await operator.get(path)).body.state === state);
}

describe('files', () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('A2: a file is uploaded as a raw body, replaced by its name, and dropped', async () => {
    const { caller, path, id } = await filed();
    const first = await caller.upload(`${path}/files/Tickets_01.csv`, 'a,b\n1,2\n');
    expect([first.status, first.body]).toEqual([
      201,
      { name: 'Tickets_01.csv', bytes: 8, sha256: sha256('a,b\n1,2\n') },
    ]);
    expect((await caller.get(path)).body).toMatchObject({ missingSteps: [], files: [first.body] });
    const second = await caller.upload(`${path}/files/Tickets_01.csv`, 'a,b\n1,22\n');
    expect(second.status).toBe(200);
    expect((await caller.get(path)).body.files).toEqual([second.body]);
    const [key = ''] = await api.stored(`uploads/${id}/`);
    expect((await api.storage.get(key)).toString()).toBe('a,b\n1,22\n');
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(1);

    expect((await caller.call('DELETE', `${path}/files/Tickets_01.csv`)).status).toBe(204);
    expect((await caller.get(path)).body).toMatchObject({ missingSteps: ['files'], files: [] });
    expect(await api.stored(`uploads/${id}/`)).toEqual([]);
    expect((await caller.call('DELETE', `${path}/files/Tickets_01.csv`)).status).toBe(404);
  });

  it('A4: a name is kept as it is shown, and is never a path', async () => {
    const { caller, path, id } = await filed();
    const upload = (name: string) => caller.upload(`${path}/files/${encodeURIComponent(name)}`, 'x');
    const decomposed = 'か\u3099くせい.csv';
    expect((await upload(decomposed)).body.name).toBe(decomposed.normalize('NFC'));
    expect((await upload('100% ok?.csv')).body.name).toBe('100% ok?.csv');
    for (const name of [
      '../../etc/passwd',
      'a\\b.csv',
      'a\nb.csv',
      ' ',
      `${'あ'.repeat(85)}.csv`,
      '\u202evsc.exe',
    ]) {
      expect([name, (await upload(name)).body.type]).toEqual([
        name,
        'urn:deskferry:problem:invalid-file-name',
      ]);
    }
    for (const key of await api.stored(`uploads/${id}/`))
      expect(key).toMatch(/^uploads\/m_\w+\/[0-9a-f]{32}\/[0-9a-f-]{36}$/);
  });

  it('A4: a sixth file is refused with the address of the support, and leaves nothing', async () => {
    const { caller, path, id } = await filed();
    for (const name of ['1', '2', '3', '4', '5']) await caller.upload(`${path}/files/${name}.csv`, 'x');
    const sixth = await caller.upload(`${path}/files/6.csv`, 'x');
    expect(sixth.status).toBe(413);
    expect(sixth.body).toMatchObject({
      type: 'urn:deskferry:problem:too-many-files',
      supportAddress: 'support@deskferry.example',
      limits: { files: 5, fileBytes: 100_000, bytes: 250_000 },
    });
    expect(sixth.body.detail).toContain('support@deskferry.example');
    expect((await caller.upload(`${path}/files/5.csv`, 'again')).status).toBe(200);
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(5);
  });

  it('A4: a file over the limit is refused while it comes, and the files together over theirs', async () => {
    const { caller, path, id } = await filed();
    const bytes = new Uint8Array(90_000).fill(65);
    const streamed = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes);
        controller.enqueue(bytes);
        controller.close();
      },
    });
    const long = await fetch(`${api.url}${path}/files/long.csv`, {
      method: 'PUT',
      headers: { Authorization: `Bearer ${caller.key}` },
      body: streamed,
      duplex: 'half',
    });
    expect([long.status, ((await long.json()) as { type: string }).type]).toEqual([
      413,
      'urn:deskferry:problem:file-too-large',
    ]);
    await caller.upload(`${path}/files/1.csv`, bytes);
    await caller.upload(`${path}/files/2.csv`, bytes);
    const third = await caller.upload(`${path}/files/3.csv`, bytes);
    expect([third.status, third.body.type]).toEqual([413, 'urn:deskferry:problem:files-too-large']);
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(2);

    const granted = await operator.post(`${path}/limit`, { bytes: 300_000, reason: 'agreed by phone' });
    expect([granted.status, granted.body.limits.bytes]).toEqual([202, 300_000]);
    expect((await caller.upload(`${path}/files/3.csv`, bytes)).status).toBe(201);
  });

  it('A4: a file that announces too many bytes is refused before a byte of it is sent', async () => {
    const { caller, path } = await filed();
    const answer = await new Promise<{ status: number | undefined; told: boolean }>((resolve, reject) => {
      let told = false;
      const sending = httpRequest(`${api.url}${path}/files/huge.zip`, {
        method: 'PUT',
        headers: {
          Authorization: `Bearer ${caller.key}`,
          'Content-Length': 2_000_000_000,
          Expect: '100-continue',
        },
      });
      sending.once('continue', () => {
        told = true;
      });
      sending.once('response', (response) => {
        resolve({ status: response.statusCode, told });
        sending.destroy();
      });
      sending.once('error', reject);
      sending.flushHeaders();
    });
    expect(answer).toEqual({ status: 413, told: false });
  });

  it('A2: an upload that breaks off leaves nothing behind, and the file before it stays', async () => {
    const { caller, path, id } = await filed();
    await caller.upload(`${path}/files/a.csv`, 'whole');
    const before = await api.stored(`uploads/${id}/`);
    const { port } = new URL(api.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `PUT ${path}/files/a.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${caller.key}\r\nContent-Length: 50000\r\n\r\nonly this`,
    );
    const incoming = async (): Promise<string[]> => readdir(join(api.storageFolder, '.incoming'));
    await until('the upload has begun', async () => (await incoming()).length === 1);
    socket.destroy();
    await until('the upload is gone', async () => (await incoming()).length === 0);
    expect(await api.stored(`uploads/${id}/`)).toEqual(before);
    expect((await caller.get(path)).body.files).toMatchObject([{ name: 'a.csv', bytes: 5 }]);
  });

  it('A2: an empty file is refused, and so is any after submission, before it is read', async () => {
    const { caller, path, id } = await filed();
    expect((await caller.upload(`${path}/files/none.csv`, '')).body.type).toBe(
      'urn:deskferry:problem:empty-file',
    );
    expect(await api.stored(`uploads/${id}/`)).toEqual([]);
    await caller.upload(`${path}/files/a.csv`, 'x');
    expect((await caller.post(`${path}/submit`)).body).toMatchObject({ state: 'PENDING', submitted: true });
    const late = await caller.upload(`${path}/files/b.csv`, 'x');
    expect([late.status, late.body.type]).toEqual([409, 'urn:deskferry:problem:already-submitted']);
    expect((await caller.call('DELETE', `${path}/files/a.csv`)).status).toBe(409);
    expect((await caller.patch(path, { remarks: 'too late' })).status).toBe(409);
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(1);
  });
});

describe('commands', () => {
  it('A2: submitting with a step missing is refused, naming the step', async () => {
    const { caller, path } = await filed();
    const refused = await caller.post(`${path}/submit`);
    expect([refused.status, refused.body.type]).toEqual([422, 'urn:deskferry:problem:step-missing']);
    expect(refused.body.detail).toContain('files');
  });

  it('A6: a PENDING request is cancelled by its requester or an operator; later it is refused, naming the state', async () => {
    const mine = await filed();
    expect((await mine.caller.post(`${mine.path}/cancel`)).body.state).toBe('CANCELLED');
    const theirs = await filed();
    expect((await operator.post(`${theirs.path}/cancel`, { reason: 'asked by phone' })).body.state).toBe(
      'CANCELLED',
    );
    const again = await mine.caller.post(`${mine.path}/cancel`);
    expect([again.status, again.body.state]).toEqual([409, 'CANCELLED']);

    const { caller, path } = await filed();
    await caller.upload(`${path}/files/Contacts.csv`, 'x');
    await caller.post(`${path}/submit`);
    await operator.post(`${path}/verification`);
    const refused = await caller.post(`${path}/cancel`);
    expect(refused.body).toMatchObject({
      status: 409,
      type: 'urn:deskferry:problem:wrong-state',
      state: 'VERIFYING',
    });
    expect(refused.body.detail).toContain('VERIFYING');
  });

  it('A11, B1: a precheck leaves its findings to be read', async () => {
    const { caller, path } = await filed();
    expect((await caller.get(`${path}/findings`)).body).toEqual({ revision: null, at: null, findings: [] });
    api.findings = [
      {
        severity: 'warning',
        code: 'NO_DEPARTMENT',
        message: 'No department.',
        remedy: 'Add the column.',
        file: 'a.csv',
        tab: 'tickets',
      },
    ];
    expect((await caller.post(`${path}/precheck`)).status).toBe(202);
    await until('the checks ran', async () => (await caller.get(`${path}/findings`)).body.at !== null);
    expect((await caller.get(`${path}/findings`)).body).toMatchObject({
      revision: 1,
      findings: api.findings,
    });
  });

  it('B1: what is sent back can be mended and submitted again; what is rejected is closed, with the reason', async () => {
    const { caller, path } = await filed();
    await caller.upload(`${path}/files/Contacts.csv`, 'x');
    await caller.post(`${path}/submit`);
    await operator.post(`${path}/verification`);
    expect((await operator.post(`${path}/send-back`, {})).body.errors).toMatchObject([
      { pointer: '/reason' },
    ]);
    const back = await operator.post(`${path}/send-back`, { reason: 'the dates are missing' });
    expect(back.body).toMatchObject({ state: 'PENDING', submitted: false, reason: 'the dates are missing' });
    expect((await caller.patch(path, { remarks: 'mended' })).status).toBe(200);
    await caller.post(`${path}/submit`);
    await operator.post(`${path}/verification`);
    const rejected = await operator.post(`${path}/reject`, { reason: 'no contract' });
    expect(rejected.body).toMatchObject({ state: 'REJECTED', label: { ja: '却下' }, reason: 'no contract' });
  });

  it('B4, F1: a running migration is paused, resumed and stopped; another waits and is moved to the front', async () => {
    const gate = api.world.hold('importSegments');
    const first = await approved();
    await reaches(first.path, 'PHASE_1');
    const second = await approved();
    const third = await approved();
    const waiting = async (): Promise<string[]> =>
      (await operator.get('/v1/queue')).body.waiting.map((entry: { request: string }) => entry.request);
    await until('two wait', async () => (await waiting()).length === 2);
    expect(await waiting()).toEqual([second.id, third.id]);
    expect((await operator.get('/v1/queue')).body.running).toMatchObject([
      { request: first.id, phase: 'phase-1' },
    ]);
    expect((await operator.post(`/v1/queue/${third.id}/front`)).status).toBe(202);
    await until('the third is next', async () => (await waiting())[0] === third.id);
    await until('it sees its place', async () => (await third.caller.get(third.path)).body.placeInLine === 1);
    expect((await operator.post(`/v1/queue/${first.id}/front`)).status).toBe(409);

    expect((await operator.post(`${first.path}/pause`, {})).status).toBe(422);
    const paused = await operator.post(`${first.path}/pause`, { reason: 'checking a file' });
    expect(paused.body.paused).toMatchObject({ by: `operator:${operator.name}`, reason: 'checking a file' });
    expect((await operator.post(`${first.path}/pause`, { reason: 'again' })).body.type).toBe(
      'urn:deskferry:problem:already-paused',
    );
    expect((await first.caller.get(`${first.path}/progress`)).body.paused.reason).toBe('checking a file');
    expect((await operator.post(`${first.path}/resume`)).body.paused).toBeNull();
    expect((await operator.post(`${first.path}/resume`)).body.type).toBe('urn:deskferry:problem:not-paused');
    for (const { path } of [first, second, third])
      expect((await operator.post(`${path}/stop`, { reason: 'test is over' })).status).toBe(202);
    gate.open();
    for (const { path } of [first, second, third]) await reaches(path, 'STOPPED');
  });
});

describe('a whole migration', () => {
  it('H, E1, E2, C7, F2: goes from approval to completion, watched, replied to, reported and audited', async () => {
    const gate = api.world.hold('importSegments');
    const { caller, path, id } = await approved();
    await reaches(path, 'PHASE_1');
    const results = { created: 3, updated: 0, unchanged: 1, skipped: 0, failed: 1 };
    const run = notBegun(10, 1_000);
    api.tallies = [
      { tab: 'contacts', total: 10, results, run },
      { tab: 'tickets', total: null, results: { ...results, created: 0, unchanged: 0, failed: 0 }, run },
    ];
    await until('the phase runs', async () => (await caller.get(`${path}/progress`)).body.tabs.length === 2);
    const { body: progress } = await caller.get(`${path}/progress`);
    const [contacts, tickets] = progress.tabs as { expectedEnd: string }[];
    expect(Date.parse(contacts?.expectedEnd ?? '')).toBeLessThan(Date.parse(tickets?.expectedEnd ?? ''));
    expect(Date.parse(tickets?.expectedEnd ?? '')).toBeLessThan(Date.parse(progress.expectedEnd));
    expect(progress).toMatchObject({
      state: 'PHASE_1',
      phase: 'phase-1',
      tabs: [
        { tab: 'contacts', total: 10, done: 5, failed: 1 },
        { tab: 'tickets', total: null, done: 0 },
      ],
    });

    const events: { id: string; data: { state: string; tabs: { done: number }[] } }[] = [];
    const watching = new AbortController();
    const watched = watch(`${api.url}${path}/events`, caller.key, watching.signal, (event) =>
      events.push(event),
    );
    await until('the first event', async () => events.length === 1);
    api.tallies = [{ tab: 'contacts', total: 10, results: { ...results, created: 8 }, run }];
    await until('an event for what has changed', async () => events.at(-1)?.data.tabs[0]?.done === 10);
    gate.open();
    await reaches(path, 'REPLY_WINDOW');
    await until('an event for the window', async () => events.at(-1)?.data.state === 'REPLY_WINDOW');
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);

    expect((await caller.get(`${path}/reports/phase-2.zip`)).status).toBe(404);
    expect((await caller.get(`${path}/reports/secrets.zip`)).status).toBe(400);
    const report = await caller.get(`${path}/reports/phase-1.zip`);
    expect([report.status, report.body, report.headers.get('content-type')]).toEqual([
      200,
      'report phase-1',
      'application/zip',
    ]);
    expect(report.headers.get('content-disposition')).toContain(`${id}-phase-1-v`);
    await reportLinks(id, (await caller.get(path)).body.reports[0].version);

    await replies(caller, path, id);

    const half = await caller.post(`${path}/phase-2`);
    expect(half.body).toMatchObject({
      state: 'REPLY_WINDOW',
      earlyStart: { requester: true, operator: false },
    });
    expect((await operator.post(`${path}/phase-2`)).status).toBe(202);
    await reaches(path, 'COMPLETED');
    await watched;
    expect(events.at(-1)?.data.state).toBe('COMPLETED');
    const over = await fetch(`${api.url}${path}/events`, {
      headers: { Authorization: `Bearer ${caller.key}`, 'Last-Event-ID': events.at(-1)?.id ?? '' },
    });
    expect(over.status).toBe(204);
    watching.abort();
    const told = { request: id, phase: 'phase-1' as const, number: 1 };
    const [toldAt, ended] = [new Date(1_000), new Date(9_000)];
    await api.stores.estimates.keep({ ...told, toldAt, expectedEnd: new Date(8_000) });
    await api.stores.estimates.settle(id, 'phase-1', ended);
    expect((await operator.get(`${path}/estimates`)).body.estimates).toEqual([
      {
        phase: 'phase-1',
        number: 1,
        toldAt: toldAt.toISOString(),
        expectedEnd: new Date(8_000).toISOString(),
        endedAt: ended.toISOString(),
      },
    ]);
    expect((await caller.get(`${path}/estimates`)).status).toBe(403);

    const none = { phase: 'phase-2', discrepancies: [], more: false };
    expect((await operator.get(`${path}/discrepancies`)).body).toEqual(none);
    const key = { request: id, phase: 'phase-2', tab: 'tickets' } as const;
    const gone = {
      tab: 'tickets',
      kind: 'missing',
      externalId: 'T/1',
      expected: 'abc',
      found: null,
    } as const;
    const { discrepancies } = createImportStores(api.database.db);
    await discrepancies.replace(key, '1', [gone]);
    for (const who of [operator, caller])
      expect((await who.get(`${path}/discrepancies`)).body).toEqual({ ...none, discrepancies: [gone] });
    const many = Array.from({ length: 1_001 }, (_, n) => ({ ...gone, externalId: `T${n}` }));
    await discrepancies.replace(key, '1', many);
    const first = (await operator.get(`${path}/discrepancies`)).body;
    expect([first.discrepancies.length, first.more]).toEqual([1_000, true]);

    const late = await caller.post(`${path}/replies`, { text: 'one more thing' });
    expect([late.status, late.body.type]).toEqual([409, 'urn:deskferry:problem:window-closed']);
    const audit = (await caller.get(`${path}/audit`)).body.entries as {
      position: number;
      by: string;
      action: string;
    }[];
    expect(audit.map((entry) => entry.position)).toEqual(audit.map((_, index) => index + 1));
    expect(
      audit.filter((entry) => entry.by === `operator:${operator.name}`).map((entry) => entry.action),
    ).toEqual(['taken', 'approved', 'earlyStartAsked']);
    const mailed = async (): Promise<string[]> =>
      (await caller.get(`${path}/messages`)).body.messages.map(({ kind }: { kind: string }) => kind);
    await until('the last mail', async () => (await mailed()).includes('completed'));
    expect(await mailed()).toEqual(expect.arrayContaining(['confirmation', 'phase1Report']));
  });

  async function reportLinks(id: string, version: number): Promise<void> {
    const open = async (link: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${api.url}${link}`, { headers });
      const text = await answer.text();
      return { status: answer.status, text, type: (/problem:([\w-]+)/.exec(text) ?? [])[1] };
    };
    const expiresAt = Date.now() + 60_000;
    const report = { request: id, name: 'phase-1', version, expiresAt };
    const link = await mailedLink(id, version, expiresAt);
    expect(link).toBe(signReportLink(SECRET, report));
    expect(await open(link)).toMatchObject({ status: 200, text: 'report phase-1' });
    expect((await open(link, { Authorization: `Bearer ${other.key}` })).status).toBe(200);

    const forged = [
      link.replace('phase-1', 'undo'),
      link.replace('phase-1', 'sample'),
      link.replace(`version=${version}`, `version=${version + 1}`),
      link.replace(`expires=${expiresAt}`, `expires=${expiresAt + 1}`),
      link.replace(id, 'm_none'),
      link.replace(/signature=.*/, 'signature='),
      signReportLink('another-secret-of-32-characters--', report),
    ];
    for (const each of forged)
      expect([each, await open(each)]).toMatchObject([each, { status: 403, type: 'link-not-valid' }]);
    expect((await open(link.replace(/[?].*/, ''))).status).toBe(401);
    for (const elsewhere of ['', '/audit', '/messages', '/events'])
      expect((await open(`/v1/migrations/${id}${elsewhere}?${link.split('?')[1]}`)).status).toBe(401);

    const old = await open(signReportLink(SECRET, { ...report, expiresAt: 1_700_000_000_000 }));
    expect(old).toMatchObject({ status: 410, type: 'link-expired' });
    expect(old.text).toContain('support@deskferry.example');
    expect((await open(link.replace(`expires=${expiresAt}`, 'expires=9e99'))).status).toBe(400);
  }

  /** The link that the mail of a report has when it is too large to be attached. */
  async function mailedLink(id: string, version: number, expiresAt: number): Promise<string> {
    const mails: string[] = [];
    const { publicUrl } = api.dependencies.config;
    const importStores = createImportStores(api.database.db);
    let last = 0;
    while (last < version) {
      const report = await importStores.reports.begin(
        id,
        'phase-1',
        `of ledger ${last}`,
        new Date(),
        Date.now(),
      );
      await importStores.reports.written(report, 1_001);
      last = report.version;
    }
    const send = makeSendMessage({
      stores: api.stores,
      importStores,
      storage: api.storage,
      desk: api.dependencies.desk,
      mail: { send: async ({ text }) => void mails.push(text), close: () => {} },
      settings: {
        publicUrl,
        teamMail: 'team@deskferry.example',
        supportAddress: 'support@deskferry.example',
        replyMailbox: null,
        messageDomain: 'deskferry.example',
        largestAttachment: 1_000,
        linkSecret: SECRET,
        linkLifetime: 60_000,
      },
    });
    await send({
      request: id,
      sequence: 1_000,
      kind: 'phase1Report',
      at: expiresAt - 60_000,
      facts: { phase: 'phase-1', report: { name: 'phase-1', version }, windowEndsAt: expiresAt },
    });
    const found = /https:\S+reports\S+/.exec(mails.join(''))?.[0] ?? '';
    expect(found.startsWith(`${publicUrl}/v1/`)).toBe(true);
    return found.slice(publicUrl.length);
  }

  async function replies(caller: Caller, path: string, id: string): Promise<void> {
    const before = await api.stored(`uploads/${id}/`);
    expect((await caller.post(`${path}/replies`, {})).body.errors).toMatchObject([{ pointer: '' }]);
    const inJson = await caller.post(`${path}/replies`, {
      text: '直しました',
      mapping: {
        version: 1,
        files: [
          {
            file: 'Contacts.csv',
            tabs: [{ tab: 'contacts', fields: { ContactExtId: 'id', 'Last Name': 'lastName' } }],
          },
        ],
      },
      files: [{ name: 'Contacts.csv', content: Buffer.from('mended').toString('base64') }],
    });
    expect(inJson.status).toBe(202);
    expect(inJson.body.replies).toMatchObject([
      { text: '直しました', by: `requester:${caller.name}`, files: [{ name: 'Contacts.csv', bytes: 6 }] },
    ]);
    expect(inJson.body.files).toMatchObject([{ name: 'Contacts.csv', bytes: 30 }]);

    const form = (): FormData => {
      const made = new FormData();
      made.set('text', 'and more');
      made.append('files', new Blob(['x'.repeat(90_000)]), '連絡先_02.csv');
      made.append('files', new Blob(['y']), 'Tickets.csv');
      return made;
    };
    const send = (raw: FormData, headers: Record<string, string> = {}) =>
      caller.call('POST', `${path}/replies`, { raw, headers });
    const inForm = await send(form(), { 'Idempotency-Key': 'r1' });
    expect(inForm.status).toBe(202);
    expect(inForm.body.replies[1].files).toMatchObject([
      { name: '連絡先_02.csv', bytes: 90_000 },
      { name: 'Tickets.csv', bytes: 1 },
    ]);
    const again = await send(form(), { 'Idempotency-Key': 'r1' });
    expect([again.status, again.body]).toEqual([202, inForm.body]);
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(before.length + 3);

    const large = new FormData();
    large.append('files', new Blob(['z'.repeat(100_001)]), 'large.csv');
    expect((await send(large)).body.type).toBe('urn:deskferry:problem:file-too-large');
    const many = new FormData();
    for (const name of ['a', 'b', 'c']) many.append('files', new Blob([name]), `${name}.csv`);
    expect((await send(many)).body).toMatchObject({
      type: 'urn:deskferry:problem:too-many-files',
      supportAddress: 'support@deskferry.example',
    });
    for (const [name, ...values] of [
      ['text', 'one', 'another'],
      ['__proto__', 'x'],
      ['$where', 'x'],
    ] as const) {
      const odd = new FormData();
      for (const value of values) odd.append(name, value);
      expect((await send(odd)).body.errors).toMatchObject([{ pointer: `/${name}` }]);
    }
    const wrong = new FormData();
    wrong.append('attachment', new Blob(['x']), 'x.csv');
    expect((await send(wrong)).body.errors).toMatchObject([{ pointer: '/attachment' }]);
    expect(
      (await caller.post(`${path}/replies`, { files: [{ name: '../x', content: 'eA==' }] })).status,
    ).toBe(422);
    expect((await caller.call('POST', `${path}/replies`, { raw: 'hello' })).status).toBe(415);
    expect(await api.stored(`uploads/${id}/`)).toHaveLength(before.length + 3);
    expect((await caller.get(path)).body.replies).toHaveLength(2);
  }

  /** Reads Server-Sent Events until the stream ends. */
  async function watch(
    url: string,
    key: string,
    signal: AbortSignal,
    tell: (event: { id: string; data: { state: string; tabs: { done: number }[] } }) => void,
  ): Promise<void> {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${key}` }, signal });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const part of answer.body ?? []) {
      text += Buffer.from(part).toString();
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      // a comment now and then keeps the connection open
      for (const event of events.filter((each) => !each.startsWith(':'))) {
        const [, id = '', data = ''] = /^id: (.+)\nevent: progress\ndata: (.+)$/.exec(event) ?? [];
        tell({ id, data: JSON.parse(data) as { state: string; tabs: { done: number }[] } });
      }
    }
  }
});

describe('when something is away', () => {
  it('H: without Temporal, what needs it is 503 with Retry-After, and what does not is answered', async () => {
    const { caller, path } = await filed();
    const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 200 });
    const alone = await api.beside({}, { temporal: new Client({ connection }) });
    try {
      const call = (method: string, address: string): Promise<Response> =>
        fetch(`http://127.0.0.1:${alone.port}${address}`, {
          method,
          headers: { Authorization: `Bearer ${caller.key}` },
        });
      const refused = await call('POST', `${path}/submit`);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await refused.json()).toMatchObject({ type: 'urn:deskferry:problem:unavailable' });
      expect((await call('GET', path)).status).toBe(200);
      const ready = await call('GET', '/readyz');
      expect([ready.status, await ready.json()]).toMatchObject([
        503,
        { checks: { temporal: 'down', mongodb: 'up', storage: 'up' } },
      ]);
      expect((await call('GET', '/healthz')).status).toBe(200);
    } finally {
      // its connection is left to end with the test: closed while a call waits to be repeated, the client throws
      await alone.close();
    }
  });

  it('H: a key that calls too often is told to wait; another is not', async () => {
    const strict = await api.beside({ callsPerMinute: 2 });
    try {
      const hasty = await api.caller('requester', 'hasty');
      const call = async (caller: Caller): Promise<[number, string | null]> => {
        const answer = await fetch(`http://127.0.0.1:${strict.port}/v1/migrations`, {
          headers: { Authorization: `Bearer ${caller.key}` },
        });
        return [answer.status, answer.headers.get('retry-after')];
      };
      expect(await call(hasty)).toEqual([200, null]);
      await call(hasty);
      expect((await call(hasty))[0]).toBe(429);
      expect((await call(hasty))[1]).not.toBeNull();
      expect(await call(operator)).toEqual([200, null]);
    } finally {
      await strict.close();
    }
  });
});
