import { setTimeout as wait } from 'node:timers/promises';
import { type Draft, doneSteps } from '../domain/request.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { StepInput } from '../workflows/messages.ts';
import type { Api } from './app.ts';
import { checkTabs } from './bodies.ts';
import { Problem } from './problem.ts';
import { command, readRequest } from './read-request.ts';
import type { Call } from './route.ts';

/** How long a change that is under way is waited for, in milliseconds. */
const SETTLE_MS = 300;

/** What the workflow is told of a draft: its revision and the steps that are done, nothing of what was typed. */
export function stepsOf(draft: Draft, revision: number): StepInput {
  return {
    revision,
    done: doneSteps(draft),
    portal: draft.desk?.portal ?? null,
    source: draft.source?.scope ?? null,
  };
}

/** The entity tag of a request: its revision. */
export function entityTag(request: Pick<RequestDocument, 'revision'>): string {
  return `"${request.revision}"`;
}

/** @throws Problem `revision-changed` when `If-Match` names another revision */
function requireMatch(call: Pick<Call, 'request'>, current: RequestDocument): void {
  const wanted = call.request.get('if-match');
  if (wanted === undefined || wanted.trim() === '*') return;
  if (wanted.split(',').some((tag) => tag.trim() === entityTag(current))) return;
  throw new Problem('revision-changed', `Read the request again: its revision is now ${current.revision}.`, {
    headers: { ETag: entityTag(current) },
    members: { revision: current.revision },
  });
}

/**
 * A2: redoes steps of a request: keeps a new revision of the draft, then tells the workflow of it. Two changes at the same time
 * do not lose one another: the later one starts from what the earlier one left.
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
  for (let tries = 0; tries < 2; tries++) {
    let current = await readRequest(api, call.principal, id);
    const newest = (await drafts.latest(id))?.revision ?? current.revision;
    if (newest > current.revision) {
      // of a change that is under way, or of one that was refused: only the first will still be taken
      await wait(SETTLE_MS);
      current = await readRequest(api, call.principal, id);
    }
    requireMatch(call, current);
    const draft = change(await drafts.get(id, current.revision));
    checkTabs(draft);
    const revision = Math.max(newest, current.revision) + 1;
    if (!(await drafts.insert(id, revision, draft))) continue;
    return command(api, call, current, 'redoSteps', { by: call.principal.by, ...stepsOf(draft, revision) });
  }
  throw new Problem('concurrent-change', 'Read the request again and repeat the change.', {
    headers: { 'Retry-After': '1' },
  });
}
