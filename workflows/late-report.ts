import { TemporalFailure } from '@temporalio/common';
import type { PhaseRun, WrittenReport } from '../activities/import-activities.ts';
import { imports, said } from './activity-calls.ts';
import { faultOf } from './fault.ts';
import { Notes } from './notes.ts';

/** F1: what was done is reported, also where the request's own process was ended in Temporal and cannot. */
export async function lateReport(run: PhaseRun): Promise<WrittenReport> {
  try {
    return await imports.writeReport.executeWithOptions(said(`report of the ended ${run.phase}`), [run]);
  } catch (error) {
    if (error instanceof TemporalFailure)
      await new Notes(run.request, 'late-report').add('system', 'reportFailed', faultOf(error));
    throw error;
  }
}
