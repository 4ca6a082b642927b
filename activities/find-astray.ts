import type { Client } from '@temporalio/client';
import { isFinal } from '../domain/lifecycle.ts';
import type { RequestStanding } from '../store/requests.ts';
import type { Stores } from '../store/stores.ts';
import { beat } from './beat.ts';
import type { SweepActivities } from './control-activities.ts';
import type { MigrationNames } from './restore-line.ts';
import { describeRun, isRunning } from './temporal-runs.ts';

interface Dependencies {
  client: Client;
  stores: Pick<Stores, 'portalClaims' | 'requests' | 'supportTickets'>;
  migration: MigrationNames;
  undo: { workflowType: string; workflowIdOf: (request: string) => string };
}

/** Most that one sweep puts right; the next one finds the others. */
const MOST = 100;
const PAGE = 500;
/** Where everything is looked at, what ended longer ago than this was told by an earlier sweep. */
export const LONGEST_AGO_MS = 24 * 3_600_000;

/**
 * Makes the activity that looks for requests whose document and process do not agree. Visibility, which lags and forgets, only
 * says where to look; Describe and the documents say what is.
 */
export function makeFindAstray(deps: Dependencies): SweepActivities['findAstray'] {
  return async ({ since }) => {
    const astray = new Set(await deps.stores.requests.unseen(MOST + 1));
    const candidates = since === null ? everything(deps) : recent(deps, since);
    for await (const page of candidates) {
      beat();
      for (const request of await judge(deps, page)) astray.add(request);
      if (astray.size > MOST) break;
    }
    return { requests: [...astray].slice(0, MOST), more: astray.size > MOST };
  };
}

/** A request to look at; with the run that visibility says is running, or null where it says that none does. */
type Candidates = Map<string, string | null>;

/** What Temporal closed or began since a moment. */
async function* recent({ client, migration, undo }: Dependencies, since: number): AsyncGenerator<Candidates> {
  const moment = new Date(since).toISOString();
  const queries = [
    `WorkflowType = '${migration.workflowType}' AND ExecutionStatus IN ${ENDED} AND CloseTime >= '${moment}'`,
    `WorkflowType = '${migration.workflowType}' AND ExecutionStatus = 'Running' AND StartTime >= '${moment}'`,
    `WorkflowType = '${undo.workflowType}' AND ExecutionStatus IN ${ENDED} AND CloseTime >= '${moment}'`,
  ];
  for (const query of queries) {
    yield* pagesOf(client, query, [migration.workflowIdOf(''), undo.workflowIdOf('')]);
  }
}

const ENDED = "('Canceled', 'Failed', 'Terminated', 'TimedOut')";

/** What happened today, every process that runs, every document of an open request, every claim on a portal. */
async function* everything(deps: Dependencies): AsyncGenerator<Candidates> {
  const { client, migration, stores } = deps;
  yield* recent(deps, Date.now() - LONGEST_AGO_MS);
  const query = `WorkflowType = '${migration.workflowType}' AND ExecutionStatus = 'Running'`;
  const running = new Set<string>();
  for await (const page of pagesOf(client, query, [migration.workflowIdOf('')])) {
    for (const request of page.keys()) running.add(request);
    yield page;
  }
  for (let after = ''; ; ) {
    const page = await stores.requests.page(after, PAGE);
    const open = page.filter(({ id, state, closedAt }) => !running.has(id) && !(isFinal(state) && closedAt));
    yield new Map(open.map(({ id }) => [id, null]));
    if (page.length < PAGE) break;
    after = page.at(-1)?.id ?? after;
  }
  const holders = (await stores.portalClaims.all()).map(({ request }) => request);
  yield new Map(holders.filter((request) => !running.has(request)).map((request) => [request, null]));
}

async function* pagesOf(
  client: Client,
  query: string,
  prefixes: readonly string[],
): AsyncGenerator<Candidates> {
  let page: Candidates = new Map();
  for await (const { workflowId, runId, status } of client.workflow.list({ query })) {
    const prefix = prefixes.find((each) => workflowId.startsWith(each));
    if (prefix === undefined) continue;
    page.set(workflowId.slice(prefix.length), status.name === 'RUNNING' ? runId : null);
    if (page.size < PAGE) continue;
    yield page;
    page = new Map();
  }
  if (page.size > 0) yield page;
}

/** Of these, the requests whose document says something else than their process. */
async function judge(deps: Dependencies, candidates: Candidates): Promise<string[]> {
  const { stores } = deps;
  const documents = new Map(
    (await stores.requests.standings([...candidates.keys()])).map((each) => [each.id, each]),
  );
  const astray: string[] = [];
  for (const [request, runs] of candidates) {
    const document = documents.get(request);
    // the most by far: the run that wrote it still runs
    if (runs !== null && document?.runId === runs && document.before === null) continue;
    if (await disagree(deps, request, document)) astray.push(request);
  }
  return astray;
}

async function disagree(
  { client, migration, stores, undo }: Dependencies,
  request: string,
  document: RequestStanding | undefined,
): Promise<boolean> {
  const run = await describeRun(client, migration.workflowIdOf(request));
  if (run === null) return false;
  const isHeld = async (): Promise<boolean> =>
    (await stores.portalClaims.all()).some((claim) => claim.request === request);
  // created a moment ago, or ended before it was recorded
  if (document === undefined) return run.status !== 'RUNNING' && (await isHeld());
  if (run.status === 'RUNNING') return run.runId !== document.runId || document.before !== null;
  if (!isFinal(document.state) || document.closedAt === null) return true;
  const ticket = run.status === 'COMPLETED' ? null : await stores.supportTickets.get(request);
  if (ticket !== null && ticket.closedAt === null) return true;
  return (await isHeld()) && !(await isRunning(client, undo.workflowIdOf(request)));
}
