import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { QueueEntry, QueueLine, QueueState, Standing, Turn } from '../workflows/messages.ts';
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
  /** signal that gives a migration its turn */
  turnGranted: string;
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
const IN_LINE = ['QUEUED', 'PHASE_1', 'PHASE_2'];

/**
 * B4: makes the activity that lets the processing queue and the migrations agree on who has a turn and who waits, after one of them was
 * ended or reset in Temporal: what the migrations know counts.
 */
export function makeRestoreLine(deps: RestoreLineDependencies): SweepActivities['restoreLine'] {
  return async () => ({ restored: await restoreLine(deps) });
}

/** @returns of how many the queue did not know, or knew something else */
export async function restoreLine(deps: RestoreLineDependencies): Promise<number> {
  const { client, queue, turns } = deps;
  const line = await readLine(client, queue);
  const lost: Held[] = [];
  let mended = 0;
  for (const [request, known] of await toAsk(deps, line)) {
    beat();
    const standing = await askStanding(deps, request).catch((error: unknown) => {
      // one that does not answer keeps what it has; only a new queue must not forget it
      if (line === null) throw error;
      return null;
    });
    if (standing === null) continue;
    const { turn } = standing;
    if (line !== null && known !== undefined) mended += await agree(deps, request, known, turn);
    if (turn !== null && (known === undefined || !isSame(known, turn))) lost.push(turn);
  }
  if (lost.length === 0) return mended;
  lost.sort((a, b) => a.since - b.since);
  if (line === null && (await startAgain(deps, stateOf(lost)))) return lost.length;
  const handle = client.workflow.getHandle(queue.workflowId);
  for (const { granted, ...entry } of lost) {
    if (granted) await handle.signal(queue.signals.holds, entry);
    else await handle.signal(queue.signals.join, entry, turns);
  }
  return mended + lost.length;
}

type Held = QueueEntry & { granted: boolean };
/** What the queue knows of a request. */
type Known = Turn & { runs: boolean };

/**
 * Whom to ask: who has a turn, and whom either side alone knows of. Who waits by both has not been granted anything, unless it is in
 * a phase already.
 */
async function toAsk(
  deps: RestoreLineDependencies,
  line: QueueLine | null,
): Promise<Map<string, Known | undefined>> {
  const known = new Map<string, Known>();
  for (const { request, phase, ticket } of line?.waiting ?? [])
    known.set(request, { phase, ticket, runs: false });
  for (const { request, phase, ticket } of line?.running ?? [])
    known.set(request, { phase, ticket, runs: true });
  const asked = new Map<string, Known | undefined>(known);
  for await (const { request, state } of inLine(deps)) {
    const its = known.get(request);
    if (its?.runs === false && state === 'QUEUED') asked.delete(request);
    else asked.set(request, its);
  }
  return asked;
}

/** @returns 1 when the queue knew something else than the request that runs, and was told; else 0 */
async function agree(
  { client, queue, migration }: RestoreLineDependencies,
  request: string,
  { phase, ticket, runs }: Known,
  turn: Held | null,
): Promise<number> {
  const handle = client.workflow.getHandle(queue.workflowId);
  if (turn === null || !isSame({ phase, ticket }, turn)) {
    await handle.signal(queue.signals.leave, { request, phase, ticket });
    return 1;
  }
  if (turn.granted === runs) return 0;
  const { granted, ...entry } = turn;
  if (granted) await handle.signal(queue.signals.holds, entry);
  // it was given to a run that another took the place of
  else
    await client.workflow
      .getHandle(migration.workflowIdOf(request))
      .signal(migration.turnGranted, { phase, ticket });
  return 1;
}

/** Who runs and who waits; null when the queue does not run. */
async function readLine(client: Client, queue: QueueNames): Promise<QueueLine | null> {
  if ((await describeRun(client, queue.workflowId))?.status !== 'RUNNING') return null;
  const handle = client.workflow.getHandle(queue.workflowId);
  return client.withDeadline(Date.now() + QUERY_MS, () => handle.query<QueueLine>(queue.line));
}

const isSame = (a: Turn, b: Turn): boolean => a.phase === b.phase && a.ticket === b.ticket;

/** Requests that may have a turn or wait for one: a hint, since visibility lags. */
async function* inLine({
  client,
  migration,
}: RestoreLineDependencies): AsyncGenerator<{ request: string; state: string }> {
  const prefix = migration.workflowIdOf('');
  for (const state of IN_LINE) {
    const query = `WorkflowType = '${migration.workflowType}' AND ExecutionStatus = 'Running' AND MigrationState = '${state}'`;
    for await (const { workflowId } of client.workflow.list({ query })) {
      if (workflowId.startsWith(prefix)) yield { request: workflowId.slice(prefix.length), state };
    }
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

function stateOf(lost: readonly Held[]): QueueState {
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
