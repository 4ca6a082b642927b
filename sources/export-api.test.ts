import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openExportApi } from './export-api.ts';
import type { HelpDeskApi } from './help-desk-api.ts';

let answer: (response: ServerResponse, path: string) => void = () => {};
const asked: { path: string; key: string | undefined }[] = [];
let server: Server;
let source: HelpDeskApi;
let address: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', key: request.headers.authorization });
    answer(response, request.url ?? '');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/export/`;
  source = openExportApi({ address, key: 'k', allowed: ['127.0.0.1'] });
});
afterAll(async () => {
  source.close();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

const gives = (body: string | Uint8Array, status = 200, headers: Record<string, string> = {}): void => {
  answer = (response) => {
    response.writeHead(status, headers).end(body);
  };
};
const page = () => source.page('tickets', { after: null, since: null });
const faultOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    ({ code, message, retryAfterMs }: { code?: unknown; message: string; retryAfterMs?: number | null }) => {
      // neither where it lies nor its key is told
      expect(message).not.toMatch(/127\.0\.0\.1|Bearer|export\//);
      return retryAfterMs === null || retryAfterMs === undefined ? code : [code, retryAfterMs];
    },
  );

describe('A1: the export API', () => {
  test('asks with the key, the cursor, the time and a limit', async () => {
    gives('{"records":[],"next":null}');
    await source.page('tickets', { after: 'a&b', since: '2024-01-01T00:00:00Z' });
    expect(asked.at(-1)).toEqual({
      path: '/export/tickets?after=a%26b&since=2024-01-01T00%3A00%3A00Z&limit=200',
      key: 'Bearer k',
    });
  });

  test('takes the tabs it knows, and ignores others', async () => {
    gives('{"time":"T","tabs":[{"tab":"tickets","records":2},{"tab":"surveys","records":9}],"more":1}');
    expect(await source.inventory(null)).toEqual({ time: 'T', tabs: [{ tab: 'tickets', records: 2 }] });
  });

  test('takes records byte for byte, bytes that are not UTF-8 included', async () => {
    const body = Buffer.concat([
      Buffer.from('{ "next" : "次", "records" : [ {"a": 1.00, "b": "東"} , {"a": "'),
      Buffer.of(0xff),
      Buffer.from('"} ] }'),
    ]);
    gives(body);
    const { body: records, records: count, next } = await page();
    expect({ count, next }).toEqual({ count: 2, next: '次' });
    expect(records).toEqual(body.subarray(body.indexOf('{"a": 1.00'), body.lastIndexOf(' ] }')));
  });

  test('an attachment: its bytes, null where there is none, never another path', async () => {
    gives('content');
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await source.file('a/../b')) ?? []) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('content');
    expect(asked.at(-1)?.path).toBe('/export/attachments/a%2F..%2Fb/file');
    const { length } = asked;
    expect(await source.file('..')).toBeNull();
    expect(asked.length).toBe(length);
    gives('', 404);
    expect(await source.file('a')).toBeNull();
  });
});

describe('B3: every other answer has a clear outcome', () => {
  test.each([
    [401, {}, 'SOURCE_KEY_REFUSED'],
    [403, {}, 'SOURCE_KEY_REFUSED'],
    [429, { 'Retry-After': '7' }, ['SOURCE_BUSY', 7_000]],
    [503, { 'Retry-After': 'Thu, 01 Jan 1970 00:00:00 GMT' }, ['SOURCE_BUSY', 1_000]],
    [503, { 'Retry-After': '999999' }, ['SOURCE_BUSY', 3_600_000]],
    [429, { 'Retry-After': 'soon' }, ['SOURCE_BUSY', 30_000]],
    [500, {}, 'SOURCE_UNREACHABLE'],
    [404, {}, 'SOURCE_ANSWER_BAD'],
    [302, { Location: 'http://169.254.169.254/' }, 'SOURCE_ANSWER_BAD'],
    [204, {}, 'SOURCE_ANSWER_BAD'],
  ])('%i %j', async (status, headers, outcome) => {
    gives('', status, headers);
    const { length } = asked;
    expect(await faultOf(page())).toEqual(outcome);
    expect(asked.length, 'asked once, nothing followed').toBe(length + 1);
  });

  test.each([
    'no JSON',
    '[]',
    '{"next":null}',
    '{"records":{},"next":null}',
    '{"records":[]}',
    '{"records":[],"next":""}',
    '{"records":[],"next":5}',
    `{"records":[],"next":"${'x'.repeat(2_001)}"}`,
    '{"records":[],"next":null',
  ])('a page of %s', async (body) => {
    gives(body);
    expect(await faultOf(page())).toBe('SOURCE_ANSWER_BAD');
  });

  test('a page that names itself as the next one', async () => {
    gives('{"records":[],"next":"a"}');
    expect(await faultOf(source.page('tickets', { after: 'a', since: null }))).toBe('SOURCE_ANSWER_BAD');
  });

  test.each(['{}', '{"time":"T","tabs":[{"tab":"tickets","records":-1}]}', '{"time":"","tabs":[]}'])(
    'tabs of %s',
    async (body) => {
      gives(body);
      expect(await faultOf(source.inventory(null))).toBe('SOURCE_ANSWER_BAD');
    },
  );

  test('an answer without end is broken off', async () => {
    answer = (response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000_000, ' ')));
      };
      response.on('drain', more);
      more();
    };
    expect(await faultOf(page())).toBe('SOURCE_ANSWER_BAD');
  });

  test('an answer that breaks off, and a host that does not answer', async () => {
    answer = (response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{', () => response.destroy());
    };
    expect(await faultOf(page())).toBe('SOURCE_UNREACHABLE');
    const nobody = openExportApi({ address: 'http://127.0.0.1:1/', key: 'k', allowed: ['127.0.0.1'] });
    expect(await faultOf(nobody.inventory(null))).toBe('SOURCE_UNREACHABLE');
  });

  test('an attachment that comes drop by drop is given up, whatever time its reader takes', async () => {
    const slowest = { graceMs: 50, bytesPerSecond: 1_000 };
    const strict = openExportApi({ address, key: 'k', allowed: ['127.0.0.1'], slowest });
    const read = async (pauseMs: number): Promise<number> => {
      let bytes = 0;
      for await (const chunk of (await strict.file('a')) ?? []) {
        bytes += chunk.length;
        await new Promise((resolve) => {
          setTimeout(resolve, pauseMs);
        });
      }
      return bytes;
    };
    answer = (response) => {
      response.writeHead(200);
      const drip = setInterval(() => void response.write('x'), 20);
      response.once('close', () => clearInterval(drip));
    };
    expect(await faultOf(read(0))).toBe('SOURCE_UNREACHABLE');
    gives(Buffer.alloc(200_000));
    expect(await read(150)).toBe(200_000);
    strict.close();
  });

  test('SSRF: a name that leads into a private network is not connected to', async () => {
    const { length } = asked;
    const port = new URL(address).port;
    const inside = openExportApi({ address: `https://localhost:${port}/`, key: 'k', allowed: [] });
    expect(await faultOf(inside.inventory(null))).toBe('SOURCE_ADDRESS_REFUSED');
    expect(asked.length).toBe(length);
  });
});
