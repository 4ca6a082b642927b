import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ImportActivities, SegmentRange, TabRun } from '../activities/import-activities.ts';
import type { MessageOrder } from '../activities/lifecycle-activities.ts';
import { RESULTS } from '../domain/codes.ts';
import type { QueueLine } from '../workflows/messages.ts';

interface Ended {
  activity: string;
  /** the activity's own argument: ids and counts */
  argument: unknown;
  seconds: number;
}

/** The measurements of one worker process; labels are names of activities, tabs, results, states and kinds only. */
export interface WorkerMetrics {
  /** An attempt of an activity came to its end. */
  ended(activity: Ended & { result: unknown }): void;
  /** An attempt of an activity failed, or was cancelled. */
  failed(activity: Ended): void;
  /** Everything, as Prometheus reads it. */
  read(): Promise<{ text: string; contentType: string }>;
}

/** How things stand, asked whenever the measurements are read. */
export interface Standing {
  /** open requests by state, and how many of them are paused */
  requests(): Promise<{ states: Readonly<Record<string, number>>; paused: number }>;
  /** B4; null before the first request was ever approved */
  line(): Promise<QueueLine | null>;
}

type Result<A extends keyof ImportActivities> = Awaited<ReturnType<ImportActivities[A]>>;

/** @param standing null in processes that do not tell how requests stand */
export function createWorkerMetrics(standing: Standing | null): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'deskferry_worker_' });
  const durations = new Histogram({
    name: 'deskferry_activity_duration_seconds',
    help: 'How long attempts of activities took, by activity and outcome.',
    labelNames: ['activity', 'outcome'],
    buckets: [0.01, 0.05, 0.2, 1, 5, 20, 60, 300, 1_800],
    registers,
  });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const records = counter('deskferry_records_total', 'Records that were imported, by tab and result.', [
    'tab',
    'result',
  ]);
  const segments = counter('deskferry_segments_total', 'Segments that were imported, by tab.', ['tab']);
  const planned = counter('deskferry_planned_bytes_total', 'Bytes that phases were to read, by tab.', [
    'tab',
  ]);
  const staged = counter('deskferry_staged_records_total', 'Records that were staged, by tab.', ['tab']);
  const discrepancies = counter(
    'deskferry_discrepancies_total',
    'What did not agree when a tab was proven.',
    ['tab'],
  );
  const mails = counter('deskferry_mails_total', 'Attempts to send a mail, by kind and outcome.', [
    'kind',
    'outcome',
  ]);
  if (standing !== null) addStanding(registers, standing);

  /** What results tell, by activity. */
  const tell: Readonly<Record<string, (argument: unknown, result: unknown) => void>> = {
    planPhase(_, result) {
      for (const { tab, bytes } of (result as Result<'planPhase'>).tabs) planned.inc({ tab }, bytes);
    },
    stageTab(argument, result) {
      staged.inc({ tab: (argument as TabRun).tab }, (result as Result<'stageTab'>).records);
    },
    importSegments(argument, counts) {
      const { tab, from, to } = argument as SegmentRange;
      segments.inc({ tab }, to - from + 1);
      for (const result of RESULTS)
        records.inc({ tab, result }, (counts as Result<'importSegments'>)[result]);
    },
    proveTab(argument, result) {
      discrepancies.inc({ tab: (argument as TabRun).tab }, (result as Result<'proveTab'>).discrepancies);
    },
    sendMessage: (argument) => mails.inc({ kind: (argument as MessageOrder).kind, outcome: 'sent' }),
  };

  return {
    ended({ activity, argument, result, seconds }) {
      durations.observe({ activity, outcome: 'done' }, seconds);
      tell[activity]?.(argument, result);
    },
    failed({ activity, argument, seconds }) {
      durations.observe({ activity, outcome: 'failed' }, seconds);
      if (activity === 'sendMessage') {
        mails.inc({ kind: (argument as MessageOrder).kind, outcome: 'failed' });
      }
    },
    read: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

function addStanding(registers: Registry[], standing: Standing): void {
  const requests = new Gauge({
    name: 'deskferry_requests',
    help: 'Open requests by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      const { states, paused: count } = await standing.requests();
      for (const [state, number] of Object.entries(states)) requests.set({ state }, number);
      paused.set(count);
    },
  });
  const paused = new Gauge({
    name: 'deskferry_requests_paused',
    help: 'Requests that are paused.',
    registers,
  });
  const queue = new Gauge({
    name: 'deskferry_queue',
    help: 'Phases that are running and that wait for their turn.',
    labelNames: ['standing'],
    registers,
    async collect() {
      this.reset();
      const line = await standing.line();
      queue.set({ standing: 'running' }, line?.running.length ?? 0);
      queue.set({ standing: 'waiting' }, line?.waiting.length ?? 0);
    },
  });
}
