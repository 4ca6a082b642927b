import { TemporalFailure } from '@temporalio/common';
import { CancellationScope, defineQuery, isCancellation, setHandler } from '@temporalio/workflow';
import type { RequestSnapshot } from '../activities/lifecycle-activities.ts';
import { assertNever } from '../domain/assert-never.ts';
import { endedOutside, isFinal } from '../domain/lifecycle.ts';
import { close, stop } from './closing.ts';
import { registerControl, whilePaused } from './control.ts';
import { faultOf } from './fault.ts';
import { type MigrationInput, SNAPSHOT_QUERY } from './messages.ts';
import { Migration } from './migration-context.ts';
import { phase1, phase2, queued, registerProcessing } from './processing.ts';
import { registerReplyWindow, replyWindow } from './reply-window.ts';
import { begin, pending, registerRequesting } from './requesting.ts';
import { registerTurn } from './turn.ts';
import { registerSourceKey } from './source-key.ts';
import { registerVerification, verifying } from './verification.ts';

/**
 * A migration request's whole life, from its creation until it is closed. A fault never ends it: what could not be done
 * is told, and done again when an operator resumes it.
 * @returns the request as it was closed
 */
export async function migration(input: MigrationInput): Promise<RequestSnapshot> {
  const life = setUp(input);
  try {
    if (input.carried === undefined) await begin(life, input.steps, input.by);
    await run(life);
    await close(life);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => endOutside(life));
    throw error;
  }
  return life.journal.snapshot();
}

function setUp(input: MigrationInput): Migration {
  const life = new Migration(input);
  registerRequesting(life);
  registerVerification(life);
  registerTurn(life);
  registerProcessing(life);
  registerReplyWindow(life);
  registerControl(life);
  registerSourceKey(life);
  setHandler(defineQuery<RequestSnapshot>(SNAPSHOT_QUERY), () => life.journal.snapshot(), {
    description: 'the request as it stands',
  });
  return life;
}

/** The table of states: each waits for what leads out of it. */
async function run(life: Migration): Promise<void> {
  const { record } = life;
  while (!isFinal(record.state)) {
    if (life.historyIsLong) await life.cutHistory();
    try {
      if (record.stopping !== null) await stop(life);
      else if (record.paused !== null && record.state !== 'REPLY_WINDOW') await whilePaused(life);
      else await live(life);
    } catch (error) {
      if (isCancellation(error) || !(error instanceof TemporalFailure)) throw error;
      life.pause('system', faultOf(error));
    }
  }
}

async function live(life: Migration): Promise<void> {
  const { state } = life.record;
  switch (state) {
    case 'PENDING': // -> VERIFYING, CANCELLED, EXPIRED
      return pending(life);
    case 'VERIFYING': // -> QUEUED, REJECTED, PENDING
      return verifying(life);
    case 'QUEUED': // -> PHASE_1, STOPPED
      return queued(life);
    case 'PHASE_1': // -> REPLY_WINDOW, STOPPED
      return phase1(life);
    case 'REPLY_WINDOW': // -> PHASE_2, STOPPED
      return replyWindow(life);
    case 'PHASE_2': // -> COMPLETED, STOPPED
      return phase2(life);
    case 'COMPLETED':
    case 'CANCELLED':
    case 'EXPIRED':
    case 'REJECTED':
    case 'STOPPED':
      return;
    default:
      return assertNever(state);
  }
}

/** Cancelled in Temporal itself: document, portal and queue must tell the truth all the same. */
async function endOutside(life: Migration): Promise<void> {
  const { record } = life;
  const to = endedOutside(record.state);
  if (to !== record.state) {
    record.reason = 'cancelled in Temporal';
    if (to === 'STOPPED') {
      record.stopping = { by: 'system', reason: record.reason };
      await stop(life);
    } else {
      life.moveTo(to, 'system', 'endedOutside', record.reason);
    }
  }
  await close(life);
}
