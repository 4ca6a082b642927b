import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Phase, PHASES } from '../domain/phase.ts';
import { beat } from './beat.ts';
import type { WorkflowNames } from './create-activities.ts';
import { isRunning } from './temporal-runs.ts';

export interface EndImportsDeps {
  client: Client;
  names: Pick<WorkflowNames, 'importPhaseOf'>;
  /** how long an import that was told to end may take, in milliseconds */
  importEndsMs?: number;
}

class ImportStillRuns extends Error {
  readonly code = 'IMPORT_STILL_RUNS';
}

const IMPORT_ENDS_MS = 40_000;
const LOOK_MS = 1_000;

/**
 * C2: the portal opens only when nothing of the import writes any more.
 * @param but the phase that the request's process waits for
 * @throws ImportStillRuns
 */
export async function importsEnd(
  deps: EndImportsDeps,
  request: string,
  but: Phase | null = null,
): Promise<void> {
  const { client, names, importEndsMs = IMPORT_ENDS_MS } = deps;
  const until = Date.now() + importEndsMs;
  for (const phase of PHASES) {
    if (phase === but) continue;
    const workflowId = names.importPhaseOf(request, phase);
    let told = false;
    while (await isRunning(client, workflowId)) {
      if (!told) await cancel(client, workflowId);
      told = true;
      if (Date.now() > until) throw new ImportStillRuns('the import has not ended yet');
      beat();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

/** Tells a workflow to end; one that has ended already hears nothing. */
export async function cancel(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
