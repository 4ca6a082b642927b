import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startStack } from '../stack/stack.ts';
import { measureEstimates } from './estimate.ts';
import { fileRequest, openWorld, type Place, sendFile } from './file-request.ts';
import { type Input, makeInput } from './make-input.ts';
import { measureParked } from './parked.ts';
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
  .option('--megabytes <n>', 'size of the tickets file', wholeNumber, 60)
  .option(
    '--workers <list>',
    'import worker processes: the whole phase is measured with each number',
    (text) => text.split(',').map(wholeNumber),
    [1, 2],
  )
  .option('--no-steps', 'only the script and the whole phase: for large inputs')
  .option('--rounds <n>', 'how often everything is measured; the median counts', wholeNumber, 3)
  .option(
    '--parked <n>',
    'measures so many requests in their reply window instead, against none',
    wholeNumber,
  )
  .option('--minutes <n>', 'of --parked: how long, half of it with none', wholeNumber, 10)
  .option('--estimate', 'measures instead how right the expected end of a phase is while it runs')
  .option('--json', 'only one line of JSON at the end, progress on standard error')
  .parse()
  .opts<{
    megabytes: number;
    workers: number[];
    steps: boolean;
    rounds: number;
    parked?: number;
    minutes: number;
    estimate?: boolean;
    json?: boolean;
  }>();

/** One round: everything once, one after the other, on one server. */
interface Round {
  script: { tickets: number; all: number; processor: number };
  /** null when only whole phases are measured */
  steps: StepsTimed | null;
  delta: StepsTimed | null;
  /** by the number of import workers, as they were asked for */
  phases: PhaseTimed[];
}

/** What import workers have done before they are measured, in megabytes: enough for their code to be compiled. */
const BEFORE = 20;
/** Steps between plan and read-back. */
const IMPORTING: readonly Step[] = ['plan', 'freeze', 'stage', 'import', 'readBack'];
const AFTER: readonly Step[] = ['prove', 'fold', 'report'];

const out = options.json === true ? process.stderr : process.stdout;
const say = (line: string): void => {
  out.write(`${line}\n`);
};

/** The last line of `--json`. */
function print(figures: object): void {
  if (options.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

const folder = await mkdtemp(join(tmpdir(), 'deskferry-bench-'));
try {
  if (options.estimate === true) {
    print(await measureEstimates(folder, options, say));
  } else if (options.parked === undefined) {
    const rounds = await measure(folder);
    report(rounds.input, rounds.all);
  } else {
    print(await measureParked(folder, { ...options, parked: options.parked }, say));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(folder: string): Promise<{ input: Input; all: Round[] }> {
  await mkdir(join(folder, 'input'));
  await mkdir(join(folder, 'before'));
  const input = await makeInput(join(folder, 'input'), options.megabytes);
  const before = await makeInput(join(folder, 'before'), BEFORE);
  say(`${input.rows} records, ${megabytes(input.bytes)} MB; ${options.rounds} rounds ...`);
  const stack = await startStack({ dataFolder: join(folder, 'servers'), say, mail: false });
  let workers: Workers | null = null;
  try {
    const served: Place = {
      uri: stack.mongodbUri,
      database: 'bench_service',
      storage: join(folder, 'service'),
    };
    workers = await startWorkers(stack, served);
    const all: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      all.push(await oneRound({ folder, input, before }, served, workers, round));
      say(`round ${round} of ${options.rounds} done`);
    }
    return { input, all };
  } finally {
    await workers?.stop();
    await stack.stop();
  }
}

async function oneRound(
  { folder, input, before }: { folder: string; input: Input; before: Input },
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

  const [steps, delta] = options.steps ? await runBothPhases(place, input) : [null, null];
  const phases: PhaseTimed[] = [];
  for (const count of options.workers) {
    const [first, request] = [
      await fileRequest(served, before.files),
      await fileRequest(served, input.files),
    ];
    phases.push(await workers.runPhase(request, count, first));
    await (await openWorld(served)).drop();
    await rm(served.storage, { recursive: true, force: true });
    const { seconds, processor } = phases.at(-1) as PhaseTimed;
    const used = Object.entries(processor).map(([name, each]) => `${name} ${each.toFixed(1)}`);
    say(`whole phase with ${count} import workers: ${seconds.toFixed(1)} s; processor ${used.join(', ')}`);
  }
  return {
    script: {
      tickets: script.seconds.at(-1) ?? 0,
      all: script.seconds.reduce((sum, each) => sum + each, 0),
      processor: script.processor,
    },
    steps,
    delta,
    phases,
  };
}

/** Phase 1 and a delta, step after step in one process. */
async function runBothPhases(place: Place, input: Input): Promise<[StepsTimed, StepsTimed]> {
  const request = await fileRequest(place, input.files);
  // phase 1 does not see it; phase 2 finds a worker that has been at work before, as it will be
  await sendFile(place, request, input.changed, 'reply-1');
  const timed = await runSteps({ place, request, phases: ['phase-1', 'phase-2'] }, input.rows);
  await (await openWorld(place)).drop();
  await rm(place.storage, { recursive: true, force: true });
  return timed;
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

function median<Each>(rounds: readonly Each[], figure: (round: Each) => number): number {
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
  const baseline = { rowsPerSecond: whole(of(({ script }) => tickets.rows / script.tickets)) };
  const phases = options.workers.map((workers, place) => {
    const seconds = (round: Round): number => round.phases[place]?.seconds ?? Number.NaN;
    return {
      workers,
      rowsPerSecond: whole(of((round) => rows / seconds(round))),
      // a ratio is taken within its round: what slows the machine slows both
      ratio: hundredth(of((round) => round.script.all / seconds(round))),
    };
  });
  const every = rounds.flatMap((round) => round.phases);
  const workerRssMb = whole(Math.max(...every.map((phase) => phase.workerRssMb)));
  const activities = Math.max(...every.map(({ importActivities }) => importActivities));
  const limit = rows / 1_000 + bytes / 64_000_000 + 4;
  say('');
  say(`plain script              ${baseline.rowsPerSecond} records/s`);
  const steps = reportSteps(input, rounds);
  for (const { workers, rowsPerSecond, ratio } of phases)
    say(
      `whole phase, by Temporal  ${rowsPerSecond} records/s with ${workers} import workers, ${ratio}x the script (>= 0.6)`,
    );
  say(`memory of an import worker  ${workerRssMb} MB (<= 400)`);
  say(`import activities         ${activities} (<= ${Math.floor(limit)})`);
  const events = Math.max(...every.map((phase) => phase.events));
  const payload = Math.max(...every.map(({ payloadBytes }) => payloadBytes));
  say(
    `workflow                  ${events} events (<= 2000 a run), largest payload ${payload} bytes (<= 65536)`,
  );
  if (options.json !== true) return;
  const { rowsPerSecond, ratio } = phases.at(-1) ?? { rowsPerSecond: 0, ratio: 0 };
  const figures = {
    rows,
    bytes,
    baseline,
    ...steps,
    phase: { rowsPerSecond, ratio },
    workerRssMb,
    activities,
  };
  process.stdout.write(`${JSON.stringify({ ...figures, phases })}\n`);
}

/** What the steps took, alone; empty when they were not measured. */
function reportSteps({ tickets, rows }: Input, rounds: readonly Round[]) {
  const measured = rounds.flatMap(({ script, steps, delta }) =>
    steps === null || delta === null ? [] : [{ script, steps, delta }],
  );
  if (measured.length === 0) return {};
  type Measured = (typeof measured)[number];
  const of = (figure: (round: Measured) => number): number => median(measured, figure);
  const stage = { mbPerSecond: tenth(of((round) => tickets.bytes / 1_000_000 / round.steps.tickets.stage)) };
  const imported = {
    rowsPerSecond: whole(of((round) => tickets.rows / round.steps.tickets.import)),
    ratio: hundredth(of(({ script, steps }) => script.tickets / steps.tickets.import)),
  };
  say(`stage                     ${stage.mbPerSecond} MB/s`);
  say(
    `import of a staged tab    ${imported.rowsPerSecond} records/s, ${imported.ratio}x the script (>= 1.0)`,
  );
  const alone = of(({ script, steps }) => script.all / (sum(steps.all, IMPORTING) + sum(steps.all, AFTER)));
  say(`the same, step after step in one process, nothing overlapping: ${hundredth(alone)}x`);
  const share = of((round) => sum(round.delta.all, IMPORTING) / sum(round.steps.all, IMPORTING));
  say(`delta with 1 % changed    ${(share * 100).toFixed(1)} % of phase 1, plan to read-back (<= 5)`);
  const perRecord = (seconds: (round: Measured) => number): number => whole((of(seconds) * 1_000_000) / rows);
  say(
    `processor time of the client, microseconds a record: script ${perRecord(({ script }) => script.processor)}, ` +
      `import ${perRecord((round) => round.steps.processor.import)}, ` +
      `whole phase ${perRecord((round) => sum(round.steps.processor, [...IMPORTING, ...AFTER]))}`,
  );
  const all = (times: (round: Measured) => Record<Step, number>): string =>
    [...IMPORTING, ...AFTER]
      .map((step) => `${step} ${of((round) => times(round)[step]).toFixed(2)}`)
      .join(', ');
  say(`seconds of phase 1: ${all((round) => round.steps.all)}`);
  say(`processor seconds of phase 1: ${all((round) => round.steps.processor)}`);
  say(`seconds of the delta: ${all((round) => round.delta.all)}`);
  return { stage, import: imported };
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
