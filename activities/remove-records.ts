import type { Desk } from '../desk/desk.ts';
import { tabOfStep } from '../domain/undo.ts';
import type { UndoDecision, UndoDecisions } from '../store/undo-decisions.ts';
import { beat } from './beat.ts';
import type { UndoActivities } from './control-activities.ts';

/**
 * Makes the activity that removes what was decided (F1). Each record is named as it was read when it is deleted: what somebody
 * changes at that very moment is kept, and the decision says so. A page that is done is not looked at again; of one that was begun,
 * what is gone was removed by the attempt before.
 */
export function makeRemoveRecords({
  stores,
  desk,
}: {
  stores: { undoDecisions: UndoDecisions };
  desk: Pick<Desk, 'remove'>;
}): UndoActivities['removeRecords'] {
  return async ({ request, step }) => {
    const { undoDecisions } = stores;
    for await (const { number, decisions, done } of undoDecisions.pages(request, step)) {
      beat();
      if (done) continue;
      const ids = decisions.flatMap(({ deskId, kept }) => (kept === null ? [deskId] : []));
      const outcomes = await desk.remove(tabOfStep(step), ids, request);
      const changed = new Set(
        outcomes.flatMap(({ deskId, result }) =>
          result === 'changedSince' || result === 'notOurs' ? [deskId] : [],
        ),
      );
      const final = decisions.map(
        (decision): UndoDecision =>
          changed.has(decision.deskId) ? { ...decision, kept: 'CHANGED_SINCE' } : decision,
      );
      await undoDecisions.finish(request, step, number, final);
    }
    return undoDecisions.count(request, step);
  };
}
