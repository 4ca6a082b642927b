import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { QueueLine, QueueState, Standing } from '../workflows/messages.ts';
import { beat } from './beat.ts';
import type { SweepActivities } from './control-activities.ts';
import { describeRun, isRunning } from './temporal-runs.ts';

/** Names of the processing queue in Temporal. */
export interface QueueNames {
  workflowId: string;
  workflowType: string;
  taskQueue: string;
  signals: { join: string; leave: string; holds: string };
  /** query that tells who runs and who waits */
  line: string;
}

/** Names of migrations in Temporal. */
export interface MigrationNames {
  workflowType: string;
  workflowIdOf: (request: string) => string;
  /** query that tells what a migration holds */
  standing: string;
}

export interface RestoreLineDependencies {
  client: Client;
  queue: QueueNames;
  migration: MigrationNames;
  /** B4: how many phases run at a time */
  turns: number;
}

/** How long a process may take to answer a query, in milliseconds. */
export const QUERY_MS = 10_000;

/** States in which a migration can have a turn or wait for one; one in its window has it for a retry only. */
const IN_LINE = "('QUEUED', 'PHASE_1', 'PHASE_2')";

/**
 * B4: makes the activity that tells the processing queue whom it does not know: of a queue that was ended in Temporal nothing else is
 * left than what the migrations themselves know.
 */
export function makeRestoreLine(deps: RestoreLineDependencies): SweepActivities['restoreLine'] {
  return async () => ({ restored: await restoreLine(deps) });
}

/** @returns how many the queue did not know */
export async function restoreLine(deps: RestoreLineDependencies): Promise<number> {
  const { client, queue, turns } = deps;
  const line = await readLine(client, queue);
  const known = new Set([...(line?.running ?? []), ...(line?.waiting ?? [])].map(({ request }) => request));
  const lost: NonNullable<Standing['turn']>[] = [];
  for await (const request of inLine(deps)) {
    beat();
    if (known.has(request)) continue;
    const turn = (await askStanding(deps, request))?.turn;
    if (turn !== null && turn !== undefined) lost.push(turn);
  }
  if (lost.length === 0) return 0;
  lost.sort((a, b) => a.since - b.since);
  if (line === null && (await startAgain(deps, stateOf(lost)))) return lost.length;
  const handle = client.workflow.getHandle(queue.workflowId);
  for (const { granted, ...entry } of lost) {
    if (granted) await handle.signal(queue.signals.holds, entry);
    else await handle.signal(queue.signals.join, entry, turns);
  }
  return lost.length;
}

/** Who runs and who waits; null when the queue does not run. */
async function readLine(client: Client, queue: QueueNames): Promise<QueueLine | null> {
  if ((await describeRun(client, queue.workflowId))?.status !== 'RUNNING') return null;
  const handle = client.workflow.getHandle(queue.workflowId);
  return client.withDeadline(Date.now() + QUERY_MS, () => handle.query<QueueLine>(queue.line));
}

/** Requests that may have a turn or wait for one: a hint, since visibility lags. */
async function* inLine({ client, migration }: RestoreLineDependencies): AsyncGenerator<string> {
  const prefix = migration.workflowIdOf('');
  const query = `WorkflowType = '${migration.workflowType}' AND ExecutionStatus = 'Running' AND MigrationState IN ${IN_LINE}`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    if (workflowId.startsWith(prefix)) yield workflowId.slice(prefix.length);
  }
}

/** What a migration says that it holds; null when it does not run any more. */
export async function askStanding(
  { client, migration }: Pick<RestoreLineDependencies, 'client' | 'migration'>,
  request: string,
): Promise<Standing | null> {
  const workflowId = migration.workflowIdOf(request);
  // one that has ended still answers
  if (!(await isRunning(client, workflowId))) return null;
  const handle = client.workflow.getHandle(workflowId);
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, () => handle.query<Standing>(migration.standing));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

function stateOf(lost: readonly NonNullable<Standing['turn']>[]): QueueState {
  const state: QueueState = { running: [], waiting: [] };
  for (const { granted, ...entry } of lost) {
    const { request, phase, ticket, milliseconds } = entry;
    if (granted) state.running.push({ request, phase, ticket, milliseconds, since: Date.now() });
  }
  const waiting = lost.filter(({ granted }) => !granted);
  // phase 2 goes before waiting phase 1s, and one that comes next before all
  const rank = (entry: (typeof waiting)[number]): number =>
    entry.front ? 0 : entry.phase === 'phase-2' ? 1 : 2;
  for (const { granted, ...entry } of waiting.toSorted((a, b) => rank(a) - rank(b) || a.since - b.since)) {
    state.waiting.push({ ...entry, told: null });
  }
  return state;
}

/** @returns false when somebody else was faster */
async function startAgain(
  { client, queue, turns }: RestoreLineDependencies,
  carried: QueueState,
): Promise<boolean> {
  try {
    await client.workflow.start(queue.workflowType, {
      workflowId: queue.workflowId,
      taskQueue: queue.taskQueue,
      args: [{ turns, carried }],
      ...QUEUE_STORY,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/** F3 */
export const QUEUE_STORY = {
  staticSummary: 'Whose turn it is',
  staticDetails: 'One turn is one phase run. Phase 2 goes first, then phase 1 in the order of approval.',
} as const;
