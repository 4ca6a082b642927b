import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from '@temporalio/worker';
import type { RequestSnapshot } from '../../activities/lifecycle-activities.ts';
import { DEFAULT_LIMITS, REPLY_WINDOW_MS } from '../../domain/lifecycle.ts';
import { ensureTestServer, registerSearchAttributes } from '../../stack/stack.ts';
import {
  IMPORT_TASK_QUEUE,
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  type MigrationInput,
  migrationWorkflowId,
  PROCESSING_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_SIGNALS,
  type StepInput,
  SNAPSHOT_QUERY,
  type UpdateArguments,
} from '../../workflows/messages.ts';
import { bundledWorkflows } from '../workflow-bundle.ts';
import { World } from './world.ts';

export const REQUESTER = 'requester:acme';
export const OPERATOR = 'operator:team';
export const DAY = 24 * 3_600_000;
/** Kept histories tell nothing of the machine that recorded them. */
const IDENTITY = 'lifecycle-test';
const DEADLINE_MS = 50_000;

/** The server is given five seconds to start, which a busy machine does not always keep: then again. */
async function startTimeSkipping(path: string): Promise<TestWorkflowEnvironment> {
  for (let left = 11; ; left--) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
        client: { identity: IDENTITY },
      });
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** A time-skipping Temporal, workers with the real workflows, and a world in memory; one per test file. */
export class Lifecycle {
  readonly temporal: TestWorkflowEnvironment;
  readonly world: World;
  readonly #stop: () => Promise<void>;
  readonly #created: string[] = [];

  private constructor(temporal: TestWorkflowEnvironment, world: World, stop: () => Promise<void>) {
    this.temporal = temporal;
    this.world = world;
    this.#stop = stop;
  }

  /** @param turns how many phases run at a time (B4) */
  static async start(turns = 1): Promise<Lifecycle> {
    quietly();
    const workflowBundle = await bundledWorkflows();
    const path = await ensureTestServer();
    const temporal = await startTimeSkipping(path);
    await registerSearchAttributes(temporal.connection, 'default');
    const { workflow } = temporal.client;
    const world = new World({
      join: async (entry) => {
        await workflow.signalWithStart(PROCESSING_QUEUE, {
          workflowId: PROCESSING_QUEUE_WORKFLOW_ID,
          taskQueue: LIFECYCLE_TASK_QUEUE,
          args: [{ turns }],
          signal: QUEUE_SIGNALS.join,
          signalArgs: [entry, turns],
        });
      },
      leave: async (entry) => {
        try {
          await workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).signal(QUEUE_SIGNALS.leave, entry);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      },
    });
    const common = {
      identity: IDENTITY,
      connection: temporal.nativeConnection,
      activities: { ...world.activities },
      maxHeartbeatThrottleInterval: 100,
    };
    const workers = await Promise.all([
      Worker.create({ ...common, taskQueue: LIFECYCLE_TASK_QUEUE, workflowBundle }),
      Worker.create({ ...common, taskQueue: IMPORT_TASK_QUEUE }),
    ]);
    const running = workers.map((worker) => worker.run());
    return new Lifecycle(temporal, world, async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await temporal.teardown();
    });
  }

  /** Ends all servers and workers. */
  stop(): Promise<void> {
    return this.#stop();
  }

  /**
   * Between tests: nothing runs any more, and the world is as new. Workflows are cancelled rather than terminated: an activity
   * that outlives its workflow keeps the server from skipping time ever after.
   */
  async clear(): Promise<void> {
    this.world.failNoMore();
    const requests = this.#created.splice(0);
    for (const id of [...requests.map(migrationWorkflowId), PROCESSING_QUEUE_WORKFLOW_ID]) {
      const handle = this.temporal.client.workflow.getHandle(id);
      try {
        if (id === PROCESSING_QUEUE_WORKFLOW_ID) await this.#emptyQueue(requests);
        await handle.cancel();
        await this.until(
          'it has ended',
          async () => (await handle.describe()).status.name !== 'RUNNING',
          5_000,
        );
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) continue;
        // The test server can lose a workflow task when a cancellation meets the start of an activity.
        await handle.terminate();
      }
    }
    this.world.clear();
  }

  /** Nobody has a turn any more, so that the watch over those who have one has ended before the queue does. */
  async #emptyQueue(requests: readonly string[]): Promise<void> {
    for (const request of requests) await this.world.leave({ request, phase: 'phase-1' });
    const queue = this.temporal.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
    await this.until('nobody is watched', async () => {
      const { pendingActivities } = (await queue.describe()).raw;
      return (pendingActivities ?? []).length === 0;
    });
  }

  /** The time as the workflows see it, epoch milliseconds. */
  now(): Promise<number> {
    return this.temporal.currentTimeMs();
  }

  /** Lets time go by. */
  async pass(milliseconds: number): Promise<void> {
    await this.temporal.sleep(milliseconds);
  }

  /** Starts a request's workflow. */
  async create(input: Partial<MigrationInput> = {}): Promise<Request> {
    const request = input.request ?? `m_${randomUUID().slice(0, 8)}`;
    this.#created.push(request);
    const workflowId = migrationWorkflowId(request);
    await this.temporal.client.workflow.start(MIGRATION, {
      taskQueue: LIFECYCLE_TASK_QUEUE,
      workflowId,
      args: [
        {
          request,
          replyWindowMs: REPLY_WINDOW_MS,
          failureShare: 0.05,
          limits: DEFAULT_LIMITS,
          by: REQUESTER,
          steps: { revision: 1, done: [], portal: null },
          ...input,
        } satisfies MigrationInput,
      ],
    });
    return new Request(this, request);
  }

  /** Waits until something holds; told what, it fails with it. */
  async until(what: string, holds: () => boolean | Promise<boolean>, patience = DEADLINE_MS): Promise<void> {
    const deadline = Date.now() + patience;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`did not come about: ${what}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 25);
      });
    }
  }
}

/** A request under test, driven by its updates. */
export class Request {
  readonly id: string;
  readonly #life: Lifecycle;

  constructor(life: Lifecycle, id: string) {
    this.#life = life;
    this.id = id;
  }

  get handle() {
    return this.#life.temporal.client.workflow.getHandle(migrationWorkflowId(this.id));
  }

  command<Name extends keyof UpdateArguments>(
    name: Name,
    argument: UpdateArguments[Name],
  ): Promise<RequestSnapshot> {
    return this.handle.executeUpdate(name, { args: [argument] });
  }

  snapshot(): Promise<RequestSnapshot> {
    return this.handle.query<RequestSnapshot>(SNAPSHOT_QUERY);
  }

  steps(more: Partial<StepInput> = {}): Promise<RequestSnapshot> {
    return this.command('redoSteps', {
      by: REQUESTER,
      revision: 2,
      done: ['basic', 'tabs', 'desk', 'portal'],
      portal: `portal-${this.id}`,
      source: 'files',
      ...more,
    });
  }

  async submitted(): Promise<this> {
    await this.steps();
    await this.command('addFile', { by: REQUESTER, key: 'f1', bytes: 1_000 });
    await this.command('submit', { by: REQUESTER });
    return this;
  }

  async verifying(): Promise<this> {
    await this.submitted();
    await this.command('take', { by: OPERATOR });
    await this.noted('checked');
    return this;
  }

  async approved(): Promise<this> {
    await this.verifying();
    await this.command('approve', { by: OPERATOR });
    return this;
  }

  /** Waits for a state (or something else about the request). */
  async reaches(
    state: RequestSnapshot['state'],
    also: (snapshot: RequestSnapshot) => boolean = () => true,
  ): Promise<RequestSnapshot> {
    let last: RequestSnapshot | null = null;
    await this.#life.until(`${this.id} is ${state}`, async () => {
      last = await this.snapshot();
      return last.state === state && also(last);
    });
    if (last === null) throw new Error('no snapshot');
    return last;
  }

  async paused(): Promise<RequestSnapshot> {
    let last: RequestSnapshot | null = null;
    await this.#life.until(`${this.id} is paused`, async () => {
      last = await this.snapshot();
      return last.paused !== null;
    });
    if (last === null) throw new Error('no snapshot');
    return last;
  }

  /** Lets time go by until the workflow has ended. */
  result(): Promise<RequestSnapshot> {
    return this.handle.result() as Promise<RequestSnapshot>;
  }

  /** Waits until the audit log says something, as often as named. It is written beside the migration, which goes on. */
  async noted(action: string, times = 1): Promise<void> {
    const count = (): number => this.actions().filter((each) => each === action).length;
    await this.#life.until(`${this.id}: ${action}`, () => count() >= times);
  }

  /** What the audit log says of it so far, in order. */
  actions(): string[] {
    return this.#life.world.audit.filter((entry) => entry.request === this.id).map((entry) => entry.action);
  }
}

/** Type of the refusal with which a command ended, CLOSED when its workflow has ended; null when it was taken. */
export async function refusalOf(command: Promise<unknown>): Promise<string | null> {
  try {
    await command;
    return null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'CLOSED';
    const { cause } = error as { cause?: { type?: string } };
    if (cause?.type === undefined) throw error;
    return cause.type;
  }
}

let quiet = false;
/** Lets the SDK tell errors only; it may be called again. */
export function quietly(): void {
  if (quiet) return;
  quiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
  });
}
