import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  IMPORT_PHASE,
  type ImportPhaseInput,
  LIFECYCLE_TASK_QUEUE,
  type PhaseOutcome,
} from '../workflows/messages.ts';
import type { Stack } from '../stack/stack.ts';
import type { Place } from './file-request.ts';
import { processorSeconds } from './processor-time.ts';
import { IMPORT_WORKER_MEMORY } from './run-file.ts';

/** A phase as its workflow ran it. */
export interface PhaseTimed {
  seconds: number;
  importActivities: number;
  /** of the longest run */
  events: number;
  /** of the largest argument or result */
  payloadBytes: number;
  /** the most that any of the import workers held */
  workerRssMb: number;
  /** processor seconds of the import workers together, of the lifecycle worker and of the servers */
  processor: Record<'imports' | 'lifecycle' | 'temporal' | 'mongodb', number>;
}

/** The service's own worker processes on a Temporal server. */
export interface Workers {
  /**
   * Runs phase 1 of a request with so many new import workers.
   * @param before a request that they run first, not measured: a service's workers have been at work for weeks
   */
  runPhase(request: string, importWorkers: number, before: string): Promise<PhaseTimed>;
  stop(): Promise<void>;
}

const WORKER = fileURLToPath(new URL('../workers/run.ts', import.meta.url));

/** What a service's worker is told when it is measured; no mail leaves it. */
export function workerEnvironment(temporalAddress: string, place: Place): NodeJS.ProcessEnv {
  return {
    ...process.env,
    TEMPORAL_ADDRESS: temporalAddress,
    MONGODB_URI: place.uri,
    MONGODB_DATABASE: place.database,
    STORAGE_FOLDER: place.storage,
    SMTP_URL: 'smtp://127.0.0.1:9',
    MAIL_FROM: 'bench@deskferry.example',
    TEAM_MAIL: 'team@deskferry.example',
    SUPPORT_ADDRESS: 'support@deskferry.example',
    PUBLIC_URL: 'http://127.0.0.1',
    DESKFERRY_SECRET: 'for measurements only, not a secret',
    LOG_LEVEL: 'error',
    // as `npm start` gives it (docs/operations.md, Memory and disk)
    MALLOC_ARENA_MAX: '2',
  };
}

export async function startWorkers(
  { temporalAddress, pids }: Pick<Stack, 'temporalAddress' | 'pids'>,
  place: Place,
): Promise<Workers> {
  const env = workerEnvironment(temporalAddress, place);
  const lifecycle = await startWorker('lifecycle', env);
  const connection = await Connection.connect({ address: temporalAddress });
  const client = new Client({ connection });
  const run = async (request: string) => {
    const input: ImportPhaseInput = { request, phase: 'phase-1' };
    const options = { workflowId: `bench/${request}`, taskQueue: LIFECYCLE_TASK_QUEUE, args: [input] };
    const handle = await client.workflow.start(IMPORT_PHASE, options);
    const outcome = (await handle.result()) as PhaseOutcome;
    if (outcome.ended !== 'done') throw new Error(`the phase ended as ${outcome.ended}`);
    return handle;
  };
  return {
    async runPhase(request, importWorkers, before) {
      const workers = await Promise.all(
        Array.from({ length: importWorkers }, () => startWorker('imports', env)),
      );
      const watch = watchMemory(workers);
      const used = async () => ({
        imports: (await Promise.all(workers.map(({ pid }) => processorSeconds(pid)))).reduce((a, b) => a + b),
        lifecycle: await processorSeconds(lifecycle.pid),
        temporal: await processorSeconds(pids.temporal),
        mongodb: await processorSeconds(pids.mongodb),
      });
      try {
        await run(before);
        const usedBefore = await used();
        const begun = performance.now();
        const handle = await run(request);
        const seconds = (performance.now() - begun) / 1_000;
        const usedAfter = await used();
        return {
          seconds,
          processor: {
            imports: usedAfter.imports - usedBefore.imports,
            lifecycle: usedAfter.lifecycle - usedBefore.lifecycle,
            temporal: usedAfter.temporal - usedBefore.temporal,
            mongodb: usedAfter.mongodb - usedBefore.mongodb,
          },
          ...(await historyOf(client, handle.workflowId, handle.firstExecutionRunId)),
          workerRssMb: await watch.stop(),
        };
      } finally {
        await Promise.all(workers.map(endWorker));
      }
    },
    async stop() {
      await connection.close();
      await endWorker(lifecycle);
    },
  };
}

/** What the histories of a workflow's runs say: of the first, and of those that went on from it. */
async function historyOf(
  client: Client,
  workflowId: string,
  firstRun: string,
): Promise<Pick<PhaseTimed, 'importActivities' | 'events' | 'payloadBytes'>> {
  const found = { importActivities: 0, events: 0, payloadBytes: 0 };
  for (let run: string | null = firstRun; run !== null; ) {
    const { events } = await client.workflow.getHandle(workflowId, run).fetchHistory();
    found.events = Math.max(found.events, events?.length ?? 0);
    run = null;
    for (const event of events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (scheduled?.activityType?.name === 'importSegments') found.importActivities++;
      const payloads = [
        ...(scheduled?.input?.payloads ?? []),
        ...(event.activityTaskCompletedEventAttributes?.result?.payloads ?? []),
      ];
      const bytes = payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
      found.payloadBytes = Math.max(found.payloadBytes, bytes);
      run = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? run;
    }
  }
  return found;
}

/** Starts a worker process of one kind and waits until it works. */
export async function startWorker(kind: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const execArgv = kind === 'imports' ? IMPORT_WORKER_MEMORY : [];
  const child = fork(WORKER, [kind], { env, execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ready = new Promise<void>((resolve) => child.once('message', () => resolve()));
  const gone = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the ${kind} worker ended with ${code}`)));
  });
  gone.catch(() => {});
  await Promise.race([ready, gone]);
  return child;
}

/** Ends a worker in order. */
export async function endWorker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** Looks at the memory of processes twice a second; `stop` gives the most that any of them held, in MB. */
function watchMemory(processes: readonly ChildProcess[]): { stop(): Promise<number> } {
  let most = 0;
  const look = async (): Promise<void> => {
    for (const { pid } of processes) most = Math.max(most, await residentMb(pid));
  };
  const timer = setInterval(() => void look(), 500);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return most;
    },
  };
}

/** The most a process held in memory so far, in MB; 0 where the system does not say. */
async function residentMb(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024;
}
