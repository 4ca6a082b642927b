import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeExpiredUploads, resumableFolder, UNFINISHED_MS } from '../../api/resumable-store.ts';
import { ApiUnderTest, type Caller, type Said, type Spoken, STEPS_BODY, until } from './environment.ts';

const LIMITS = { files: 5, fileBytes: 100_000, totalBytes: 250_000 };

let api: ApiUnderTest;
let caller: Caller;
let other: Caller;
let operator: Caller;

beforeAll(async () => {
  api = await ApiUnderTest.start({ limits: LIMITS });
  caller = await api.caller('requester', await api.tenant());
  other = await api.caller('requester', await api.tenant());
  operator = await api.caller('operator', null);
});
afterAll(() => api.stop());

const idOf = (path: string): string => path.split('/').at(-1) ?? '';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));

/** A call of tus; every answer has to carry its version. */
async function tus(who: Caller, method: string, path: string, said: Said = {}): Promise<Spoken> {
  const answer = await who.call(method, path, {
    ...said,
    headers: { 'Tus-Resumable': '1.0.0', ...said.headers },
  });
  expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
  return answer;
}

function begin(who: Caller, path: string, name: string, bytes: number): Promise<Spoken> {
  return tus(who, 'POST', '/v1/uploads', {
    headers: {
      'Upload-Length': String(bytes),
      'Upload-Metadata': `migration ${base64(idOf(path))},filename ${base64(name)}`,
    },
  });
}

async function begun(path: string, name: string, bytes: number): Promise<string> {
  const { status, headers } = await begin(caller, path, name, bytes);
  expect(status).toBe(201);
  return headers.get('location') ?? '';
}

function send(upload: string, offset: number, text: string, headers: Record<string, string> = {}) {
  return tus(caller, 'PATCH', upload, {
    raw: bytesOf(text),
    headers: {
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': String(offset),
      ...headers,
    },
  });
}

async function offsetOf(upload: string): Promise<number> {
  const { status, headers } = await tus(caller, 'HEAD', upload);
  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  return Number(headers.get('upload-offset'));
}

const problem = (name: string): string => `urn:deskferry:problem:${name}`;
const folder = (): string => resumableFolder(api.storageFolder);

describe('A4: uploads that can be resumed (tus 1.0)', () => {
  it('A4: a file comes in pieces, also after its connection broke, and is the same file', async () => {
    const path = await caller.file();
    const content = randomBytes(90_000);
    const upload = await begun(path, '問い合わせ.zip', content.length);
    expect(upload).toMatch(/^\/v1\/uploads\/m_[a-z0-9]+\.[0-9a-f]{32}$/);
    const first = await tus(caller, 'PATCH', upload, {
      raw: new Uint8Array(content.subarray(0, 20_000)),
      headers: { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' },
    });
    expect([first.status, first.headers.get('upload-offset')]).toEqual([204, '20000']);
    expect(Date.parse(first.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now());

    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write(
      `PATCH ${upload} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${caller.key}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 20000\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 70000\r\n\r\n`,
    );
    socket.write(content.subarray(20_000, 50_000));
    const kept = join(folder(), idOf(upload));
    await until('bytes have arrived', async () => (await readFile(kept)).length > 20_000);
    socket.destroy();
    const offset = await offsetOf(upload);
    expect(offset).toBeGreaterThan(20_000);
    expect(offset).toBeLessThanOrEqual(50_000);
    expect((await caller.get(path)).body.files).toEqual([]);

    const last = await tus(caller, 'PATCH', upload, {
      raw: new Uint8Array(content.subarray(offset)),
      headers: { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) },
    });
    expect([last.status, last.headers.get('upload-offset')]).toEqual([204, '90000']);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect((await caller.get(path)).body.files).toEqual([{ name: '問い合わせ.zip', bytes: 90_000, sha256 }]);
    const [key = ''] = await api.stored(`uploads/${idOf(path)}/`);
    expect((await api.storage.get(key)).equals(content)).toBe(true);
    // whoever missed the answer asks, and learns that all is there; nothing is stored twice
    expect(await offsetOf(upload)).toBe(90_000);
    expect(await api.stored(`uploads/${idOf(path)}/`)).toHaveLength(1);
    expect((await readFile(kept)).length).toBe(0);
  });

  it('A4: a name that comes again replaces the file, and an unfinished upload of that name', async () => {
    const path = await caller.file();
    await caller.upload(`${path}/files/a.csv`, 'by PUT');
    const forgotten = await begun(path, 'a.csv', 5);
    const upload = await begun(path, 'a.csv', 6);
    expect((await tus(caller, 'HEAD', forgotten)).status).toBe(404);
    expect((await send(upload, 0, 'by tus')).status).toBe(204);
    expect((await caller.get(path)).body.files).toMatchObject([{ name: 'a.csv', bytes: 6 }]);
    const [key = '', ...more] = await api.stored(`uploads/${idOf(path)}/`);
    expect([(await api.storage.get(key)).toString(), more]).toEqual(['by tus', []]);
  });

  it('A4: bytes with a wrong checksum are not kept', async () => {
    const path = await caller.file();
    const upload = await begun(path, 'a.csv', 8);
    const checksum = (algorithm: string, text: string) => ({
      'Upload-Checksum': `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`,
    });
    const wrong = await send(upload, 0, 'abcd', checksum('sha1', 'abce'));
    expect([wrong.status, wrong.body.type]).toEqual([460, problem('checksum-mismatch')]);
    expect(await offsetOf(upload)).toBe(0);
    expect((await send(upload, 0, 'abcd', checksum('sha1', 'abcd'))).status).toBe(204);
    expect((await send(upload, 4, 'efgh', checksum('md5', 'efgh'))).status).toBe(400);
    expect((await send(upload, 4, 'efgh', { 'Upload-Checksum': 'sha256 AAAA' })).status).toBe(400);
    expect((await send(upload, 4, 'efgh', checksum('sha256', 'efgh'))).status).toBe(204);
    expect((await caller.get(path)).body.files).toMatchObject([
      { sha256: createHash('sha256').update('abcdefgh').digest('hex') },
    ]);
    expect(await readdir(join(folder(), 'unchecked'))).toEqual([]);
  });

  it('A4: what is all there when the process dies becomes part of the request when it is asked for', async () => {
    const path = await caller.file();
    const upload = await begun(path, 'a.csv', 5);
    await writeFile(join(folder(), idOf(upload)), 'whole');
    expect(await offsetOf(upload)).toBe(5);
    expect((await caller.get(path)).body.files).toMatchObject([{ name: 'a.csv', bytes: 5 }]);
  });

  it('A4: what is not finished in time is answered with 410, then removed', async () => {
    const path = await caller.file();
    const [old, young] = [await begun(path, 'old.csv', 9), await begun(path, 'young.csv', 9)];
    const record = join(folder(), `${idOf(old)}.json`);
    const kept = JSON.parse(await readFile(record, 'utf8')) as Record<string, unknown>;
    const past = new Date(Date.now() - UNFINISHED_MS - 1_000).toISOString();
    await writeFile(record, JSON.stringify({ ...kept, creation_date: past }));
    const late = await send(old, 0, 'too late!');
    expect([late.status, late.body.type]).toEqual([410, problem('upload-expired')]);
    expect((await tus(caller, 'HEAD', old)).status).toBe(410);
    expect(await removeExpiredUploads(folder())).toBe(2);
    expect((await tus(caller, 'HEAD', old)).status).toBe(404);
    expect(await offsetOf(young)).toBe(0);
    await mkdir(join(folder(), 'unchecked'), { recursive: true });
    await writeFile(join(folder(), 'unchecked', 'left'), 'by a process that was killed');
    expect(await removeExpiredUploads(folder(), Date.now() + UNFINISHED_MS + 60_000)).toBeGreaterThan(2);
    expect((await tus(caller, 'HEAD', young)).status).toBe(404);
  });

  it('A4: an upload is given up with DELETE, a file that was taken stays', async () => {
    const path = await caller.file();
    const upload = await begun(path, 'a.csv', 4);
    await send(upload, 0, 'ab');
    expect((await tus(caller, 'DELETE', upload)).status).toBe(204);
    for (const method of ['HEAD', 'DELETE']) expect((await tus(caller, method, upload)).status).toBe(404);
    expect((await send(upload, 2, 'cd')).status).toBe(404);
    const whole = await begun(path, 'b.csv', 4);
    await send(whole, 0, 'abcd');
    expect((await tus(caller, 'DELETE', whole)).status).toBe(204);
    expect((await caller.get(path)).body.files).toMatchObject([{ name: 'b.csv' }]);
  });

  it('A4: the protocol is kept to, and tells what it can do', async () => {
    const described = await fetch(`${api.url}/v1/uploads`, { method: 'OPTIONS' });
    expect([
      described.status,
      ...['version', 'extension', 'max-size', 'checksum-algorithm'].map((name) =>
        described.headers.get(`tus-${name}`),
      ),
    ]).toEqual([204, '1.0.0', 'creation,termination,checksum,expiration', '100000', 'sha1,sha256']);
    expect(described.headers.get('access-control-allow-origin')).toBeNull();
    const path = await caller.file();
    const upload = await begun(path, 'a.csv', 4);
    const version = await tus(caller, 'HEAD', upload, { headers: { 'Tus-Resumable': '0.2.2' } });
    expect([version.status, version.headers.get('tus-version')]).toEqual([412, '1.0.0']);
    expect((await send(upload, 3, 'abcd')).body.type).toBe(problem('upload-offset-conflict'));
    expect((await send(upload, 0, 'abcde')).status).toBe(413);
    expect((await send(upload, 0, 'ab', { 'Content-Type': 'text/csv' })).status).toBe(415);
    expect(await offsetOf(upload)).toBe(0);
    const overridden = await tus(caller, 'POST', upload, {
      raw: bytesOf('ab'),
      headers: {
        'X-HTTP-Method-Override': 'PATCH',
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': '0',
      },
    });
    expect(overridden.status).toBe(204);
    expect(await offsetOf(upload)).toBe(2);

    const created = async (headers: Record<string, string>) =>
      (await tus(caller, 'POST', '/v1/uploads', { headers })).body;
    const named = `migration ${base64(idOf(path))}`;
    expect((await created({ 'Upload-Length': '1' })).errors[0].parameter).toBe('Upload-Metadata');
    expect((await created({ 'Upload-Length': '1', 'Upload-Metadata': 'filename YQ==' })).status).toBe(400);
    expect(
      (await created({ 'Upload-Length': '1', 'Upload-Metadata': `${named},__proto__ YQ==` })).status,
    ).toBe(400);
    const file = `${named},filename ${base64('b.csv')}`;
    expect((await created({ 'Upload-Defer-Length': '1', 'Upload-Metadata': file })).status).toBe(400);
    expect((await created({ 'Upload-Length': '0', 'Upload-Metadata': file })).type).toBe(
      problem('empty-file'),
    );
    const escaping = `${named},filename ${base64('../../b.csv')}`;
    expect((await created({ 'Upload-Length': '1', 'Upload-Metadata': escaping })).type).toBe(
      problem('invalid-file-name'),
    );
  });
});

describe('A4: limits', () => {
  it('A4: what is too large is refused when it is announced, with the support address', async () => {
    const path = await caller.file();
    const large = await begin(caller, path, 'large.csv', 100_001);
    expect([large.status, large.body]).toMatchObject([
      413,
      { type: problem('file-too-large'), supportAddress: 'support@deskferry.example' },
    ]);
    await begun(path, '1.csv', 100_000);
    await begun(path, '2.csv', 100_000);
    const third = await begin(caller, path, '3.csv', 100_000);
    expect(third.body).toMatchObject({ type: problem('files-too-large'), unfinished: 2 });
    await operator.post(`${path}/limit`, { bytes: 300_000, fileBytes: 150_000, reason: 'agreed' });
    expect((await begin(caller, path, '3.csv', 100_000)).status).toBe(201);
  });

  it('A4: of fifty uploads at once as many are taken as the limits allow, and nothing of the others is left', async () => {
    const path = await caller.file();
    const names = Array.from({ length: 50 }, (_, index) => `${index}.csv`);
    const statuses = await Promise.all(
      names.map(async (name, index) => {
        if (index % 2 === 0) return (await caller.upload(`${path}/files/${name}`, `file ${name}`)).status;
        const { status, headers } = await begin(caller, path, name, 4);
        if (status !== 201) return status;
        const { status: ended } = await send(headers.get('location') ?? '', 0, 'four');
        return ended === 204 ? 201 : ended;
      }),
    );
    const { files } = (await caller.get(path)).body as { files: { name: string }[] };
    expect(files).toHaveLength(5);
    expect(statuses.filter((status) => status === 201)).toHaveLength(5);
    expect(statuses.filter((status) => status === 413)).toHaveLength(45);
    expect(files.map(({ name }) => name).toSorted()).toEqual(
      names.filter((_, index) => statuses[index] === 201).toSorted(),
    );
    expect(await api.stored(`uploads/${idOf(path)}/`)).toHaveLength(5);
    expect(await api.stores.uploads.list(idOf(path))).toHaveLength(5);
  });

  it('A4: of fifty uploads of one name at once one stands, whole', async () => {
    const path = await caller.file();
    const contents = Array.from({ length: 50 }, (_, index) => `content ${index} ${'x'.repeat(index)}`);
    const answers = await Promise.all(
      contents.map((content) => caller.upload(`${path}/files/same.csv`, content)),
    );
    const taken = answers.filter(({ status }) => status < 300);
    expect(taken.length).toBeGreaterThan(0);
    const refused = answers.filter(({ status }) => status >= 300).map(({ body }) => body.type);
    expect(refused).toEqual(refused.map(() => problem('too-many-files')));
    const { files } = (await caller.get(path)).body as { files: { sha256: string }[] };
    expect(files).toHaveLength(1);
    const [key = '', ...more] = await api.stored(`uploads/${idOf(path)}/`);
    expect(more).toEqual([]);
    const stored = await api.storage.get(key);
    expect(contents).toContain(stored.toString());
    expect(files[0]?.sha256).toBe(createHash('sha256').update(stored).digest('hex'));
  });

  it('A2: after submission nothing is begun, and what was begun is not taken', async () => {
    const portal = 'submitted';
    const owner = await api.caller('requester', await api.tenant(portal));
    const path = await owner.file({ ...STEPS_BODY, desk: { kind: 'embedded' } });
    await owner.upload(`${path}/files/Contacts.csv`, 'ContactExtId,Last Name\n1,Sato\n');
    const { headers } = await begin(owner, path, 'late.csv', 4);
    await owner.post(`${path}/submit`);
    const late = await tus(owner, 'PATCH', headers.get('location') ?? '', {
      raw: bytesOf('late'),
      headers: { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' },
    });
    expect([late.status, late.body.type]).toEqual([409, problem('already-submitted')]);
    expect((await begin(owner, path, 'b.csv', 4)).status).toBe(409);
    expect((await owner.get(path)).body.files).toMatchObject([{ name: 'Contacts.csv' }]);
  });
});

describe('H: what is sent is what arrives', () => {
  const digest = (text: string, algorithm: 'sha256' | 'sha512' = 'sha256'): string =>
    `${algorithm.replace('sha', 'sha-')}=:${createHash(algorithm).update(text).digest('base64')}:`;
  const put = (path: string, text: string, headers: Record<string, string> = {}): Promise<Spoken> =>
    caller.call('PUT', path, { raw: text, headers });

  it('H: a file that does not have the digest its sender gives is not kept (RFC 9530)', async () => {
    const path = await caller.file();
    const file = `${path}/files/a.csv`;
    for (const headers of [
      { 'Repr-Digest': digest('another') },
      { 'Content-Digest': digest('another', 'sha512') },
      { 'Repr-Digest': `${digest('content')}, ${digest('another', 'sha512')}` },
    ] as Record<string, string>[]) {
      const refused = await put(file, 'content', headers);
      expect([refused.status, refused.body.type]).toEqual([400, problem('digest-mismatch')]);
    }
    for (const wrong of ['md5=:AAAA:', 'sha-256=AAAA', '']) {
      const { status, body } = await put(file, 'content', { 'Repr-Digest': wrong });
      expect([wrong, status, body.errors?.[0].parameter]).toEqual([wrong, 400, 'Repr-Digest']);
    }
    expect(await api.stored(`uploads/${idOf(path)}/`)).toEqual([]);
    expect((await caller.get(path)).body.files).toEqual([]);
    const headers = { 'Repr-Digest': digest('content'), 'Content-Digest': digest('content', 'sha512') };
    const taken = await put(file, 'content', headers);
    const sha256 = createHash('sha256').update('content').digest('hex');
    expect([taken.status, taken.body.sha256, taken.headers.get('etag')]).toEqual([
      201,
      sha256,
      `"${sha256}"`,
    ]);
  });

  it('H: the rest of a file that broke off, and a form around a file, are not taken for the file', async () => {
    const path = await caller.file();
    const file = `${path}/files/a.csv`;
    await put(file, 'whole content');
    const rest = await put(file, 'content', { 'Content-Range': 'bytes 6-12/13' });
    expect([rest.status, rest.body.errors?.[0].parameter]).toEqual([400, 'Content-Range']);
    const form = new FormData();
    form.set('file', new Blob(['a,b']), 'a.csv');
    expect((await caller.upload(file, form)).status).toBe(415);
    const sha256 = createHash('sha256').update('whole content').digest('hex');
    expect((await caller.get(path)).body.files).toEqual([{ name: 'a.csv', bytes: 13, sha256 }]);
  });

  it('H: If-Match and If-None-Match keep a file from being replaced or dropped unseen', async () => {
    const path = await caller.file();
    const file = `${path}/files/a.csv`;
    const first = (await put(file, 'first', { 'If-None-Match': '*' })).headers.get('etag') ?? '';
    const again = await put(file, 'second', { 'If-None-Match': '*' });
    expect([again.status, again.body.type, again.headers.get('etag')]).toEqual([
      412,
      problem('file-changed'),
      first,
    ]);
    expect((await put(`${path}/files/b.csv`, 'b', { 'If-Match': '*' })).status).toBe(412);
    const second = (await put(file, 'second', { 'If-Match': first })).headers.get('etag') ?? '';
    expect((await put(file, 'third', { 'If-Match': first })).status).toBe(412);
    const drop = (tag: string): Promise<Spoken> =>
      caller.call('DELETE', file, { headers: { 'If-Match': tag } });
    expect((await drop(first)).status).toBe(412);
    expect(await api.stored(`uploads/${idOf(path)}/`)).toHaveLength(1);
    expect((await drop(`"other", ${second}`)).status).toBe(204);
    // of many at once that may only make it one does
    const made = await Promise.all(
      Array.from({ length: 5 }, (_, index) => put(file, `content ${index}`, { 'If-None-Match': '*' })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(await api.stored(`uploads/${idOf(path)}/`)).toHaveLength(1);
  });

  it('A4: a full disk is told as 507, and leaves nothing', async () => {
    const path = await caller.file();
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const { storage } = api.dependencies;
    // the disk fills up in the middle of the file
    const filling: typeof storage = {
      ...storage,
      put: (key, body) =>
        storage.put(
          key,
          (async function* () {
            for await (const part of body as AsyncIterable<Uint8Array>) yield part;
            throw full;
          })(),
        ),
    };
    const beside = await api.beside({}, { storage: filling });
    const at = (address: string, init: RequestInit): Promise<Response> =>
      fetch(`http://127.0.0.1:${beside.port}${address}`, {
        ...init,
        headers: { Authorization: `Bearer ${caller.key}`, ...(init.headers as Record<string, string>) },
      });
    const refused = [507, '300', problem('storage-full')];
    const told = async (answer: Response): Promise<unknown[]> => [
      answer.status,
      answer.headers.get('retry-after'),
      ((await answer.json()) as { type: string }).type,
    ];
    const upload = await begun(path, 'tus.csv', 4);
    const bytes = {
      'Tus-Resumable': '1.0.0',
      'Upload-Offset': '0',
      'Content-Type': 'application/offset+octet-stream',
    };
    const answers: Promise<Response>[] = [
      at(`${path}/files/a.csv`, { method: 'PUT', body: 'content' }),
      at(upload, { method: 'PATCH', body: 'four', headers: bytes }),
    ];
    if (existsSync('/dev/full')) {
      // a device that is always full, in the place of an upload's bytes
      const device = await begun(path, 'device.csv', 4);
      await rm(join(folder(), idOf(device)));
      await symlink('/dev/full', join(folder(), idOf(device)));
      answers.push(at(device, { method: 'PATCH', body: 'four', headers: bytes }));
    }
    try {
      for (const answer of answers) expect(await told(await answer)).toEqual(refused);
    } finally {
      await beside.close();
    }
    expect(await api.stored(`uploads/${idOf(path)}/`)).toEqual([]);
    expect((await caller.get(path)).body.files).toEqual([]);
    // what arrived by tus is still there, and becomes a file when there is room
    expect(await offsetOf(upload)).toBe(4);
    expect((await caller.get(path)).body.files).toMatchObject([{ name: 'tus.csv' }]);
  });

  it('A4: of fifty uploads at once, whichever way they come, no more bytes are taken than the limit allows', async () => {
    const path = await caller.file();
    await operator.post(`${path}/limit`, { files: 100, reason: 'many small ones' });
    const content = 'x'.repeat(20_000);
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        if (index % 2 === 0) return (await put(`${path}/files/${index}.csv`, content)).status;
        const { status, headers } = await begin(caller, path, `${index}.csv`, content.length);
        return status === 201 ? (await send(headers.get('location') ?? '', 0, content)).status : status;
      }),
    );
    const files = (await caller.get(path)).body.files as { bytes: number }[];
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total).toBeLessThanOrEqual(LIMITS.totalBytes);
    expect(total).toBeGreaterThan(0);
    expect(files).toHaveLength(statuses.filter((status) => status < 300).length);
    expect(statuses.filter((status) => status >= 300 && status !== 413)).toEqual([]);
    expect(await api.stored(`uploads/${idOf(path)}/`)).toHaveLength(files.length);
  });
});

describe('F4: whose uploads', () => {
  it('F4: an upload of another tenant looks like none at all, whatever is asked of it', async () => {
    const path = await caller.file();
    const upload = await begun(path, 'a.csv', 4);
    const none = upload.replace(/[0-9a-f]{32}$/, '0'.repeat(32));
    const calls: [string, Said][] = [
      ['HEAD', {}],
      ['DELETE', {}],
      [
        'PATCH',
        {
          raw: bytesOf('abcd'),
          headers: { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': '0' },
        },
      ],
    ];
    for (const [method, said] of calls) {
      for (const address of [upload, none, '/v1/uploads/..%2f..%2fetc%2fpasswd', '/v1/uploads/m_none']) {
        const answer = await tus(other, method, address, said);
        const told = method === 'HEAD' ? '' : 'There is no such upload. Check the address.';
        const { detail = '' } = answer.body as { detail?: string };
        expect([method, address, answer.status, detail]).toEqual([method, address, 404, told]);
      }
    }
    expect((await begin(other, path, 'a.csv', 4)).status).toBe(404);
    expect((await tus(operator, 'PATCH', upload)).status).toBe(403);
    expect(await offsetOf(upload)).toBe(0);
  });
});

describe('slow callers', () => {
  it('H: a body that comes too slowly is refused, whichever way it comes', async () => {
    const strict = await api.beside({ slowest: { graceMs: 100, bytesPerSecond: 1_000 } });
    try {
      const path = await caller.file();
      const upload = await begun(path, 'slow.csv', 1_000);
      const dripping = (): ReadableStream<Uint8Array> =>
        new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => {
              setTimeout(resolve, 60);
            });
            controller.enqueue(bytesOf('x'));
          },
        });
      const drip = async (method: string, address: string, headers: Record<string, string>) => {
        const answer = await fetch(`http://127.0.0.1:${strict.port}${address}`, {
          method,
          headers: { Authorization: `Bearer ${caller.key}`, ...headers },
          body: dripping(),
          duplex: 'half',
        });
        const { type } = (await answer.json()) as { type: string };
        return [answer.status, type];
      };
      const refused = [408, problem('body-too-slow')];
      expect(await drip('PUT', `${path}/files/slow.csv`, {})).toEqual(refused);
      expect(await drip('POST', '/v1/migrations', { 'Content-Type': 'application/json' })).toEqual(refused);
      expect(
        await drip('PATCH', upload, {
          'Tus-Resumable': '1.0.0',
          'Upload-Offset': '0',
          'Content-Type': 'application/offset+octet-stream',
        }),
      ).toEqual(refused);
      expect(await api.stored(`uploads/${idOf(path)}/`)).toEqual([]);
    } finally {
      await strict.close();
    }
  });
});
