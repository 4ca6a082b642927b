import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Phase } from '../domain/phase.ts';
import { said } from './activity-calls.ts';
import { lateReports, sweeping } from './control-calls.ts';
import { lateReport } from './late-report.ts';

const HOUR_MS = 3_600_000;
/** Visibility lags: what closed shortly before the last sweep is looked at once more. */
const OVERLAP_MS = 5 * 60_000;
/** How many requests are put right at a time. */
const AT_A_TIME = 10;
/** Until then one waited for the other, and all for a report; a sweep under way may have begun so. */
const TOGETHER = 'settled-together';

/** What a sweep tells the next one. Times in epoch milliseconds. */
export interface Swept {
  /** everything that closed or began before is right */
  until: number;
  /** when everything was looked at last */
  everythingAt: number;
  /** requests that were put right */
  settled: number;
  /** places in line that were lost and are there again */
  restored: number;
}

/**
 * Puts right what Temporal's own Cancel, Terminate and Reset leave behind (requirements A8, B4, C2): documents, portals and the line
 * say the truth within a minute. A schedule starts it twice a minute; it looks at what closed or began since the last one, and at
 * everything when that is an hour ago.
 */
export async function sweep(): Promise<Swept> {
  const last = workflowInfo().lastResult as Swept | undefined;
  const now = Date.now();
  const whole = last === undefined || now - last.everythingAt >= HOUR_MS;
  const since = whole ? null : last.until - OVERLAP_MS;
  setCurrentDetails(
    whole ? 'Looks at everything.' : `Looks at what closed or began since ${iso(since ?? 0)}.`,
  );

  const { requests, more } = await sweeping.findAstray.executeWithOptions(
    said(whole ? 'all requests' : 'requests that closed or began lately'),
    [{ since }],
  );
  const lines: string[] = [];
  let settled = 0;
  let failed = 0;
  const one = async (request: string): Promise<void> => {
    try {
      lines.push(`| ${request} | ${await settle(request)} |`);
      settled++;
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed++;
      log.error('a request was not put right', { request, error });
      lines.push(`| ${request} | failed; the next sweep tries again |`);
    }
  };
  // one whose import is slow to end holds up none of the others
  const left = requests.values();
  const takeOn = async (): Promise<void> => {
    for (const request of left) await one(request);
  };
  let restored = 0;
  const line = async (): Promise<void> => {
    ({ restored } = await sweeping.restoreLine.executeWithOptions(said('the processing queue'), []));
  };
  const beside = async (): Promise<void> => {
    const { ended } = await sweeping.settleBeside.executeWithOptions(said('undos, erasures, samples'), [
      { since },
    ]);
    lines.push(`| undos, erasures and samples that were ended | ${ended} |`);
  };
  /** What fails is done by the next sweep, and keeps nothing else from being put right. */
  const trying = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed++;
      log.error('not put right', { what, error });
    }
  };
  if (patched(TOGETHER)) {
    const requestsAtOnce = Array.from({ length: AT_A_TIME }, takeOn);
    await Promise.all([trying('line', line), trying('beside', beside), ...requestsAtOnce]);
  } else {
    await takeOn();
    await line();
  }
  setCurrentDetails(
    ['| request | |', '| --- | --- |', ...lines, `| places in line restored | ${restored} |`].join('\n'),
  );
  const isLate = failed > 0 || more;
  return {
    until: isLate && last !== undefined ? last.until : now,
    everythingAt: whole && !isLate ? now : (last?.everythingAt ?? 0),
    settled,
    restored,
  };
}

async function settle(request: string): Promise<string> {
  const { outcome, unreported } = await sweeping.settleRequest.executeWithOptions(said(`settle ${request}`), [
    { request },
  ]);
  if (unreported === null) return outcome;
  if (patched(TOGETHER)) {
    await reportLate(request, unreported);
    return `${outcome}, ${unreported} is being reported`;
  }
  try {
    await lateReports.writeReport.executeWithOptions(said(`report of ${unreported} of ${request}`), [
      { request, phase: unreported },
    ]);
    return `${outcome}, ${unreported} reported`;
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the report of an ended phase was not written', { request, error });
    return `${outcome}, ${unreported} not reported`;
  }
}

/** A large report takes longer than the next sweep may be late. */
async function reportLate(request: string, phase: Phase): Promise<void> {
  try {
    await startChild(lateReport, {
      workflowId: `late-report/${request}/${phase}`,
      args: [{ request, phase }],
      parentClosePolicy: 'ABANDON',
      staticSummary: `Report of the ended ${phase} of ${request}`,
    });
  } catch (error) {
    // a sweep before began it
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

const iso = (at: number): string => new Date(at).toISOString();
