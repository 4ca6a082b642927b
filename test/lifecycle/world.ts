import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ImportActivities, TabProof } from '../../activities/import-activities.ts';
import type {
  AuditEntry,
  ChecksResult,
  LifecycleActivities,
  MessageOrder,
  RequestSnapshot,
} from '../../activities/lifecycle-activities.ts';
import { makeKeepBooks } from '../../activities/keep-books.ts';
import type { Tab } from '../../domain/tab.ts';

type Activities = ImportActivities & LifecycleActivities;

/** One call of an activity, with the moment (epoch milliseconds) at which the workflow asked for it. */
export interface Call {
  name: keyof Activities;
  argument: unknown;
  at: number;
}

const CLEAN: ChecksResult = { blocking: 0, ungranted: 0, warnings: 0, bytes: 1_000, records: 30, tabs: [] };

const PLAN: { tab: Tab; records: number; bytes: number }[] = [
  { tab: 'contacts', records: 10, bytes: 100 },
  { tab: 'tickets', records: 20, bytes: 200 },
];

/**
 * The world as the workflows' tests see it: every activity of the contract, in memory. What a test sets decides how the world
 * answers; what a workflow did stands in `calls`.
 */
export class World {
  readonly calls: Call[] = [];
  readonly documents = new Map<string, RequestSnapshot>();
  readonly audit: AuditEntry[] = [];
  readonly messages: MessageOrder[] = [];
  readonly claims = new Map<string, string>();
  readonly closedPortals = new Map<string, string>();
  readonly integrationsOn: string[] = [];
  checks: ChecksResult = CLEAN;
  plan = [...PLAN];
  segmentsPerTab = 4;
  /** segments that are closed so far, also by a piece that is still being staged; null when all are */
  closed: number | null = null;
  discrepancies = 0;
  /** B3 */
  sourceKeyWorks = true;
  failedRecords = 0;
  barriers: number[] = [];
  /** answers of `watchHolders` wait for one of these to be gone */
  readonly gone = new Set<string>();
  readonly #faults = new Map<keyof Activities, number>();
  readonly #gates = new Map<string, { promise: Promise<void>; open: () => void }>();
  readonly join: (entry: Parameters<LifecycleActivities['joinQueue']>[0]) => Promise<void>;
  readonly leave: (entry: Parameters<LifecycleActivities['leaveQueue']>[0]) => Promise<void>;
  #reports = 0;

  constructor(queue: Pick<World, 'join' | 'leave'>) {
    this.join = queue.join;
    this.leave = queue.leave;
  }

  failNoMore(): void {
    this.#faults.clear();
  }

  /** As new. */
  clear(): void {
    this.failNoMore();
    for (const gate of this.#gates.values()) gate.open();
    for (const list of [this.calls, this.audit, this.messages, this.integrationsOn]) list.length = 0;
    for (const map of [this.documents, this.claims, this.closedPortals, this.gone]) map.clear();
    this.checks = CLEAN;
    this.plan = [...PLAN];
    this.segmentsPerTab = 4;
    this.closed = null;
    this.sourceKeyWorks = true;
    this.discrepancies = 0;
    this.failedRecords = 0;
    this.barriers = [];
    this.#reports = 0;
  }

  /** The next calls of an activity fail for good. */
  fail(name: keyof Activities, times = 1): void {
    this.#faults.set(name, times);
  }

  /**
   * Calls of an activity wait until the gate is opened, or until they are cancelled.
   * @param request only those of one request
   */
  hold(name: string, request = ''): { open: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const key = `${name} ${request}`;
    const gate = {
      promise,
      open: () => {
        this.#gates.delete(key);
        resolve();
      },
    };
    this.#gates.set(key, gate);
    return gate;
  }

  /** Real activities, held by the same gates. */
  held<T extends object>(activities: T): T {
    const acts = Object.entries(activities) as [string, (argument: unknown) => Promise<unknown>][];
    const held = acts.map(([name, act]) => [
      name,
      async (argument: unknown): Promise<unknown> => {
        await this.#pass(name, argument);
        return act(argument);
      },
    ]);
    return Object.fromEntries(held) as T;
  }

  named(name: keyof Activities): Call[] {
    return this.calls.filter((call) => call.name === name);
  }

  told(): string[] {
    return this.messages.map((message) => message.kind);
  }

  readonly activities: Activities = {
    recordRequest: this.#does('recordRequest', async (snapshot) => {
      const known = this.documents.get(snapshot.request);
      if (known === undefined || known.sequence < snapshot.sequence)
        this.documents.set(snapshot.request, snapshot);
    }),
    appendAudit: this.#does('appendAudit', async (entry) => {
      this.audit.push(entry);
    }),
    keepBooks: this.#does('keepBooks', (books) => makeKeepBooks(this.activities)(books)),
    sendMessage: this.#does('sendMessage', async (order) => {
      this.messages.push(order);
    }),
    runChecks: this.#does('runChecks', async () => this.checks),
    claimPortal: this.#does('claimPortal', async ({ request, portal }) => {
      const holder = this.claims.get(portal) ?? request;
      if (holder === request) this.claims.set(portal, request);
      return { claimed: holder === request };
    }),
    releasePortal: this.#does('releasePortal', async ({ request, portal }) => {
      if (this.claims.get(portal) === request) this.claims.delete(portal);
    }),
    closePortal: this.#does('closePortal', async ({ request, portal }) => {
      this.closedPortals.set(portal, request);
    }),
    openPortal: this.#does('openPortal', async ({ portal }) => {
      this.closedPortals.delete(portal);
    }),
    checkIntegrations: this.#does('checkIntegrations', async () => ({ on: [...this.integrationsOn] })),
    openSupportTicket: this.#does('openSupportTicket', async ({ request }) => ({ ticket: `s-${request}` })),
    closeSupportTicket: this.#does('closeSupportTicket', async () => {}),
    estimatePhase: this.#does('estimatePhase', async ({ tabs }) => ({
      milliseconds: tabs.reduce((sum, { records }) => sum + records * 1_000, 0),
    })),
    recordSpeed: this.#does('recordSpeed', async () => {}),
    settleEstimates: this.#does('settleEstimates', async () => {}),
    eraseUploads: this.#does('eraseUploads', async () => {}),
    checkSourceKey: this.#does('checkSourceKey', async () => ({ works: this.sourceKeyWorks })),
    eraseSourceKey: this.#does('eraseSourceKey', async () => {}),
    joinQueue: this.#does('joinQueue', (entry) => this.join(entry)),
    leaveQueue: this.#does('leaveQueue', (entry) => this.leave(entry)),
    watchHolders: this.#does('watchHolders', async ({ requests }) => {
      for (;;) {
        const gone = requests.filter((request) => this.gone.has(request));
        if (gone.length > 0) return { gone };
        Context.current().heartbeat();
        await Context.current().sleep(100);
      }
    }),
    drawSource: this.#does('drawSource', async () => ({ records: 10, bytes: 1_000 })),
    planPhase: this.#does('planPhase', async () => ({ tabs: this.plan })),
    freezeContext: this.#does('freezeContext', async () => {}),
    stageTab: this.#does('stageTab', async ({ until = this.segmentsPerTab }) => ({
      segments: Math.min(until, this.segmentsPerTab),
      records: 10,
      ...(until < this.segmentsPerTab ? { more: true } : {}),
    })),
    planImport: this.#does('planImport', async ({ after, to = this.closed ?? this.segmentsPerTab }) => ({
      groups: Array.from({ length: Math.max(0, to - after) }, (_, index) => ({
        from: after + index + 1,
        to: after + index + 1,
        records: 5,
      })),
      barriers: this.barriers,
      next: null,
    })),
    importSegments: this.#does('importSegments', async () => {
      const on = this.integrationsOn.join(', ');
      if (on !== '') throw ApplicationFailure.nonRetryable(`${on} must be off`, 'INTEGRATIONS_ON');
      const { created, ...rest } = this.#proof().counts;
      return { created, ...rest };
    }),
    reconcileSegments: this.#does('reconcileSegments', async () => ({ discrepancies: 0 })),
    proveTab: this.#does('proveTab', async () => this.#proof()),
    resolveImages: this.#does('resolveImages', async () => ({
      bodies: 0,
      shown: 0,
      embedded: 0,
      notShown: {},
    })),
    foldImported: this.#does('foldImported', async () => {}),
    writeReport: this.#does('writeReport', async ({ phase }) => ({
      name: phase,
      version: ++this.#reports,
      bytes: 1_000,
    })),
  };

  #proof(): TabProof {
    const failed = this.failedRecords;
    return {
      counts: { source: 10, created: 10 - failed, updated: 0, unchanged: 0, skipped: 0, failed },
      warnings: 0,
      digestsMatch: this.discrepancies === 0,
      discrepancies: this.discrepancies,
    };
  }

  #does<Name extends keyof Activities>(name: Name, act: Activities[Name]): Activities[Name] {
    type Act = (argument: Parameters<Activities[Name]>[0]) => Promise<unknown>;
    const does: Act = async (argument) => {
      const at = Context.current().info.scheduledTimestampMs;
      this.calls.push({ name, argument, at });
      await this.#pass(name, argument);
      const faults = this.#faults.get(name) ?? 0;
      if (faults > 0) {
        this.#faults.set(name, faults - 1);
        throw ApplicationFailure.nonRetryable('the store is away', 'STORE_AWAY');
      }
      return (act as Act)(argument);
    };
    return does as Activities[Name];
  }

  async #pass(name: string, argument: unknown): Promise<void> {
    const { request = '' } = (argument ?? {}) as { request?: string };
    const gate = this.#gates.get(`${name} `) ?? this.#gates.get(`${name} ${request}`);
    if (gate === undefined) return;
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), 200);
    try {
      await Promise.race([gate.promise, context.cancelled]);
    } finally {
      clearInterval(beat);
    }
    context.cancellationSignal.throwIfAborted();
  }
}
