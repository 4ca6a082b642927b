import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Db } from 'mongodb';
import { type ActivityDependencies, createLifecycleActivities } from '../../activities/create-activities.ts';
import { createAftercareActivities } from '../../activities/create-aftercare-activities.ts';
import { createControlActivities } from '../../activities/create-control-activities.ts';
import { createImportActivities } from '../../activities/create-import-activities.ts';
import type { ImportActivities } from '../../activities/import-activities.ts';
import type {
  LifecycleActivities,
  MessageOrder,
  RequestSnapshot,
} from '../../activities/lifecycle-activities.ts';
import { createEmbeddedDesk } from '../../desk/embedded/embedded-desk.ts';
import { createPortal } from '../../desk/embedded/portals.ts';
import { DEFAULT_LIMITS, REPLY_WINDOW_MS } from '../../domain/lifecycle.ts';
import { EMPTY_DRAFT } from '../../domain/request.ts';
import type { Tab } from '../../domain/tab.ts';
import type { OutgoingMail } from '../../mail/send-mail.ts';
import { startStack } from '../../stack/stack.ts';
import { createImportStores } from '../../store/import-stores.ts';
import { createIncomingMails } from '../../store/incoming-mail.ts';
import { createReportSigner } from '../../store/report-signature.ts';
import { newRequestId, type RequestDocument } from '../../store/requests.ts';
import { createSourceKeys } from '../../store/source-keys.ts';
import { openStorage } from '../../store/storage.ts';
import { createStores, type Stores } from '../../store/stores.ts';
import { uploadKey } from '../../store/uploads.ts';
import { WORKFLOW_NAMES } from '../../workers/workflow-names.ts';
import {
  IMPORT_TASK_QUEUE,
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  type MigrationInput,
  migrationWorkflowId,
  type UpdateArguments,
} from '../../workflows/messages.ts';
import type { Body } from '../import-engine.ts';
import { testKeyRing } from '../key-ring.ts';
import { openTestDatabase, withSharedMongo } from '../database.ts';
import { bundledWorkflows } from '../workflow-bundle.ts';
import type { World } from './world.ts';

export const REQUESTER = 'requester:acme';
export const OPERATOR = 'operator:team';
const DEADLINE_MS = 60_000;
const SECRET = 'a secret of at least 32 characters';

/** The real workers, desk and store on a real Temporal and MongoDB in this process; mail is only collected. One per test file. */
export class ServiceInProcess {
  readonly client: Client;
  readonly db: Db;
  readonly deps: ActivityDependencies;
  readonly stores: Stores;
  readonly mails: OutgoingMail[];
  readonly #stop: () => Promise<void>;

  private constructor(deps: ActivityDependencies, db: Db, mails: OutgoingMail[], stop: () => Promise<void>) {
    this.client = deps.client;
    this.db = db;
    this.deps = deps;
    this.stores = deps.stores;
    this.mails = mails;
    this.#stop = stop;
  }

  /**
   * @param world plays the checks and the import instead of the real ones
   * @param options.env where servers are that the test started itself
   * @param options.troubled gives parts of the service other ones, that fail
   * @param options.turns how many phases run at a time (B4)
   * @param options.attempts after so many an import or a message gives up, where the product goes on for minutes or an hour
   */
  static async start(
    world: World | null = null,
    options: {
      env?: NodeJS.ProcessEnv;
      troubled?: (deps: ActivityDependencies) => Partial<ActivityDependencies>;
      attempts?: number;
      turns?: number;
    } = {},
  ): Promise<ServiceInProcess> {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-service-'));
    const [stack, workflowBundle] = await Promise.all([
      startStack({ dataFolder, mail: false, env: options.env ?? withSharedMongo() }),
      bundledWorkflows(),
    ]);
    const database = await openTestDatabase(stack.mongodbUri);
    const connection = await Connection.connect({ address: stack.temporalAddress });
    const native = await NativeConnection.connect({ address: stack.temporalAddress });
    const { db } = database;
    const stores = createStores(db, createReportSigner(SECRET));
    const mails: OutgoingMail[] = [];
    const sound: ActivityDependencies = {
      stores,
      importStores: createImportStores(db),
      incomingMails: createIncomingMails(db),
      sourceKeys: createSourceKeys(db, testKeyRing()),
      storage: openStorage({ folder: join(dataFolder, 'storage') }),
      desk: createEmbeddedDesk(db, stores.links),
      mail: {
        send: async (mail) => {
          mails.push(mail);
        },
        close: () => {},
      },
      client: new Client({ connection }),
      stopping: new AbortController().signal,
      settings: {
        publicUrl: 'https://deskferry.example',
        teamMail: 'team@deskferry.example',
        replyMailbox: null,
        messageDomain: 'deskferry.example',
        largestAttachment: 10_000_000,
        linkSecret: SECRET,
        linkLifetime: 86_400_000,
        supportAddress: 'support@deskferry.example',
        concurrentTurns: options.turns ?? 1,
        retentionMs: 30 * 86_400_000,
        sourceHosts: ['127.0.0.1'],
      },
      names: WORKFLOW_NAMES,
    };
    const deps = { ...sound, ...options.troubled?.(sound) };
    const attempts = options.attempts ?? Number.POSITIVE_INFINITY;
    const patient = createLifecycleActivities(deps);
    const lifecycle = {
      ...patient,
      ...givingUp({ sendMessage: (order: MessageOrder) => patient.sendMessage(order) }, attempts),
    };
    const imports = givingUp(createImportActivities(deps), attempts);
    const played = world === null ? {} : playedBy(world, deps, [...Object.keys(imports), 'runChecks']);
    const both = { ...lifecycle, ...createControlActivities(deps, lifecycle) };
    const aftercare = createAftercareActivities(deps);
    const common = { connection: native, maxHeartbeatThrottleInterval: 100 };
    const workers = await Promise.all([
      Worker.create({
        ...common,
        taskQueue: LIFECYCLE_TASK_QUEUE,
        workflowBundle,
        activities: { ...(world?.held(both) ?? both), ...played },
      }),
      Worker.create({
        ...common,
        taskQueue: IMPORT_TASK_QUEUE,
        activities: { ...imports, ...(world?.held(aftercare) ?? aftercare), ...played },
      }),
    ]);
    const running = workers.map((worker) => worker.run());
    return new ServiceInProcess(deps, db, mails, async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await native.close();
      await connection.close();
      await database.close();
      await stack.stop();
      await rm(dataFolder, { recursive: true, force: true });
    });
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** A paid portal with a primary contact; its id. */
  async portal(): Promise<string> {
    const id = `p${randomUUID().slice(0, 8)}`;
    await createPortal(this.db, {
      id,
      name: id,
      tenant: 'acme',
      plan: 'paid',
      recordQuota: null,
      departments: [{ id: 'd1', name: 'Support', default: true }],
      statuses: ['Open', 'Closed'],
      integrations: { zohoCrm: false, salesforce: false },
      primaryContact: { agentId: `${id}/desk/owner`, name: 'Owner', mail: 'owner@portal.example' },
    });
    return id;
  }

  /** Files a request with its steps done and its portal claimed, PENDING. */
  async create(
    portal: string,
    options: {
      tabs?: readonly Tab[];
      files?: Readonly<Record<string, Body>>;
      window?: number;
      /** read by its export API instead of from files (B3) */
      api?: { address: string; key: string };
    } = {},
  ): Promise<FiledRequest> {
    const id = newRequestId();
    const { api } = options;
    await this.stores.requests.own(id, 'acme');
    await this.stores.drafts.insert(id, 1, {
      ...EMPTY_DRAFT,
      requester: { name: 'R', mail: 'owner@portal.example', company: 'C', locale: 'en', timeZone: 'UTC' },
      source: {
        system: 'Other',
        scope: 'files',
        ...(api === undefined ? { kind: 'files' } : { kind: 'api', address: api.address }),
      },
      tabs: [...(options.tabs ?? (['contacts', 'tickets'] as const))],
      remarks: '',
      desk: { kind: 'embedded', portal },
    });
    if (api !== undefined) await this.deps.sourceKeys.keep(id, api.address, api.key);
    await this.client.workflow.start(MIGRATION, {
      taskQueue: LIFECYCLE_TASK_QUEUE,
      workflowId: migrationWorkflowId(id),
      args: [
        {
          request: id,
          replyWindowMs: options.window ?? REPLY_WINDOW_MS,
          failureShare: 0.05,
          limits: DEFAULT_LIMITS,
          by: REQUESTER,
          steps: {
            revision: 1,
            done: ['basic', 'tabs', 'remarks', 'desk', 'portal'],
            portal,
            source: 'files',
            ...(api === undefined ? {} : { readsApi: true }),
          },
          sourceKeyGiven: api !== undefined,
        } satisfies MigrationInput,
      ],
    });
    const request = new FiledRequest(this, id);
    await request.reaches('the portal is claimed', ({ missingSteps }) => !missingSteps.includes('portal'));
    const files = options.files ?? (api === undefined ? { 'Contacts.csv': 'ContactExtId\n' } : {});
    for (const [name, body] of Object.entries(files)) {
      await request.upload(name, body);
    }
    return request;
  }

  /** Waits until something holds; told what, it fails with it. */
  async until<T>(what: string, look: () => Promise<T | null | false | undefined>): Promise<T> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      if (Date.now() > deadline) throw new Error(`did not come about: ${what}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
  }
}

/** Activities that fail for good after so many attempts. */
function givingUp<T extends object>(activities: T, attempts: number): T {
  const entries = Object.entries(activities) as [string, (...given: unknown[]) => Promise<unknown>][];
  const impatient = entries.map(([name, act]) => [
    name,
    async (...given: unknown[]): Promise<unknown> => {
      try {
        return await act(...given);
      } catch (error) {
        if (!(error instanceof ApplicationFailure) || activityInfo().attempt < attempts) throw error;
        throw ApplicationFailure.nonRetryable(error.message, error.type);
      }
    },
  ]);
  return Object.fromEntries(impatient) as T;
}

/** The activities named, as the world plays them; a plan is kept, and a report it writes can be read. */
function playedBy(
  world: World,
  { importStores, storage }: ActivityDependencies,
  names: readonly string[],
): Partial<ImportActivities & LifecycleActivities> {
  const { activities } = world;
  const played = Object.entries(activities).filter(([name]) => names.includes(name));
  return {
    ...Object.fromEntries(played),
    async planPhase(run) {
      const { request, phase } = run;
      await importStores.plans.keep({
        request,
        phase,
        portal: '',
        scope: 'files',
        tabs: [],
        parts: [],
        uploads: [],
        ignored: [],
        continues: null,
        locale: 'en',
        timeZone: 'UTC',
      });
      return activities.planPhase(run);
    },
    async writeReport(run) {
      const { version, bytes } = await activities.writeReport(run);
      const begun = await importStores.reports.begin(
        run.request,
        run.phase,
        `f${version}`,
        new Date(),
        Date.now(),
      );
      await storage.put(begun.storageKey, Buffer.from('report'));
      await importStores.reports.written(begun, bytes);
      return { name: run.phase, version: begun.version, bytes };
    },
  };
}

/** A request under test. */
export class FiledRequest {
  readonly id: string;
  readonly #service: ServiceInProcess;

  constructor(service: ServiceInProcess, id: string) {
    this.#service = service;
    this.id = id;
  }

  get handle() {
    return this.#service.client.workflow.getHandle(migrationWorkflowId(this.id));
  }

  command<Name extends keyof UpdateArguments>(
    name: Name,
    argument: UpdateArguments[Name],
  ): Promise<RequestSnapshot> {
    return this.handle.executeUpdate(name, { args: [argument] });
  }

  async upload(name: string, body: Body): Promise<void> {
    const { storage, stores } = this.#service.deps;
    const key = uploadKey(this.id, name);
    const storageKey = `uploads/${this.id}/${key}/${randomUUID()}`;
    const { bytes, sha256 } = await storage.put(storageKey, Buffer.from(body));
    await stores.uploads.put({
      request: this.id,
      key,
      name,
      bytes,
      sha256,
      storageKey,
      uploadedAt: new Date(),
      reply: null,
    });
    await this.command('addFile', { by: REQUESTER, key, bytes });
  }

  async verifying(): Promise<this> {
    await this.command('submit', { by: REQUESTER });
    await this.command('take', { by: OPERATOR });
    return this;
  }

  async approved(): Promise<this> {
    await this.verifying();
    await this.command('approve', { by: OPERATOR });
    return this;
  }

  /** Waits until its process only waits: no activity is under way, and nothing is to be told to it. */
  async rests(): Promise<void> {
    await this.#service.until(`${this.id} rests`, async () => {
      const { pendingActivities, pendingWorkflowTask } = (await this.handle.describe()).raw;
      return (pendingActivities ?? []).length === 0 && (pendingWorkflowTask ?? null) === null;
    });
  }

  document(): Promise<RequestDocument | null> {
    return this.#service.stores.requests.get(this.id);
  }

  /** Waits until the document says something. */
  reaches(what: string, says: (document: RequestDocument) => boolean): Promise<RequestDocument> {
    return this.#service.until(`${this.id}: ${what}`, async () => {
      const document = await this.document();
      return document !== null && says(document) && document;
    });
  }

  /** What the audit log says of it, in order, but for its mails, which go out beside. */
  async actions(): Promise<string[]> {
    const log = await this.#service.stores.audit.list(this.id);
    return log.filter(({ writer }) => writer !== 'mail').map(({ by, action }) => `${by} ${action}`);
  }
}
