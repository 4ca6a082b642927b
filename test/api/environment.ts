import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import type {
  EraseActivities,
  SampleActivities,
  UndoActivities,
  UndoHoldActivities,
} from '../../activities/control-activities.ts';
import { makeKeepBooks } from '../../activities/keep-books.ts';
import {
  type ApiConfiguration,
  type ApiDependencies,
  type ApiDesk,
  assembleApi,
  createApi,
} from '../../api/app.ts';
import type { TokenIssuer } from '../../api/bearer-tokens.ts';
import { type Listening, listen } from '../../api/listen.ts';
import type { TabTally } from '../../store/read-progress.ts';
import { createRoutes } from '../../api/routes.ts';
import type { NewPortal } from '../../desk/embedded/portals.ts';
import { createPortal, listPortals, lockIntegrations, setIntegrations } from '../../desk/embedded/portals.ts';
import { createEmbeddedDesk } from '../../desk/embedded/embedded-desk.ts';
import { DEFAULT_LIMITS, type Limits } from '../../domain/lifecycle.ts';
import type { Finding } from '../../domain/request.ts';
import { startStack } from '../../stack/stack.ts';
import type { Database } from '../../store/database.ts';
import type { Role } from '../../store/keys.ts';
import { createImportStores } from '../../store/import-stores.ts';
import { createReportSigner } from '../../store/report-signature.ts';
import { openStorage, type Storage } from '../../store/storage.ts';
import { createSourceKeys } from '../../store/source-keys.ts';
import { createStores, type Stores } from '../../store/stores.ts';
import {
  IMPORT_TASK_QUEUE,
  LIFECYCLE_TASK_QUEUE,
  PROCESSING_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_SIGNALS,
} from '../../workflows/messages.ts';
import { testKeyRing } from '../key-ring.ts';
import { openTestDatabase, withSharedMongo } from '../database.ts';
import { bundledWorkflows } from '../workflow-bundle.ts';
import { World } from '../lifecycle/world.ts';
import { Contract } from './contract.ts';

const DEADLINE_MS = 30_000;
/** signs links, as DESKFERRY_SECRET does */
export const SECRET = 'a-secret-of-thirty-two-characters';

export const REQUESTER_BODY = {
  name: '佐藤 花',
  mail: 'hana@example.com',
  company: 'Example K.K.',
  locale: 'ja',
  timeZone: 'Asia/Tokyo',
};
export const SOURCE_BODY = { system: 'Old Desk', kind: 'files', scope: 'old' };

/** Every step of a request but its files. */
export const STEPS_BODY = { requester: REQUESTER_BODY, source: SOURCE_BODY, tabs: ['contacts', 'tickets'] };

/** What came back. `body` is parsed JSON, or the bytes' text where it is none. */
export interface Spoken {
  status: number;
  headers: Headers;
  // what is sent back is held against the OpenAPI document, see Contract
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

/** A body as it is sent. */
export type Sent = string | Uint8Array<ArrayBuffer> | FormData | ReadableStream<Uint8Array>;

export interface Said {
  body?: unknown;
  headers?: Record<string, string>;
  /** sent as it is instead of JSON */
  raw?: Sent;
}

/** The API on a real Temporal and MongoDB, with the real workflows; the import and the mail are played. */
export class ApiUnderTest {
  readonly url: string;
  readonly stores: Stores;
  readonly storage: Storage;
  readonly database: Database;
  readonly world: World;
  /** what the API was made of, to make another one of it */
  readonly dependencies: ApiDependencies;
  readonly storageFolder: string;
  readonly log: string[] = [];
  /** what `progress` reads */
  tallies: TabTally[] = [];
  findings: Finding[] = [];
  readonly #contract: Contract;
  readonly #stop: () => Promise<void>;

  private constructor(parts: {
    listening: Listening;
    stores: Stores;
    storage: Storage;
    database: Database;
    world: World;
    dependencies: ApiDependencies;
    storageFolder: string;
    contract: Contract;
    stop: () => Promise<void>;
  }) {
    this.url = `http://127.0.0.1:${parts.listening.port}`;
    this.stores = parts.stores;
    this.storage = parts.storage;
    this.database = parts.database;
    this.world = parts.world;
    this.dependencies = parts.dependencies;
    this.storageFolder = parts.storageFolder;
    this.#contract = parts.contract;
    this.#stop = parts.stop;
  }

  static async start(
    settings: { replyWindowMs?: number; limits?: Limits; oidc?: TokenIssuer } = {},
  ): Promise<ApiUnderTest> {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-api-'));
    const [stack, workflowBundle] = await Promise.all([
      startStack({ dataFolder, mail: false, env: withSharedMongo() }),
      bundledWorkflows(),
    ]);
    const database = await openTestDatabase(stack.mongodbUri);
    const connection = await Connection.connect({ address: stack.temporalAddress });
    const temporal = new Client({ connection });
    const native = await NativeConnection.connect({ address: stack.temporalAddress });
    const stores = createStores(database.db, createReportSigner(SECRET));
    const storageFolder = join(dataFolder, 'storage');
    const storage = openStorage({ folder: storageFolder });
    let self: ApiUnderTest | null = null;

    const world = new World({
      join: async (entry) => {
        await temporal.workflow.signalWithStart(PROCESSING_QUEUE, {
          workflowId: PROCESSING_QUEUE_WORKFLOW_ID,
          taskQueue: LIFECYCLE_TASK_QUEUE,
          args: [{ turns: 1 }],
          signal: QUEUE_SIGNALS.join,
          signalArgs: [entry, 1],
        });
      },
      leave: async (entry) => {
        await temporal.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).signal(QUEUE_SIGNALS.leave, entry);
      },
    });
    const played = world.activities;
    const activities: typeof played = {
      ...played,
      async recordRequest(snapshot) {
        const { request, revision } = snapshot;
        const tenant = (await stores.requests.tenantOf(request)) ?? '';
        const draft = await stores.drafts.get(request, revision);
        const files = await stores.uploads.list(request, null);
        await stores.requests.put(snapshot, {
          tenant,
          draft,
          files: files.filter((file) => snapshot.files.includes(file.key)),
        });
      },
      appendAudit: (entry) => stores.audit.append(entry),
      keepBooks: (books) => makeKeepBooks(activities)(books),
      claimPortal: async ({ request, portal }) => ({
        claimed: await stores.portalClaims.claim(portal, request),
      }),
      releasePortal: ({ request, portal }) => stores.portalClaims.release(request, portal),
      async sendMessage(order) {
        await played.sendMessage(order);
        const { request, sequence, kind } = order;
        const at = new Date(order.at);
        const message = {
          request,
          sequence,
          kind,
          at,
          to: ['admin@example.com'],
          cc: [],
          subject: kind,
          text: kind,
          html: '',
        };
        await stores.messages.compose({ ...message, attachments: [], messageId: `<${sequence}@test>` });
        await stores.messages.markSent(request, sequence, at);
      },
      async runChecks(input) {
        const result = await played.runChecks(input);
        await stores.findings.put(input.request, input.revision, self?.findings ?? [], new Date(input.at));
        return result;
      },
      async writeReport(run) {
        const report = await played.writeReport(run);
        await storage.put(
          `reports/${run.request}/${report.name}-v${report.version}.zip`,
          Buffer.from(`report ${report.name}`),
        );
        return report;
      },
    };
    const common = {
      connection: native,
      activities: { ...activities, ...playAftercare(stores, storage) },
      maxHeartbeatThrottleInterval: 100,
    };
    const workers = await Promise.all([
      Worker.create({ ...common, taskQueue: LIFECYCLE_TASK_QUEUE, workflowBundle }),
      Worker.create({ ...common, taskQueue: IMPORT_TASK_QUEUE }),
    ]);
    const running = workers.map((worker) => worker.run());

    const desk: ApiDesk = {
      ...createEmbeddedDesk(database.db, stores.links),
      allPortals: () => listPortals(database.db),
      setIntegrations: (portal, wanted) => setIntegrations(database.db, portal, wanted),
    };
    const dependencies: ApiDependencies = {
      stores,
      sourceKeys: createSourceKeys(database.db, testKeyRing()),
      storage,
      temporal,
      desk,
      progress: async () => self?.tallies ?? [],
      discrepancies: createImportStores(database.db).discrepancies,
      pingDatabase: () => database.ping(),
      config: {
        publicUrl: 'https://deskferry.example',
        replyWindowMs: settings.replyWindowMs ?? 14 * 24 * 3_600_000,
        failureShare: 0.05,
        limits: settings.limits ?? DEFAULT_LIMITS,
        supportAddress: 'support@deskferry.example',
        concurrentTurns: 1,
        secret: SECRET,
        storageFolder,
        callsPerMinute: 100_000,
        sourceHosts: ['127.0.0.1'],
        corsOrigins: [],
        temporalUiOrigins: ['https://temporal.example'],
        oidc: settings.oidc ?? null,
        trustProxy: 0,
        eventsMs: 50,
      },
      tracing: null,
      logger: pino({ level: 'info' }, { write: (line: string) => void self?.log.push(line) }),
    };
    const contract = new Contract(createRoutes(assembleApi(dependencies)));
    const listening = await listen(createApi(dependencies), 0, '127.0.0.1');
    contract.watch(listening.server);
    self = new ApiUnderTest({
      listening,
      stores,
      storage,
      database,
      world,
      dependencies,
      storageFolder,
      contract,
      async stop() {
        await listening.close();
        for (const worker of workers) worker.shutdown();
        await Promise.all(running);
        await native.close();
        await connection.close();
        await database.close();
        await stack.stop();
        await rm(dataFolder, { recursive: true, force: true });
        contract.verify();
      },
    });
    return self;
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** Another process of this API, or one with another configuration; its answers are held against the document, too. */
  async beside(
    changed: Partial<ApiConfiguration> = {},
    others: Partial<ApiDependencies> = {},
  ): Promise<Listening> {
    const config = { ...this.dependencies.config, ...changed };
    const app = createApi({ ...this.dependencies, ...others, config });
    const listening = await listen(app, 0, '127.0.0.1');
    this.#contract.watch(listening.server);
    return listening;
  }

  /** A new key, and somebody who speaks with it. */
  async caller(role: Role, tenant: string | null): Promise<Caller> {
    const name = `${role}-${randomUUID().slice(0, 8)}`;
    const { key } = await this.stores.keys.create({ name, role, tenant });
    return new Caller(this, key, name, role);
  }

  /** A tenant with portals of the desk. */
  async tenant(...portals: string[]): Promise<string> {
    const tenant = `tenant-${randomUUID().slice(0, 8)}`;
    for (const id of portals) await this.portal(id, tenant);
    return tenant;
  }

  async portal(id: string, tenant: string): Promise<void> {
    const portal: NewPortal = {
      id,
      name: `Portal ${id}`,
      tenant,
      plan: 'paid',
      recordQuota: null,
      departments: [{ id: 'd1', name: 'Support', default: true }],
      statuses: ['Open', 'Closed'],
      integrations: { zohoCrm: false, salesforce: false },
      primaryContact: { agentId: `${id}/~/a1`, name: 'Admin', mail: 'admin@example.com' },
    };
    await createPortal(this.database.db, portal);
  }

  lockIntegrations(portal: string, request: string): Promise<void> {
    return lockIntegrations(this.database.db, portal, request);
  }

  /** Waits until no request has a portal any more: one that ends gives it back when its end is told already (A8). */
  freed(portal: string): Promise<void> {
    const holder = () => this.stores.portalClaims.holder(portal);
    return until(`${portal} is free`, async () => (await holder()) === null);
  }

  /** Every key in storage under a prefix. */
  async stored(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    try {
      for await (const key of this.storage.list(prefix)) keys.push(key);
    } catch (error) {
      // nothing was ever stored there
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
    return keys;
  }
}

/** A sample that chooses nothing, an undo and an erasure that find nothing to do, but write their reports and notes. */
function playAftercare(
  { reports, erasures }: Stores,
  storage: Storage,
): UndoActivities & UndoHoldActivities & EraseActivities & SampleActivities {
  const none = { files: 0, bytes: 0, segments: 0, records: 0, mails: 0, attachmentFiles: 0 };
  return {
    chooseSample: async () => ({ tabs: [] }),
    clearSample: async () => {},
    beginUndo: async () => ({ portal: null, taken: false }),
    endUndo: async () => {},
    decideUndo: async () => ({ created: 0 }),
    removeRecords: async () => ({ created: 0, removed: 0, changedSince: 0, referredTo: 0 }),
    removeUnused: async () => ({ links: 0, files: 0 }),
    async writeUndoReport({ request }) {
      const report = await reports.begin(request, 'undo', 'played', new Date(), Date.now());
      const { bytes } = await storage.put(report.storageKey, Buffer.from('what was undone'));
      await reports.written(report, bytes);
      return { name: 'undo', version: report.version, bytes };
    },
    async eraseRequest({ request, at, by, reason }) {
      await erasures.begin({ request, at: new Date(at), by, reason, ...none });
      await erasures.done(request, new Date());
      return none;
    },
  };
}

/** Somebody with an API key. */
export class Caller {
  readonly key: string;
  readonly name: string;
  readonly role: Role;
  readonly #api: { url: string };

  constructor(api: { url: string }, key: string, name: string, role: Role) {
    this.#api = api;
    this.key = key;
    this.name = name;
    this.role = role;
  }

  async call(method: string, path: string, said: Said = {}): Promise<Spoken> {
    const json = said.raw === undefined && said.body !== undefined;
    const answer = await fetch(`${this.#api.url}${path}`, {
      method,
      headers: {
        ...(this.key === '' ? {} : { Authorization: `Bearer ${this.key}` }),
        ...(json ? { 'Content-Type': 'application/json' } : {}),
        ...said.headers,
      },
      ...(json ? { body: JSON.stringify(said.body) } : {}),
      ...(said.raw === undefined ? {} : { body: said.raw }),
    });
    const text = await answer.text();
    // an answer to HEAD has the headers alone
    const isJson = text !== '' && answer.headers.get('content-type')?.includes('json') === true;
    const body: unknown = isJson ? JSON.parse(text) : text;
    return { status: answer.status, headers: answer.headers, body };
  }

  /** The same holder of the same key, who speaks to another process. */
  at(url: string): Caller {
    return new Caller({ url }, this.key, this.name, this.role);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Spoken> {
    return this.call('GET', path, { headers });
  }
  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Spoken> {
    return this.call('POST', path, { ...(body === undefined ? {} : { body }), headers });
  }
  put(path: string, body: unknown): Promise<Spoken> {
    return this.call('PUT', path, { body });
  }
  patch(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Spoken> {
    return this.call('PATCH', path, { body, headers });
  }
  upload(path: string, content: Sent): Promise<Spoken> {
    return this.call('PUT', path, { raw: content });
  }

  /** Files a request and gives its address. */
  async file(body: unknown = STEPS_BODY): Promise<string> {
    const created = await this.post('/v1/migrations', body);
    if (created.status !== 201) throw new Error(`not created: ${JSON.stringify(created.body)}`);
    return created.headers.get('location') ?? '';
  }
}

/** Asks until an answer is as wanted. */
export async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await ask())) {
    if (Date.now() > deadline) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
