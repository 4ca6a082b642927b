import { isCancellation, log, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { said } from './activity-calls.ts';
import { lateReports, sweeping } from './control-calls.ts';

const HOUR_MS = 3_600_000;
/** Visibility lags: what closed shortly before the last sweep is looked at once more. */
const OVERLAP_MS = 5 * 60_000;

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
 * say the truth within a minute. A schedule starts it every minute; it looks at what closed or began since the last one, and at
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

  const { requests } = await sweeping.findAstray.executeWithOptions(
    said(whole ? 'all requests' : 'requests that closed or began lately'),
    [{ since }],
  );
  const lines: string[] = [];
  let failed = 0;
  for (const request of requests) {
    try {
      lines.push(`| ${request} | ${await settle(request)} |`);
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed++;
      log.error('a request was not put right', { request, error });
      lines.push(`| ${request} | failed; the next sweep tries again |`);
    }
  }
  const { restored } = await sweeping.restoreLine.executeWithOptions(said('the processing queue'), []);
  setCurrentDetails(
    ['| request | |', '| --- | --- |', ...lines, `| places in line restored | ${restored} |`].join('\n'),
  );
  return {
    until: failed > 0 && last !== undefined ? last.until : now,
    everythingAt: whole && failed === 0 ? now : (last?.everythingAt ?? 0),
    settled: requests.length - failed,
    restored,
  };
}

async function settle(request: string): Promise<string> {
  const { outcome, unreported } = await sweeping.settleRequest.executeWithOptions(said(`settle ${request}`), [
    { request },
  ]);
  if (unreported === null) return outcome;
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

const iso = (at: number): string => new Date(at).toISOString();
