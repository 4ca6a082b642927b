import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startStack } from '../stack/stack.ts';
import { fileRequest, openWorld, type Place, sendFile } from './file-request.ts';
import { type Input, makeInput } from './make-input.ts';
import { IMPORT_WORKER_MEMORY, runFile } from './run-file.ts';
import type { Step, StepsAsked, StepsTimed } from './step-by-step.ts';
import { type PhaseTimed, startWorkers, type Workers } from './through-temporal.ts';

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It is a whole number from 1.');
  return value;
};

const options = new Command('bench')
  .description('Measures the import against a plain script on the same files and server.')
  .option('--megabytes <n>', 'size of the tickets file', wholeNumber, 30)
  .option('--workers <n>', 'import worker processes', wholeNumber, 1)
  .option('--rounds <n>', 'how often everything is measured; the median counts', wholeNumber, 3)
  .option('--json', 'only one line of JSON at the end, progress on standard error')
  .parse()
  .opts<{ megabytes: number; workers: number; rounds: number; json?: boolean }>();

/** One round: everything once, one after the other, on one server. */
interface Round {
  script: { tickets: number; all: number; processor: number };
  steps: StepsTimed;
  delta: StepsTimed;
  phase: PhaseTimed;
}

/** Steps between plan and read-back. */
const IMPORTING: readonly Step[] = ['plan', 'freeze', 'stage', 'import', 'readBack'];
const AFTER: readonly Step[] = ['prove', 'fold', 'report'];

const out = options.json === true ? process.stderr : process.stdout;
const say = (line: string): void => {
  out.write(`${line}\n`);
};

const folder = await mkdtemp(join(tmpdir(), 'deskferry-bench-'));
try {
  const rounds = await measure(folder);
  report(rounds.input, rounds.all);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(folder: string): Promise<{ input: Input; all: Round[] }> {
  await mkdir(join(folder, 'input'));
  const input = await makeInput(join(folder, 'input'), options.megabytes);
  say(`${input.rows} records, ${megabytes(input.bytes)} MB; ${options.rounds} rounds ...`);
  const stack = await startStack({ dataFolder: join(folder, 'servers'), say, mail: false });
  let workers: Workers | null = null;
  try {
    const served: Place = {
      uri: stack.mongodbUri,
      database: 'bench_service',
      storage: join(folder, 'service'),
    };
    workers = await startWorkers(stack.temporalAddress, served);
    const all: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      all.push(await oneRound(folder, input, served, workers, round));
      say(`round ${round} of ${options.rounds} done`);
    }
    return { input, all };
  } finally {
    await workers?.stop();
    await stack.stop();
  }
}

async function oneRound(
  folder: string,
  input: Input,
  served: Place,
  workers: Workers,
  round: number,
): Promise<Round> {
  const { uri } = served;
  const place: Place = { uri, database: `bench_steps_${round}`, storage: join(folder, `steps-${round}`) };
  const plain: Place = { ...place, database: `bench_plain_${round}` };

  const paths = input.files.map(({ path }) => path);
  const script = await runFile<{ seconds: number[]; processor: number }>('plain-script.ts', [
    uri,
    plain.database,
    ...paths,
  ]);
  await (await openWorld(plain)).drop();

  const request = await fileRequest(place, input.files);
  // phase 1 does not see it; phase 2 finds a worker that has been at work before, as it will be
  await sendFile(place, request, input.changed, 'reply-1');
  const [steps, delta] = await runSteps({ place, request, phases: ['phase-1', 'phase-2'] }, input.rows);
  await (await openWorld(place)).drop();
  await rm(place.storage, { recursive: true, force: true });

  const phase = await workers.runPhase(await fileRequest(served, input.files), options.workers);
  await (await openWorld(served)).drop();
  await rm(served.storage, { recursive: true, force: true });
  return {
    script: {
      tickets: script.seconds.at(-1) ?? 0,
      all: script.seconds.reduce((sum, each) => sum + each, 0),
      processor: script.processor,
    },
    steps,
    delta,
    phase,
  };
}

/** @throws Error when what was imported is not what there was: then its times mean nothing */
async function runSteps(asked: StepsAsked, records: number): Promise<[StepsTimed, StepsTimed]> {
  const timed = await runFile<StepsTimed[]>('step-by-step.ts', [JSON.stringify(asked)], IMPORT_WORKER_MEMORY);
  const [first, second] = timed;
  if (first === undefined || second === undefined) throw new Error('a phase was not run');
  for (const { counts } of timed) {
    if (counts.discrepancies > 0) throw new Error(`there are ${counts.discrepancies} discrepancies`);
  }
  if (first.counts.source !== records)
    throw new Error(`${first.counts.source} records instead of ${records}`);
  return [first, second];
}

function sum(times: Record<Step, number>, steps: readonly Step[]): number {
  return steps.reduce((total, step) => total + times[step], 0);
}

function median(rounds: readonly Round[], figure: (round: Round) => number): number {
  const sorted = rounds.map(figure).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

function report(input: Input, rounds: readonly Round[]): void {
  const of = (figure: (round: Round) => number): number => median(rounds, figure);
  const { tickets, rows, bytes } = input;
  const figures = {
    rows,
    bytes,
    baseline: { rowsPerSecond: whole(of(({ script }) => tickets.rows / script.tickets)) },
    stage: { mbPerSecond: tenth(of(({ steps }) => tickets.bytes / 1_000_000 / steps.tickets.stage)) },
    import: {
      rowsPerSecond: whole(of(({ steps }) => tickets.rows / steps.tickets.import)),
      // a ratio is taken within its round: what slows the machine slows both
      ratio: hundredth(of(({ script, steps }) => script.tickets / steps.tickets.import)),
    },
    phase: {
      rowsPerSecond: whole(of(({ phase }) => rows / phase.seconds)),
      ratio: hundredth(of(({ script, phase }) => script.all / phase.seconds)),
    },
    workerRssMb: whole(Math.max(...rounds.map(({ phase }) => phase.workerRssMb))),
    activities: Math.max(...rounds.map(({ phase }) => phase.importActivities)),
  };
  const limit = rows / 1_000 + bytes / 64_000_000 + 4;
  const steps = (of_: (round: Round) => Record<Step, number>, names: readonly Step[]): string =>
    names.map((step) => `${step} ${of((round) => of_(round)[step]).toFixed(2)}`).join(', ');
  say('');
  say(`plain script              ${figures.baseline.rowsPerSecond} records/s`);
  say(`stage                     ${figures.stage.mbPerSecond} MB/s`);
  say(
    `import of a staged tab    ${figures.import.rowsPerSecond} records/s, ${figures.import.ratio}x the script (>= 1.0)`,
  );
  say(
    `whole phase, by Temporal  ${figures.phase.rowsPerSecond} records/s, ${figures.phase.ratio}x the script (>= 0.6)`,
  );
  const alone = of(({ script, steps }) => script.all / (sum(steps.all, IMPORTING) + sum(steps.all, AFTER)));
  say(`the same, step after step in one process, nothing overlapping: ${hundredth(alone)}x`);
  say(`memory of an import worker  ${figures.workerRssMb} MB (<= 400)`);
  say(`import activities         ${figures.activities} (<= ${Math.floor(limit)})`);
  const events = Math.max(...rounds.map(({ phase }) => phase.events));
  const payload = Math.max(...rounds.map(({ phase }) => phase.payloadBytes));
  say(
    `workflow                  ${events} events (<= 2000 a run), largest payload ${payload} bytes (<= 65536)`,
  );
  const share = of((round) => sum(round.delta.all, IMPORTING) / sum(round.steps.all, IMPORTING));
  say(`delta with 1 % changed    ${(share * 100).toFixed(1)} % of phase 1, plan to read-back (<= 5)`);
  const perRecord = (seconds: (round: Round) => number): number => whole((of(seconds) * 1_000_000) / rows);
  say(
    `processor time of the client, microseconds a record: script ${perRecord(({ script }) => script.processor)}, ` +
      `import ${perRecord(({ steps }) => steps.processor.import)}, ` +
      `whole phase ${perRecord(({ steps }) => sum(steps.processor, [...IMPORTING, ...AFTER]))}`,
  );
  say('');
  say(`seconds of phase 1: ${steps((round) => round.steps.all, [...IMPORTING, ...AFTER])}`);
  say(`seconds of the delta: ${steps((round) => round.delta.all, [...IMPORTING, ...AFTER])}`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function whole(value: number): number {
  return Math.round(value);
}
function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
