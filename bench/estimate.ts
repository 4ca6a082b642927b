import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { startStack } from '../stack/stack.ts';
import { createForecast } from '../store/forecast.ts';
import { createReadProgress } from '../store/read-progress.ts';
import {
  IMPORT_PHASE,
  type ImportPhaseInput,
  LIFECYCLE_TASK_QUEUE,
  type PhaseOutcome,
  type PhasePosition,
} from '../workflows/messages.ts';
import { fileRequest, openWorld, type Place, type World } from './file-request.ts';
import { makeInput } from './make-input.ts';
import { IMPORT_WORKER_MEMORY } from './run-file.ts';
import { endWorker, startWorker, workerEnvironment } from './through-temporal.ts';

/** What was told of a phase's end when a share of its records was imported. */
interface Told {
  share: number;
  /** seconds that were left, as told and in truth */
  told: number;
  left: number;
  /** how far the told end is from the true one, in percent of the whole phase */
  apart: number;
}

export interface EstimateFigures {
  megabytes: number;
  /** each phase in turn: before the first nothing was learned */
  phases: { seconds: number; told: Told[] }[];
}

const SHARES = [0.1, 0.25, 0.5, 0.75];
const LOOK_MS = 250;

/** Measures how right the expected end is while a phase runs (B5): as the API tells it, against when it came. */
export async function measureEstimates(
  folder: string,
  { megabytes, rounds }: { megabytes: number; rounds: number },
  say: (line: string) => void,
): Promise<EstimateFigures> {
  await mkdir(join(folder, 'input'));
  const input = await makeInput(join(folder, 'input'), megabytes);
  const stack = await startStack({ dataFolder: join(folder, 'servers'), say, mail: false });
  const place: Place = {
    uri: stack.mongodbUri,
    database: 'bench_estimate',
    storage: join(folder, 'service'),
  };
  const world = await openWorld(place);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  const client = new Client({ connection });
  const env = workerEnvironment(stack.temporalAddress, place);
  const workers = await Promise.all([
    startWorker('lifecycle', env),
    startWorker('imports', { ...env, NODE_OPTIONS: IMPORT_WORKER_MEMORY.join(' ') }),
  ]);
  try {
    const phases: EstimateFigures['phases'] = [];
    for (let round = 1; round <= rounds; round++) {
      const phase = await follow(client, world, await fileRequest(place, input.files));
      phases.push(phase);
      say(`phase ${round}: ${phase.seconds.toFixed(1)} s`);
      for (const { share, told, left, apart } of phase.told) {
        say(
          `  at ${share * 100} % imported: ${told.toFixed(1)} s left were told, it was ${left.toFixed(1)} s; ` +
            `${apart.toFixed(1)} % of the phase apart (<= 25)`,
        );
      }
    }
    return { megabytes, phases };
  } finally {
    await connection.close();
    await Promise.all(workers.map(endWorker));
    await world.close();
    await stack.stop();
  }
}

/** Runs phase 1 of a request and asks all the while when it will end. */
async function follow(
  client: Client,
  { stores }: World,
  request: string,
): Promise<EstimateFigures['phases'][number]> {
  const progress = createReadProgress(stores);
  const forecast = createForecast(stores.speeds);
  const begun = Date.now();
  const input: ImportPhaseInput = { request, phase: 'phase-1' };
  const handle = await client.workflow.start(IMPORT_PHASE, {
    workflowId: `bench/${request}`,
    taskQueue: LIFECYCLE_TASK_QUEUE,
    args: [input],
  });
  const phase = { ended: 0 };
  const outcome = (handle.result() as Promise<PhaseOutcome>).finally(() => {
    phase.ended = Date.now();
  });
  const asked: { share: number; at: number; end: number }[] = [];
  while (phase.ended === 0) {
    const { jobs } = await handle.query<PhasePosition>('position');
    const tallies = await progress(request, 'phase-1');
    const at = Date.now();
    const all = tallies.reduce((sum, { run }) => sum + run.records, 0);
    const done = tallies.reduce((sum, { run }) => sum + run.imported.records, 0);
    const tabs = tallies.map(({ tab, run }) => ({ tab, run, proven: !jobs.some((job) => job.tab === tab) }));
    if (all > 0) asked.push({ share: done / all, at, end: (await forecast(tabs, at)).end });
    await pause(LOOK_MS);
  }
  const { ended: how } = await outcome;
  const { ended } = phase;
  if (how !== 'done') throw new Error(`the phase ended as ${how}`);
  const told = SHARES.flatMap((share): Told[] => {
    const first = asked.find((each) => each.share >= share && each.at < ended);
    if (first === undefined) return [];
    const apart = (100 * Math.abs(first.end - ended)) / (ended - begun);
    return [{ share, told: (first.end - first.at) / 1_000, left: (ended - first.at) / 1_000, apart }];
  });
  return { seconds: (ended - begun) / 1_000, told };
}
