import type { Desk, DeskId } from '../desk/desk.ts';
import { fieldsReferringTo, isOfStep, tabOfStep, type UndoStep } from '../domain/undo.ts';
import type { Requests } from '../store/requests.ts';
import type { Segments } from '../store/segments.ts';
import type { UndoDecision, UndoDecisions } from '../store/undo-decisions.ts';
import { attemptTime, beat } from './beat.ts';
import type { UndoActivities } from './control-activities.ts';
import { type IdSet, IdSetBuilder } from './id-set.ts';
import { undoPlaceOf } from './undo-place.ts';

export interface DecideUndoDeps {
  stores: {
    requests: Pick<Requests, 'get'>;
    undoDecisions: UndoDecisions;
    segments: Pick<Segments, 'seal'>;
  };
  desk: Pick<Desk, 'portal' | 'scanPortal' | 'wouldRemove'>;
}

const IMPORTED_IN = ['phase-1', 'phase-2'] as const;

/** Records of one stored page of decisions. */
const PAGE = 1_000;

interface Created {
  deskId: DeskId;
  externalId: string;
}

/**
 * Makes the activity that decides what an undo removes of one tab (F1): of the records that the request created those that nobody
 * changed since and that nothing refers to which stays. Tabs that refer to this one are undone already, so that what still refers
 * to a record stays. A decision that is kept is not made again. An import that was believed dead writes no more of the tab.
 */
export function makeDecideUndo({ stores, desk }: DecideUndoDeps): UndoActivities['decideUndo'] {
  return async ({ request, step }) => {
    const { undoDecisions } = stores;
    if (!(await undoDecisions.isDecided(request, step))) {
      const { portal } = await undoPlaceOf(stores.requests, request);
      for (const phase of IMPORTED_IN) {
        await stores.segments.seal({ request, phase, tab: tabOfStep(step) }, attemptTime());
      }
      const ids = new IdSetBuilder();
      for await (const page of created(desk, portal, request, step)) {
        for (const { deskId } of page) ids.add(deskId);
      }
      const own = ids.build();
      if (own.size > 0) {
        const referred = await findReferred(desk, portal, step, own);
        await decide({ stores, desk }, { portal, request, step }, referred);
      }
      await undoDecisions.decided(request, step);
    }
    return { created: (await undoDecisions.count(request, step)).created };
  };
}

/** Goes on behind the last page that is kept. */
async function decide(
  { stores, desk }: DecideUndoDeps,
  { portal, request, step }: { portal: string; request: string; step: UndoStep },
  referred: ReadonlyMap<DeskId, DeskId>,
): Promise<void> {
  const { undoDecisions } = stores;
  const last = await undoDecisions.last(request, step);
  const behind = last?.decisions.at(-1)?.deskId ?? '';
  let number = last?.number ?? 0;
  let waiting: Created[] = [];
  const keep = async (): Promise<void> => {
    if (waiting.length === 0) return;
    beat();
    const ids = waiting.map(({ deskId }) => deskId);
    const verdicts = await desk.wouldRemove(tabOfStep(step), ids, request);
    const decisions = waiting.map(({ deskId, externalId }, place): UndoDecision => {
      const by = referred.get(deskId) ?? null;
      if (verdicts[place]?.result !== 'removed')
        return { deskId, externalId, kept: 'CHANGED_SINCE', by: null };
      return { deskId, externalId, kept: by === null ? null : 'REFERRED_TO', by };
    });
    await undoDecisions.add(request, step, ++number, decisions);
    waiting = [];
  };
  for await (const page of created(desk, portal, request, step)) {
    for (const record of page) {
      if (record.deskId <= behind) continue;
      waiting.push(record);
      if (waiting.length === PAGE) await keep();
    }
  }
  await keep();
}

/** The records of a step that a request created, in the order of their desk ids. */
async function* created(
  desk: Pick<Desk, 'scanPortal'>,
  portal: string,
  request: string,
  step: UndoStep,
): AsyncGenerator<Created[]> {
  for await (const page of desk.scanPortal(portal, tabOfStep(step), ['externalId', 'translationOf'])) {
    beat();
    yield page.flatMap(({ deskId, createdBy, fields }) => {
      if (createdBy?.request !== request || !isOfStep(step, fields['translationOf'])) return [];
      const { externalId } = fields;
      return [{ deskId, externalId: typeof externalId === 'string' ? externalId : '' }];
    });
  }
}

/** Which of these records something in the portal refers to, with one that does. */
async function findReferred(
  desk: Pick<Desk, 'portal' | 'scanPortal'>,
  portal: string,
  step: UndoStep,
  own: IdSet,
): Promise<Map<DeskId, DeskId>> {
  const tab = tabOfStep(step);
  const referred = new Map<DeskId, DeskId>();
  if (tab === 'agents') {
    const { primaryContact, id } = await desk.portal(portal);
    if (own.has(primaryContact.agentId)) referred.set(primaryContact.agentId, id);
  }
  for (const [from, fields] of fieldsReferringTo(tab)) {
    for await (const page of desk.scanPortal(portal, from, fields)) {
      beat();
      for (const { deskId, fields: values } of page) {
        for (const field of fields) {
          const named = values[field];
          if (typeof named !== 'string' || named === deskId || referred.has(named)) continue;
          if (own.has(named)) referred.set(named, deskId);
        }
      }
    }
  }
  return referred;
}
