import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { REPLY_WINDOW_MS } from '../domain/lifecycle.ts';
import { EMPTY_DRAFT } from '../domain/request.ts';
import { startStack } from '../stack/stack.ts';
import { newRequestId } from '../store/requests.ts';
import {
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  type MigrationInput,
  migrationWorkflowId,
} from '../workflows/messages.ts';
import { newMigrationRecord, snapshotOf } from '../workflows/migration-record.ts';
import { openWorld, type Place, type World } from './file-request.ts';
import { processorSeconds } from './processor-time.ts';
import { endWorker, startWorker, workerEnvironment } from './through-temporal.ts';

/** What a process needed: shares of one core, and memory in MB. */
interface Used {
  worker: number;
  temporal: number;
  mongodb: number;
  workerMb: number;
  temporalMb: number;
}

/** What so many requests in their reply window cost. */
export interface ParkedFigures {
  parked: number;
  minutes: number;
  none: Used;
  with: Used;
  /** of worker and Temporal together, with them against none, in percent of a core */
  percentOfACore: number;
}

/** Ten requests are made at a time. */
const AT_A_TIME = 10;
/** The sweep looks at what began in the last five minutes once more; only then it is as it will be for two weeks. */
const SETTLED_MS = 6.5 * 60_000;

/**
 * Measures what requests cost that wait in their reply window: the service's lifecycle worker and Temporal, the sweep of every
 * minute included, first without a request and then with all of them. It counts processor time, so that a busy machine does no harm.
 */
export async function measureParked(
  folder: string,
  { parked, minutes }: { parked: number; minutes: number },
  say: (line: string) => void,
): Promise<ParkedFigures> {
  const stack = await startStack({ dataFolder: join(folder, 'servers'), say, mail: false });
  const place: Place = { uri: stack.mongodbUri, database: 'bench_parked', storage: join(folder, 'service') };
  const world = await openWorld(place);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  const worker = await startWorker('lifecycle', workerEnvironment(stack.temporalAddress, place));
  const processes = { worker: worker.pid, temporal: stack.pids.temporal, mongodb: stack.pids.mongodb };
  try {
    const half = (minutes / 2) * 60_000;
    await pause(60_000);
    const none = await use(processes, half);
    say(`with none: ${shown(none)}`);
    const client = new Client({ connection });
    for (let made = 0; made < parked; made += AT_A_TIME) {
      const count = Math.min(AT_A_TIME, parked - made);
      await Promise.all(Array.from({ length: count }, () => park(client, world)));
    }
    say(`${parked} requests are in their reply window ...`);
    await pause(SETTLED_MS);
    const all = await use(processes, half);
    say(`with ${parked}: ${shown(all)}`);
    const difference = all.worker + all.temporal - none.worker - none.temporal;
    const figures = {
      parked,
      minutes,
      none,
      with: all,
      percentOfACore: Math.round(difference * 10_000) / 100,
    };
    say(
      `${parked} parked requests: ${figures.percentOfACore} % of a core (<= 2), worker and Temporal against none`,
    );
    return figures;
  } finally {
    await connection.close();
    await endWorker(worker);
    await world.close();
    await stack.stop();
  }
}

/** A request as phase 1 leaves it: its process waits for the first reminder, its document and its claim stand. */
async function park(client: Client, { stores }: World): Promise<void> {
  const now = Date.now();
  const request = newRequestId(now);
  const portal = `p-${request}`;
  const steps: MigrationInput['steps'] = { revision: 1, done: ['basic', 'tabs', 'desk', 'portal'], portal };
  const input: MigrationInput = {
    request,
    replyWindowMs: REPLY_WINDOW_MS,
    failureShare: 0.05,
    limits: { files: 5, fileBytes: 2e9, totalBytes: 10e9 },
    by: 'requester:bench',
    steps,
  };
  const phase = {
    phase: 'phase-1' as const,
    startedAt: now,
    endedAt: now,
    tabs: {},
    plan: [],
    position: null,
  };
  const carried: NonNullable<MigrationInput['carried']> = {
    ...newMigrationRecord(input, now),
    state: 'REPLY_WINDOW',
    done: steps.done,
    portal,
    submittedAt: now,
    expiresAt: null,
    remindAt: null,
    approvedAt: now,
    phases: [{ ...phase, told: true, accept: false }],
    replyWindow: { opensAt: now, endsAt: now + REPLY_WINDOW_MS },
    sequence: 1,
  };
  await stores.drafts.insert(request, 1, EMPTY_DRAFT);
  await stores.requests.own(request, 'bench');
  await stores.portalClaims.claim(portal, request);
  const handle = await client.workflow.start(MIGRATION, {
    workflowId: migrationWorkflowId(request),
    taskQueue: LIFECYCLE_TASK_QUEUE,
    args: [{ ...input, carried }],
    staticSummary: `Migration ${request}`,
  });
  const snapshot = snapshotOf(carried, handle.firstExecutionRunId);
  await stores.requests.put(snapshot, { tenant: 'bench', draft: EMPTY_DRAFT, files: [] });
}

/** Lets time go by and tells what the processes needed meanwhile. */
async function use(
  processes: Record<'worker' | 'temporal' | 'mongodb', number | null | undefined>,
  milliseconds: number,
): Promise<Used> {
  const look = async () => ({
    worker: await processorSeconds(processes.worker),
    temporal: await processorSeconds(processes.temporal),
    mongodb: await processorSeconds(processes.mongodb),
  });
  const begun = performance.now();
  const before = await look();
  await pause(milliseconds);
  const after = await look();
  const seconds = (performance.now() - begun) / 1_000;
  return {
    worker: (after.worker - before.worker) / seconds,
    temporal: (after.temporal - before.temporal) / seconds,
    mongodb: (after.mongodb - before.mongodb) / seconds,
    workerMb: await megabytesOf(processes.worker),
    temporalMb: await megabytesOf(processes.temporal),
  };
}

async function megabytesOf(pid: number | null | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024);
}

function shown({ worker, temporal, mongodb, workerMb, temporalMb }: Used): string {
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
  return `worker ${percent(worker)} of a core, ${workerMb} MB; Temporal ${percent(temporal)}, ${temporalMb} MB; MongoDB ${percent(mongodb)}`;
}
