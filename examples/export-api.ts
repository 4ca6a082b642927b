import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { isTab, TABS, type Tab } from '../domain/tab.ts';
import { sampleRecords } from './sample-help-desk.ts';
import { type SampleSize, sampleWorld } from './sample-world.ts';

/** One record as the export API gives it: values by column (docs/formats.md). */
export type ExportRecord = Readonly<Record<string, unknown>>;

interface Kept {
  /** a record, or the JSON text of one */
  record: ExportRecord | string;
  changed: number;
}

/** What a call is answered with instead; null = the usual answer. */
type Mishap = { status: number; retryAfter?: string; location?: string; body?: string } | null;

export interface ExportApiServer {
  /** where it begins */
  readonly address: string;
  /** how often each path was asked for, without its query */
  readonly calls: Map<string, number>;
  /** The key that is taken from now on; null = none. */
  setKey(key: string | null): void;
  /** Tabs that the key may not read. */
  forbid(tabs: readonly Tab[]): void;
  /** Adds a record, or one that takes the place of the record with its id. */
  put(tab: Tab, id: string, record: ExportRecord | string): void;
  putFile(attachment: string, content: Uint8Array): void;
  removeFile(attachment: string): void;
  /** Asked at every call: what goes wrong with it. */
  onCall(mishap: (path: string, count: number) => Mishap): void;
  stop(): Promise<void>;
}

const MOST_ON_A_PAGE = 500;

/**
 * A small help desk behind the export API (docs/source-api.md), in memory: what an adapter for a real one looks like, and the source of
 * tests. It listens on the loopback interface only.
 * @param options.pageSize the most records of a page, whatever is asked for
 */
export async function startExportApi(options: {
  key: string;
  port?: number;
  pageSize?: number;
}): Promise<ExportApiServer> {
  const records = new Map<Tab, Map<string, Kept>>(TABS.map((tab) => [tab, new Map<string, Kept>()]));
  const files = new Map<string, Uint8Array>();
  const calls = new Map<string, number>();
  let key: string | null = options.key;
  let forbidden: readonly Tab[] = [];
  let mishap: (path: string, count: number) => Mishap = () => null;
  // its clock ticks with every change
  let time = 1;

  const changedSince = (tab: Tab, since: string | null): Kept[] => {
    const all = [...(records.get(tab)?.values() ?? [])];
    return since === null ? all : all.filter(({ changed }) => changed >= Number(since));
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const place = pathname.replace(/^\/export\//, '');
    const count = (calls.get(place) ?? 0) + 1;
    calls.set(place, count);
    const json = (text: string): void => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
    };
    const refuse = (status: number): void => {
      response.writeHead(status).end();
    };
    const wrong = mishap(place, count);
    if (wrong !== null) {
      const { status, retryAfter, location, body = '' } = wrong;
      response
        .writeHead(status, {
          ...(retryAfter === undefined ? {} : { 'Retry-After': retryAfter }),
          ...(location === undefined ? {} : { Location: location }),
        })
        .end(body);
      return;
    }
    if (key === null || request.headers.authorization !== `Bearer ${key}`) return refuse(401);
    const since = searchParams.get('since');
    if (place === 'tabs') {
      const tabs = TABS.map((tab) => ({ tab, records: changedSince(tab, since).length }));
      return json(JSON.stringify({ time: String(time), tabs }));
    }
    const file = /^attachments\/([^/]+)\/file$/.exec(place)?.[1];
    if (file !== undefined) {
      const content = files.get(decodeURIComponent(file));
      if (content === undefined) return refuse(404);
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(content);
      return;
    }
    if (!isTab(place)) return refuse(404);
    if (forbidden.includes(place)) return refuse(403);
    const limit = Math.min(Number(searchParams.get('limit') ?? 100), options.pageSize ?? MOST_ON_A_PAGE);
    const from = Number(searchParams.get('after') ?? 0);
    const all = changedSince(place, since);
    const page = all.slice(from, from + limit);
    const texts = page.map(({ record }) => (typeof record === 'string' ? record : JSON.stringify(record)));
    const next = from + limit < all.length ? `"${from + limit}"` : 'null';
    json(`{"records":[${texts.join(',')}],"next":${next}}`);
  }

  const server = createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/export`,
    calls,
    setKey: (next) => {
      key = next;
    },
    forbid: (tabs) => {
      forbidden = tabs;
    },
    put: (tab, id, record) => {
      records.get(tab)?.set(id, { record, changed: time++ });
    },
    putFile: (attachment, content) => {
      files.set(attachment, content);
    },
    removeFile: (attachment) => {
      files.delete(attachment);
    },
    onCall: (next) => {
      mishap = next;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** Fills it with the sample help desk: every record of the export files but those rows that cannot be read, which JSON has not. */
export function fillWithSample(api: Pick<ExportApiServer, 'put' | 'putFile'>, size: SampleSize): void {
  // files of one tab may spell a column in two ways; an API has one name for it
  const names = new Map<string, string>();
  const nameOf = (tab: Tab, header: string): string => {
    const key = `${tab} ${header.toLowerCase().replaceAll(/[\s_-]/g, '')}`;
    const name = names.get(key) ?? header;
    names.set(key, name);
    return name;
  };
  for (const { file, row, raw, cells, externalId, attachment } of sampleRecords(sampleWorld(size))) {
    if (raw !== null) continue;
    const members = file.header.flatMap((header, k) =>
      cells[k] === '' ? [] : [[nameOf(file.tab, header), cells[k]] as const],
    );
    // rows of one id stand beside each other, as they do in the files
    api.put(file.tab, `${file.name} ${row}`, Object.fromEntries(members));
    if (attachment !== null && externalId !== null) api.putFile(externalId, attachment.bytes());
  }
}

async function main(): Promise<void> {
  const program = new Command('export-api')
    .description('Serves the sample help desk by the export API (docs/source-api.md), until Ctrl-C.')
    .requiredOption('-k, --key-file <file>', 'a file that holds the key to be asked for')
    .option('-p, --port <number>', 'where it listens, on this machine only', '8090')
    .option('-t, --tickets <number>', 'how many tickets', '60')
    .option('-s, --seed <number>', 'the same seed and size give the same records', '1')
    .addHelpText('after', '\nExample:\n  node examples/export-api.ts --key-file source.key --tickets 200');
  const given = program.parse().opts<{ keyFile: string; port: string; tickets: string; seed: string }>();
  const key = (await readFile(given.keyFile, 'utf8')).trim();
  const api = await startExportApi({ key, port: Number(given.port) });
  fillWithSample(api, { tickets: Number(given.tickets), seed: Number(given.seed) });
  console.log(`The export API is at ${api.address}`);
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main();
}
