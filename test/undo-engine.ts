import { makeDecideUndo } from '../activities/decide-undo.ts';
import type { UndoActivities } from '../activities/control-activities.ts';
import { makeRemoveRecords } from '../activities/remove-records.ts';
import { makeRemoveUnused } from '../activities/remove-unused.ts';
import { makeWriteUndoReport } from '../activities/write-undo-report.ts';
import type { WrittenReport } from '../activities/import-activities.ts';
import { UNDO_STEPS } from '../domain/undo.ts';
import { type Engine, type EngineParts, SIGNER } from './import-engine.ts';

export function makeUndoActivities(deps: EngineParts): UndoActivities {
  return {
    decideUndo: makeDecideUndo(deps),
    removeRecords: makeRemoveRecords(deps),
    removeUnused: makeRemoveUnused(deps),
    writeUndoReport: makeWriteUndoReport({ ...deps, signer: SIGNER }),
  };
}

/** Writes the document of a request as far as an undo reads it. */
export async function recordForUndo({ db }: Engine, request: string, portal: string): Promise<void> {
  await db.collection<{ _id: string }>('requests').insertOne({
    _id: request,
    named: JSON.stringify({ encodings: {}, mapping: null }),
    requester: { locale: 'en', timeZone: 'UTC' },
    source: { scope: 'files' },
    desk: { portal },
  } as never);
}

/** Takes back what a request created, as the undo workflow does (F1). */
export async function runUndo(
  activities: UndoActivities,
  request: string,
  startedAt: number,
): Promise<WrittenReport> {
  for (const step of UNDO_STEPS) {
    const { created } = await activities.decideUndo({ request, step });
    if (created > 0) await activities.removeRecords({ request, step });
  }
  const rest = await activities.removeUnused({ request });
  return activities.writeUndoReport({ request, startedAt, ...rest });
}
