import { TemporalFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  CancellationScope,
  executeChild,
  isCancellation,
  log,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { Erased } from '../activities/control-activities.ts';
import { said } from './activity-calls.ts';
import { erasing, retention } from './control-calls.ts';
import { faultOf } from './fault.ts';
import { type ControlInput, eraseWorkflowId } from './messages.ts';
import { Notes } from './notes.ts';

/**
 * F5: uploaded files and staged rows of a request that is over are deleted; what was erased stands in the audit log and on the
 * request. Its reports, its audit log and what the desk has stay.
 */
export async function erase({ request, by, reason }: ControlInput): Promise<Erased> {
  const notes = new Notes(request, 'erase');
  await notes.add(by, 'eraseOrdered', reason);
  try {
    const erased = await erasing.eraseRequest.executeWithOptions(said('uploaded files and staged rows'), [
      { request, at: Date.now(), by, reason },
    ]);
    await notes.add('system', 'erased', inWords(erased));
    setCurrentDetails(inWords(erased));
    return erased;
  } catch (error) {
    const why = isCancellation(error) ? 'cancelled in Temporal' : faultOf(error);
    await CancellationScope.nonCancellable(() => notes.add('system', 'eraseFailed', why));
    throw error;
  }
}

function inWords({ files, bytes, segments, records, mails, attachmentFiles }: Erased): string {
  return [
    `${files} uploaded files of ${bytes} bytes`,
    `${records} staged rows in ${segments} segments`,
    `${mails} received mails`,
    `${attachmentFiles} attachment files that no record has`,
  ].join(', ');
}

/** What one round did. */
export interface ErasedDue {
  erased: number;
  failed: number;
}

/** F5: erases, one after the other, the requests whose retention time is over. A schedule starts it every hour. */
export async function eraseDue(): Promise<ErasedDue> {
  const { requests, days } = await retention.findDueErasures.executeWithOptions(
    said('requests whose retention time is over'),
    [{ now: Date.now() }],
  );
  const round: ErasedDue = { erased: 0, failed: 0 };
  for (const request of requests) {
    try {
      await executeChild(erase, {
        workflowId: eraseWorkflowId(request),
        args: [{ request, by: 'system', reason: `closed ${days} days ago or longer` }],
        parentClosePolicy: 'ABANDON',
        staticSummary: `Erase ${request}`,
      });
      round.erased++;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof TemporalFailure)) throw error;
      // an operator ordered it a moment ago
      if (error instanceof WorkflowExecutionAlreadyStartedError) continue;
      round.failed++;
      log.error('a request was not erased', { request, error });
    }
  }
  setCurrentDetails(`${round.erased} erased, ${round.failed} failed of ${requests.length} due`);
  return round;
}
