import type { Client } from '@temporalio/client';
import type { Stores } from '../store/stores.ts';
import { beat } from './beat.ts';
import { clearSample, type ClearSampleDeps } from './clear-sample.ts';
import type { SweepActivities } from './control-activities.ts';
import type { WorkflowNames } from './create-activities.ts';
import { LONGEST_AGO_MS } from './find-astray.ts';
import { noteBySweep } from './note-by-sweep.ts';
import { describeRun } from './temporal-runs.ts';

export interface SettleBesideDeps extends ClearSampleDeps {
  client: Client;
  stores: ClearSampleDeps['stores'] & Pick<Stores, 'audit'>;
  names: Pick<WorkflowNames, 'undo' | 'erase' | 'sample'>;
}

const REASONS = { TERMINATED: 'terminated in Temporal', TIMED_OUT: 'timed out in Temporal' } as const;

/**
 * Makes the activity that says what became of an undo (F1), an erasure (F5) or a sample run (B6) that was ended in Temporal without a
 * word: it stands in the audit log of its request (F2), and a sample leaves nothing. What an undo holds is given back with its request.
 */
export function makeSettleBeside(deps: SettleBesideDeps): SweepActivities['settleBeside'] {
  return async ({ since }) => {
    let ended = 0;
    const moment = new Date(since ?? Date.now() - LONGEST_AGO_MS).toISOString();
    for (const kind of ['undo', 'erase', 'sample'] as const) {
      const { workflowType, workflowIdOf } = deps.names[kind];
      const query = `WorkflowType = '${workflowType}' AND ExecutionStatus IN ('Terminated', 'TimedOut') AND CloseTime >= '${moment}'`;
      for await (const { workflowId, runId } of deps.client.workflow.list({ query })) {
        beat();
        const request = workflowId.slice(workflowIdOf('').length);
        // one that was reset goes on; one that was ordered again as well
        const run = await describeRun(deps.client, workflowId);
        if (run?.runId !== runId || !(run.status in REASONS)) continue;
        if (kind === 'sample') await clearSample(deps, request);
        const reason = REASONS[run.status as keyof typeof REASONS];
        await noteBySweep(deps.stores, request, run.at, `${kind}Failed`, reason, kind);
        ended++;
      }
    }
    return { ended };
  };
}
