import { hash } from 'node:crypto';
import { stringify } from 'csv-stringify/sync';
import { neutralise } from '../domain/report-cell.ts';
import { TAB_TITLES, TABS, type Tab } from '../domain/tab.ts';
import { noUndoCounts, tabOfStep, type UndoCounts, UNDO_STEPS } from '../domain/undo.ts';
import type { ReportSigner } from '../store/report-signature.ts';
import type { Reports } from '../store/reports.ts';
import type { Requests } from '../store/requests.ts';
import type { Storage } from '../store/storage.ts';
import type { UndoDecisions } from '../store/undo-decisions.ts';
import { attemptTime, beat } from './beat.ts';
import type { UndoActivities } from './control-activities.ts';
import { ReportZip } from './report-zip.ts';
import { undoPlaceOf } from './undo-place.ts';
import { undoPage, type UndoSummary } from './undo-page.ts';

export interface WriteUndoReportDeps {
  stores: { requests: Pick<Requests, 'get'>; reports: Reports; undoDecisions: UndoDecisions };
  storage: Pick<Storage, 'put' | 'exists'>;
  signer: Pick<ReportSigner, 'sign'>;
  now?: () => Date;
}

/** Columns of an undo's `<Tab>.csv`. */
const UNDO_COLUMNS = ['external_id', 'desk_id', 'result', 'code', 'referred_by'] as const;

/** Makes the activity that writes the report of an undo (F1): what was removed, what was kept and why. Again writes the same. */
export function makeWriteUndoReport(deps: WriteUndoReportDeps): UndoActivities['writeUndoReport'] {
  return async ({ request, startedAt, links, files }) => {
    const { stores, storage } = deps;
    const attempt = attemptTime();
    const { document, portal } = await undoPlaceOf(stores.requests, request);
    const { tabs, fingerprint } = await addUp(stores.undoDecisions, request);
    const at = (deps.now ?? (() => new Date()))();
    const report = await stores.reports.begin(request, 'undo', fingerprint, at, attempt);
    const { name, version, storageKey } = report;
    if (report.bytes !== null && (await storage.exists(storageKey)))
      return { name, version, bytes: report.bytes };
    const summary: UndoSummary = {
      request,
      report: 'undo',
      portal,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: report.at.toISOString(),
      tabs,
      linksRemoved: links,
      filesRemoved: files,
    };
    const { locale, timeZone } = document.requester ?? { locale: 'en', timeZone: 'UTC' };
    const zip = new ReportZip();
    for (const tab of Object.keys(tabs) as Tab[]) {
      zip.stream(`${TAB_TITLES[tab]}.csv`, () => tabFile(stores.undoDecisions, request, tab));
    }
    zip.file('summary.html', Buffer.from(undoPage(summary, { locale, timeZone })));
    zip.summary(summary, deps.signer);
    const { bytes } = await storage.put(storageKey, zip.end());
    await stores.reports.written(report, bytes);
    return { name, version, bytes };
  };
}

/** Per tab, in import order, what was done; tabs of which the request had created nothing are left out. */
async function addUp(
  decisions: UndoDecisions,
  request: string,
): Promise<{ tabs: UndoSummary['tabs']; fingerprint: string }> {
  const sums = new Map<Tab, UndoCounts>();
  let fingerprint = 'undo';
  for (const step of UNDO_STEPS) {
    const counts = await decisions.count(request, step);
    const sum = sums.get(tabOfStep(step)) ?? noUndoCounts();
    for (const each of Object.keys(sum) as (keyof UndoCounts)[]) sum[each] += counts[each];
    sums.set(tabOfStep(step), sum);
    for await (const page of decisions.pages(request, step)) {
      beat();
      fingerprint = hash('sha256', `${fingerprint} ${JSON.stringify(page.decisions)}`, 'base64url');
    }
  }
  const tabs: UndoSummary['tabs'] = {};
  for (const tab of TABS) {
    const sum = sums.get(tab);
    if (sum !== undefined && sum.created > 0) tabs[tab] = sum;
  }
  return { tabs, fingerprint };
}

/** `<Tab>.csv`: a row per record that the request had created. */
async function* tabFile(decisions: UndoDecisions, request: string, tab: Tab): AsyncGenerator<Buffer> {
  yield csv([UNDO_COLUMNS]);
  for (const step of UNDO_STEPS) {
    if (tabOfStep(step) !== tab) continue;
    for await (const page of decisions.pages(request, step)) {
      beat();
      yield csv(
        page.decisions.map(({ externalId, deskId, kept, by }) =>
          [externalId, deskId, kept === null ? 'removed' : 'kept', kept ?? '', by ?? ''].map(neutralise),
        ),
      );
    }
  }
}

function csv(rows: readonly (readonly string[])[]): Buffer {
  return Buffer.from(stringify(rows as string[][], { record_delimiter: '\n' }));
}
