import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Draft, doneSteps } from '../domain/request.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { StepInput } from '../workflows/messages.ts';
import type { Api } from './app.ts';
import { checkSource, checkTabs } from './bodies.ts';
import { namesTag } from './preconditions.ts';
import type { Principal } from './principal.ts';
import { Problem } from './problem.ts';
import { command, readRequest } from './read-request.ts';
import type { Call } from './route.ts';

/** How long a change that is under way is waited for, in milliseconds: a little longer than its command may take. */
const SETTLE_MS = 6_000;
const LOOK_MS = 50;
/** how often a change begins again because another came first */
const TRIES = 3;

/** What the workflow is told of a draft: its revision and the steps that are done, nothing of what was typed. */
export function stepsOf(draft: Draft, revision: number): StepInput {
  return {
    revision,
    done: doneSteps(draft),
    portal: draft.desk?.portal ?? null,
    source: draft.source?.scope ?? null,
    ...(draft.source?.kind === 'api' ? { readsApi: true } : {}),
  };
}

/** B3: a key is given for one address. */
const addressOf = ({ source }: Draft): string | null => (source?.kind === 'api' ? source.address : null);

/** The entity tag of a request: its revision. */
export function entityTag(request: Pick<RequestDocument, 'revision'>): string {
  return `"${request.revision}"`;
}

/** @throws Problem `revision-changed` when `If-Match` names another revision */
function requireMatch(call: Pick<Call, 'request'>, current: RequestDocument): void {
  const wanted = call.request.get('if-match');
  if (wanted === undefined || namesTag(wanted, entityTag(current))) return;
  throw new Problem('revision-changed', `Read the request again: its revision is now ${current.revision}.`, {
    headers: { ETag: entityTag(current) },
    members: { revision: current.revision },
  });
}

interface Standing {
  request: RequestDocument;
  /** the draft that the workflow knows */
  draft: Draft;
  /** the highest revision there is, known to the workflow or not */
  newest: number;
}

/**
 * Reads what stands, once no other change is under way. A revision that the workflow does not know yet is such a change,
 * unless it says what stands anyway: then it took a refused one back.
 */
async function settled(api: Api, principal: Principal, id: string): Promise<Standing> {
  const { drafts } = api.stores;
  for (const deadline = Date.now() + SETTLE_MS; ; await wait(LOOK_MS)) {
    const latest = await drafts.latest(id);
    const request = await readRequest(api, principal, id);
    const draft = await drafts.get(id, request.revision);
    const newest = Math.max(latest?.revision ?? 0, request.revision);
    const underWay = latest !== null && newest > request.revision && !isDeepStrictEqual(latest.draft, draft);
    // one whose API process was lost is not waited for any longer
    if (!underWay || Date.now() > deadline) return { request, draft, newest };
  }
}

const changedMeanwhile = (): Problem =>
  new Problem('concurrent-change', 'Read the request again and repeat the change.', {
    headers: { 'Retry-After': '1' },
  });

/**
 * A2: redoes steps of a request: keeps a new revision of the draft, then tells the workflow of it. Changes made at the same time do
 * not lose one another: a draft's revision is inserted once, and the next change starts when the workflow has answered this one.
 * @param change makes the new draft of the one that stands
 * @returns the request as it stands then
 * @throws Problem when it may not be redone now, `revision-changed` for If-Match, `concurrent-change` when others keep changing it
 */
export async function redoSteps(
  api: Api,
  call: Pick<Call, 'request' | 'principal'>,
  id: string,
  change: (draft: Draft) => Draft,
): Promise<RequestDocument> {
  const { drafts } = api.stores;
  const { principal } = call;
  for (let tries = 0; tries < TRIES; tries++) {
    const { request, draft, newest } = await settled(api, principal, id);
    requireMatch(call, request);
    const next = change(draft);
    checkTabs(next);
    checkSource(next, api.config.sourceHosts);
    const revision = newest + 1;
    if (!(await drafts.insert(id, revision, next))) continue;
    try {
      return await command(api, call, request, 'redoSteps', {
        by: principal.by,
        ...stepsOf(next, revision),
        ...(addressOf(draft) === addressOf(next) ? {} : { sourceChanged: true }),
      });
    } catch (error) {
      if (!(error instanceof Problem) || error.code === 'unavailable') throw error;
      // refused: a revision like the one that stands tells the next change that nothing is under way
      await drafts.insert(id, revision + 1, draft);
      throw error.code === 'not-possible' ? changedMeanwhile() : error;
    }
  }
  throw changedMeanwhile();
}
