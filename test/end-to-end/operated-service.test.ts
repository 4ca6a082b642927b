import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { MongoClient } from 'mongodb';
import { collectTraces, type Collector } from '../collect-traces.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { readEncryptionKeys } from '../../configuration/read-encryption-keys.ts';
import { openDatabase } from '../../store/database.ts';
import { createKeyRing, type KeyRing } from '../../store/key-ring.ts';
import { createSourceKeys } from '../../store/source-keys.ts';
import { createPayloadCodec } from '../../temporal/encrypt-payloads.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { csvText } from '../import-engine.ts';
import { fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

const { History } = proto.temporal.api.history.v1;

const mark = randomBytes(6).toString('hex');
/** What customers wrote and who they are: in the desk, in what was sent in, and in what is handed back. */
const PERSONAL = {
  mail: `canary-mail-${mark}@customer.example`,
  body: `canary-body-${mark}`,
  badMail: `canary-bad-mail-${mark}`,
  name: `Canaryname${mark}`,
};
/** A secret of the service is in its environment, and in the file that a local start keeps it in. */
const encryptionKey = randomBytes(32);
const SECRETS: Record<string, string> = {
  secret: `canary-secret-${randomBytes(24).toString('hex')}`,
  encryptionKey: encryptionKey.toString('base64'),
  encryptionKeyBytes: encryptionKey.toString('latin1'),
  // B3: kept for a request, sealed
  sourceKey: `canary-source-key-${mark}`,
};

/** Collections that may hold what customers wrote. */
const PERSONAL_COLLECTIONS = [
  // the embedded desk
  'contacts',
  'tickets',
  'threads',
  // what a person typed, also where it was refused (a call below)
  'drafts',
];
/** Files that do: what was sent in, its rows, the reports (packed), and the database of the collections above. */
const PERSONAL_FILES = /^data\/(?:storage\/(?:uploads|segments|reports)\/|servers\/mongodb\/)|^export\//;

/** Where texts stand in bytes, each as it is, in base64 at every offset, and in UTF-16. */
function standing(bytes: Uint8Array, texts: Record<string, string>): string[] {
  const held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.entries(texts).flatMap(([name, text]) =>
    formsOf(text).some((form) => held.includes(form)) ? [name] : [],
  );
}

function formsOf(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const inBase64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // what depends on the neighbours is left out
    return Buffer.from(encoded.slice(offset === 0 ? 0 : 4, -4));
  });
  return [bytes, Buffer.from(text, 'utf16le'), ...inBase64];
}

describe('The whole service, as those who run it see it', () => {
  let service: RunningService;
  let temporal: Client;
  let connection: Connection;
  let collector: Collector;
  let id = '';
  const all = (): Record<string, string> => ({
    ...PERSONAL,
    ...SECRETS,
    requesterKey: service.requesterKey,
    operatorKey: service.operatorKey,
  });

  beforeAll(async () => {
    collector = await collectTraces();
    service = await startService({
      replyWindow: '4s',
      env: {
        TEMPORAL_ENCRYPTION: 'true',
        DESKFERRY_SECRET: SECRETS['secret'],
        DESKFERRY_ENCRYPTION_KEYS: `canary:${SECRETS['encryptionKey']}`,
        LOG_LEVEL: 'debug',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      },
    });
    connection = await Connection.connect({ address: service.temporalAddress });
    temporal = new Client({ connection });
    const folder = join(service.folder, 'export');
    await mkdir(folder);
    const { mail, badMail, body, name } = PERSONAL;
    const files = {
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name', 'Email', 'Description'],
        [
          ['C1', name, mail, body],
          ['C2', '', mail, body],
          ['C3', name, badMail, body],
        ],
      ),
      'Tickets.csv': csvText(
        [
          'TicketExtId',
          'ContactExtId',
          'Subject',
          'Description',
          'Assignee Name',
          'Assignee Email',
          'Department',
        ],
        [
          ['T1', 'C1', body, body, name, mail, 'Support'],
          ['T2', 'C2', body, body, '', '', ''],
          ['T3', 'C9', body, body, '', badMail, 'Nowhere'],
        ],
      ),
      'Threads.csv': csvText(
        [
          'ThreadExtId',
          'TicketExtId',
          'Content',
          'Sent Date Time',
          'Received Time',
          'Sender Email',
          'Direction',
          'Is Private',
          'From Email Address',
        ],
        ['T1', 'T2'].map((ticket, at) => [
          `H${at}`,
          ticket,
          body,
          '2026-01-01T00:00:00Z',
          '2026-01-01T00:00:00Z',
          mail,
          'in',
          'false',
          mail,
        ]),
      ),
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
    id = await fileAndApprove(service, {
      portal: service.portal,
      files: Object.keys(files),
      folder,
      tabs: ['contacts', 'tickets'],
      requesterMail: ADMINISTRATOR_MAIL,
    });
    await keepSourceKey();
    await reach(service, id, 'COMPLETED');
  }, 300_000);
  afterAll(async () => {
    await connection?.close();
    await service?.end();
    collector?.close();
  }, 90_000);

  /** The ring of the service. */
  function ring(): KeyRing {
    const [key] = readEncryptionKeys(`canary:${SECRETS['encryptionKey']}`) ?? [];
    if (key === undefined) throw new Error('the encryption key cannot be read');
    return createKeyRing([key]);
  }

  async function keepSourceKey(): Promise<void> {
    const database = await openDatabase(service.mongodbUri, service.database);
    try {
      const keys = createSourceKeys(database.db, ring());
      await keys.keep(id, 'https://desk.example', SECRETS['sourceKey'] ?? '');
      expect(await keys.find(id, 'https://desk.example')).toBe(SECRETS['sourceKey']);
    } finally {
      await database.close();
    }
  }

  test('C5, C6: the rows were imported, and failed, as they should', async () => {
    const { reports } = await service.operator.call<{ reports: { name: string }[] }>(
      'GET',
      `/v1/migrations/${id}`,
    );
    expect(reports.map((report) => report.name)).toEqual(['phase-1', 'phase-2']);
    const progress = await service.operator.call<unknown>('GET', `/v1/migrations/${id}`);
    expect(JSON.stringify(progress)).toContain('"failed":2');
  });

  test('F4: no process logs what is secret or personal', () => {
    expect(service.logged.length).toBeGreaterThan(20);
    expect(service.logged.filter((line) => standing(Buffer.from(line, 'latin1'), all()).length > 0)).toEqual(
      [],
    );
  });

  test('one request id finds the call, the workflow and the activities it led to', () => {
    const lines = service.logged.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
    const approval = lines.find(({ route }) => route === '/v1/migrations/:request/approve');
    expect(approval).toMatchObject({ process: 'api', status: 202, migration: id });
    const led = lines.filter(({ requestId }) => requestId === approval?.requestId);
    expect(led.find(({ command }) => command !== undefined)).toMatchObject({
      process: 'worker lifecycle+mail',
      msg: 'took a command',
      command: 'approve',
      workflowId: migrationWorkflowId(id),
    });
    expect(led.find(({ activity }) => activity === 'importSegments')).toMatchObject({
      process: 'worker imports',
      msg: 'done',
      workflowId: `import-phase/${id}/phase-1`,
      migration: id,
      phase: 'phase-1',
      tab: 'contacts',
      attempt: 1,
    });
    expect(led.map(({ activity }) => activity)).toEqual(
      expect.arrayContaining([
        'keepBooks',
        'joinQueue',
        'planPhase',
        'proveTab',
        'writeReport',
        'sendMessage',
      ]),
    );
    // another call's doing has its own id
    const taking = lines.find(({ route }) => route === '/v1/migrations/:request/verification');
    const checks = lines.find(({ activity }) => activity === 'runChecks');
    expect(checks?.requestId).toBe(taking?.requestId);
    expect(taking?.requestId).not.toBe(approval?.requestId);
  });

  test('one trace joins a call, the workflow it commands and the activities that follow', async () => {
    const of = (trace: string | undefined): string[] =>
      collector.spans.flatMap(({ traceId, service: by, name }) =>
        traceId === trace ? [`${by}: ${name}`] : [],
      );
    const begins = (): string[] =>
      of(collector.spans.find(({ name }) => name === 'POST /v1/migrations/:request/approve')?.traceId);
    const expected = [
      'deskferry api: POST /v1/migrations/:request/approve',
      'deskferry worker lifecycle+mail: HandleUpdate:approve',
      'deskferry worker lifecycle+mail: RunActivity:joinQueue',
      'deskferry worker lifecycle+mail: RunWorkflow',
      'deskferry worker imports: RunActivity:importSegments',
    ];
    // they are sent in batches
    await expect.poll(begins, { timeout: 30_000 }).toEqual(expect.arrayContaining(expected));
    expect(begins().some((span) => /^deskferry api: \w*Update\w*:approve$/.test(span))).toBe(true);
    for (const body of collector.bodies) expect(standing(body, all())).toEqual([]);
  });

  test('the workers tell Prometheus what they do, and never of whom', async () => {
    const read = async (worker: string): Promise<string> =>
      (await fetch(service.metrics[worker] ?? '')).text();
    const imports = await read('import worker 1');
    for (const line of [
      'deskferry_records_total{tab="contacts",result="created"} 1',
      // in phase 1, and once more as they were in phase 2 (E3)
      'deskferry_records_total{tab="contacts",result="failed"} 4',
      'deskferry_segments_total{tab="contacts"}',
      'deskferry_staged_records_total{tab="contacts"}',
      'deskferry_planned_bytes_total{tab="tickets"}',
      'deskferry_discrepancies_total{tab="threads"} 0',
      'deskferry_activity_duration_seconds_count{activity="importSegments",outcome="done"}',
      'temporal_activity_execution_latency',
    ])
      expect(imports).toContain(line);
    const lifecycle = await read('lifecycle worker');
    for (const line of [
      'deskferry_mails_total{kind="phase1Report",outcome="sent"} 1',
      'deskferry_queue{standing="running"} 0',
      'deskferry_queue{standing="waiting"} 0',
      'deskferry_requests_paused 0',
      'temporal_workflow_task_execution_latency',
    ])
      expect(lifecycle).toContain(line);
    expect(`${imports}${lifecycle}`).not.toMatch(new RegExp(`${id}|${service.portal}"`));
  });

  test('every worker tells that it runs, and that it can do its work', async () => {
    for (const metrics of Object.values(service.metrics)) {
      const ask = (path: string): Promise<Response> => fetch(metrics.replace('/metrics', path));
      expect((await ask('/healthz')).status).toBe(200);
      const ready = await ask('/readyz');
      expect([ready.status, await ready.json()]).toEqual([
        200,
        { status: 'ready', checks: { temporal: 'up', mongodb: 'up', storage: 'up', worker: 'up' } },
      ]);
      expect((await ask('/other')).status).toBe(404);
    }
  });

  test('F4: no history holds any of it, sealed or opened; sealed ones cannot be read at all', async () => {
    const codec = createPayloadCodec(ring(), true);
    const kinds = new Set<string>();
    let payloads = 0;
    for await (const { workflowId, runId, type } of temporal.workflow.list()) {
      kinds.add(type);
      const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
      expect([workflowId, standing(History.encode(history).finish(), all())]).toEqual([workflowId, []]);
      for (const payload of payloadsOf(history)) {
        payloads += 1;
        expect([workflowId, Buffer.from(payload.metadata?.['encoding'] ?? []).toString()]).toEqual([
          workflowId,
          'binary/encrypted',
        ]);
        const [opened] = await codec.decode([payload]);
        expect([workflowId, standing(Buffer.from(opened?.data ?? []), all())]).toEqual([workflowId, []]);
      }
    }
    expect([...kinds]).toEqual(expect.arrayContaining(['migration', 'importPhase', 'processingQueue']));
    expect(payloads).toBeGreaterThan(100);
  });

  test('F3: an operator or auditor reads in the Web UI what is sealed; nobody else does', async () => {
    const described = await temporal.workflow.getHandle(migrationWorkflowId(id)).describe();
    const summary = described.raw.workflowExecutionInfo?.type?.name;
    expect(summary).toBe('migration');
    const sealed = described.raw.executionConfig?.userMetadata?.summary;
    const body = JSON.stringify({ payloads: [jsonOf(sealed ?? {})] });
    const ask = (key: string): Promise<Response> =>
      fetch(`${service.url}/v1/codec/decode`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          'X-Namespace': 'default',
        },
        body,
      });
    expect((await ask(service.requesterKey)).status).toBe(403);
    const { payloads } = (await (await ask(service.operatorKey)).json()) as { payloads: { data: string }[] };
    const read = Buffer.from(payloads[0]?.data ?? '', 'base64').toString();
    expect(read).toBe(JSON.stringify(`Migration request ${id}`));
  });

  test('F4: no measurement and no answer to a faulty call holds any of it', async () => {
    for (const address of [`${service.url}/metrics`, ...Object.values(service.metrics)])
      expect(standing(Buffer.from(await (await fetch(address)).text()), all())).toEqual([]);
    const { mail, body } = PERSONAL;
    for (const [method, path, sent] of [
      [
        'POST',
        '/v1/migrations',
        JSON.stringify({ requester: { name: { [body]: 1 }, mail: `${mail} ${body}` } }),
      ],
      ['POST', '/v1/migrations', `{"requester": ${mail}`],
      ['PATCH', `/v1/migrations/${id}`, JSON.stringify({ remarks: body })],
      ['POST', `/v1/migrations/${id}/cancel`, '{}'],
    ] as const) {
      const answer = await fetch(`${service.url}${path}`, {
        method,
        headers: { Authorization: `Bearer ${service.requesterKey}`, 'Content-Type': 'application/json' },
        body: sent,
      });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      const { mail: _mail, ...rest } = all();
      expect([path, standing(Buffer.from(await answer.text()), rest)]).toEqual([path, []]);
    }
    const stranger = await fetch(`${service.url}/v1/migrations`, {
      headers: { Authorization: `Bearer ${service.operatorKey}x` },
    });
    expect([stranger.status, standing(Buffer.from(await stranger.text()), all())]).toEqual([401, []]);
  });

  test('F2, F4: the audit log and the mails hold none of it', async () => {
    const audit = await service.operator.call<unknown>('GET', `/v1/migrations/${id}/audit`);
    expect(standing(Buffer.from(JSON.stringify(audit)), all())).toEqual([]);
    const mails = (await (await fetch(`${service.mailUi}/messages`)).json()) as unknown[];
    expect(mails.length).toBeGreaterThan(3);
    expect(standing(Buffer.from(JSON.stringify(mails)), all())).toEqual([]);
  });

  test('F4: of the collections, only the desk and what people typed hold any of it', async () => {
    const mongo = await MongoClient.connect(service.mongodbUri);
    try {
      const db = mongo.db(service.database);
      const holding = new Map<string, string[]>();
      for (const { name } of await db.listCollections().toArray()) {
        for await (const document of db.collection(name).find({}, { raw: true })) {
          const found = standing(document as unknown as Uint8Array, all());
          if (found.length > 0) holding.set(name, [...new Set([...(holding.get(name) ?? []), ...found])]);
        }
      }
      expect([...holding.keys()].toSorted()).toEqual(PERSONAL_COLLECTIONS.toSorted());
      const found = new Set([...holding.values()].flat());
      expect([...found].filter((name) => !(name in PERSONAL))).toEqual([]);
    } finally {
      await mongo.close();
    }
  });

  test('F4: of the files, only those do; the secrets of the service are in none', async () => {
    const files = await filesUnder(service.folder);
    const seen: [string, string[]][] = [];
    for (const file of files) seen.push([file, standing(await readFile(join(service.folder, file)), all())]);
    expect(seen.length).toBeGreaterThan(10);
    const wrong = seen.filter(([file, found]) =>
      found.some((name) => !(name in PERSONAL) || !PERSONAL_FILES.test(file)),
    );
    expect(wrong).toEqual([]);
    // the search finds what is there
    expect(
      seen.filter(([file, found]) => file.startsWith('data/storage/uploads/') && found.includes('body')),
    ).toHaveLength(3);
  });
});

/** A line of the log, as far as it is read here. */
interface Line {
  process: string;
  msg: string;
  requestId?: string;
  route?: string;
  status?: number;
  migration?: string;
  workflowId?: string;
  command?: string;
  activity?: string;
  phase?: string;
  tab?: string;
  attempt?: number;
}

/** Search attributes, the id of the API call, and the names of patches are never sealed. */
const READABLE = new Set(['searchAttributes', 'indexedFields', 'header', 'markerRecordedEventAttributes']);

/** Every payload of a history that is to be sealed, wherever it stands in it. */
function payloadsOf(value: unknown): Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value) return [value as Payload];
  return Object.entries(value).flatMap(([name, part]) => (READABLE.has(name) ? [] : payloadsOf(part)));
}

function jsonOf({ metadata, data }: Payload): unknown {
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  };
}

async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const file = join(folder, name);
    if ((await stat(file)).isFile()) found.push(relative(folder, file).replaceAll('\\', '/'));
  }
  return found;
}
