import { hash } from 'node:crypto';
import { TAB_TITLES } from '../domain/tab.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { ReportSigner } from '../store/report-signature.ts';
import { attemptTime } from './beat.ts';
import { ImportError } from './errors.ts';
import type { ImportActivities } from './import-activities.ts';
import { contextOf, planOf } from './plan-view.ts';
import { sumTab } from './prove-tab.ts';
import {
  discrepanciesFile,
  inlineImagesFile,
  failedFile,
  failedParts,
  filesNeeded,
  IMAGES_FILE,
  type ReportDeps,
  supersededFile,
  tabFile,
  unreadableFile,
} from './report-files.ts';
import { countImages } from './resolve-images.ts';
import { ReportZip } from './report-zip.ts';
import { type Summary, summaryPage } from './summary-page.ts';

export interface WriteReportDeps extends ReportDeps {
  signer: Pick<ReportSigner, 'sign'>;
  now?: () => Date;
}

/** Most discrepancies that a report names. */
const NAMED = 10_000;

/**
 * Makes the activity that streams the ledger into the report ZIP (C6, C7), in constant memory. The same ledger makes the same
 * version, byte for byte; another one makes a new version (D3, F1).
 */
export function makeWriteReport(deps: WriteReportDeps): ImportActivities['writeReport'] {
  return async (run) => {
    const { stores, storage } = deps;
    const attempt = attemptTime();
    const plan = await planOf(stores, run);
    // of a stopped phase an attempt may still be at work that was believed dead: nothing of it comes after the report (D3, F1)
    for (const tab of plan.tabs) await stores.segments.seal({ ...run, tab }, attempt);
    const at = (deps.now ?? (() => new Date()))();
    const fingerprint = await fingerprintOf(deps, plan);
    const report = await stores.reports.begin(run.request, run.phase, fingerprint, at, attempt);
    const { name, version, storageKey } = report;
    if (report.bytes !== null && (await storage.exists(storageKey)))
      return { name, version, bytes: report.bytes };
    const zip = await packed(deps, plan, report.at);
    const { bytes } = await storage.put(
      storageKey,
      thenIf(zip, async () => (await fingerprintOf(deps, plan)) === fingerprint),
    );
    await stores.reports.written(report, bytes);
    return { name, version, bytes };
  };
}

/** What is packed; where its ledger is another one by then it ends with an error, so that nothing of it is kept (D3). */
async function* thenIf(
  zip: NodeJS.ReadableStream,
  holds: () => Promise<boolean>,
): AsyncGenerator<Uint8Array> {
  yield* zip as AsyncIterable<Uint8Array>;
  if (!(await holds())) throw taken();
}

const taken = (): ImportError =>
  new ImportError('REPORT_TAKEN', 'what the report is made of was changed by another run');

/** What a report is made of: every segment's outcomes and what reading back showed. */
async function fingerprintOf({ stores }: ReportDeps, plan: StoredPlan): Promise<string> {
  let all = '';
  for (const tab of plan.tabs) {
    for await (const { number, finished, proof } of stores.segments.all({
      request: plan.request,
      phase: plan.phase,
      tab,
    })) {
      all = hash(
        'sha256',
        `${all} ${tab} ${number} ${finished?.fingerprint} ${proof?.deskDigest}`,
        'base64url',
      );
    }
  }
  for (const each of await stores.discrepancies.list(plan.request, plan.phase, NAMED)) {
    all = hash('sha256', `${all} ${JSON.stringify(each)}`, 'base64url');
  }
  if (plan.phase === 'sample') return all;
  for await (const page of stores.bodyImages.pages(plan.request)) {
    all = hash('sha256', `${all} ${JSON.stringify(page)}`, 'base64url');
  }
  return all;
}

async function packed(
  deps: WriteReportDeps,
  plan: StoredPlan,
  endedAt: Date,
): Promise<NodeJS.ReadableStream> {
  const zip = new ReportZip();
  const { summary, extras } = await summarise(deps, plan, endedAt);
  for (const tab of plan.tabs) {
    zip.stream(`${TAB_TITLES[tab]}.csv`, () =>
      tabFile(deps, plan, { request: plan.request, phase: plan.phase, tab }),
    );
  }
  for (const failed of await failedParts(deps, plan)) {
    const { readable, unreadable } = await filesNeeded(deps, plan, failed);
    if (readable) {
      extras.failedFiles.push(`failed/${failed.label}.csv`);
      zip.stream(`failed/${failed.label}.csv`, () => failedFile(deps, plan, failed));
    }
    if (unreadable) {
      extras.failedFiles.push(`failed/${failed.label}.unreadable`);
      zip.stream(`failed/${failed.label}.unreadable`, () => unreadableFile(deps, plan, failed));
    }
  }
  if (Object.keys(summary.inlineImages?.notShown ?? {}).length > 0) {
    zip.stream(IMAGES_FILE, () => inlineImagesFile(deps, plan));
  }
  if (plan.continues !== null) zip.stream('superseded.csv', () => supersededFile(deps, plan));
  const discrepancies = await deps.stores.discrepancies.list(plan.request, plan.phase, NAMED);
  if (discrepancies.length > 0) zip.file('discrepancies.csv', discrepanciesFile(discrepancies));
  const page = summaryPage(summary, { ...extras, discrepancies: discrepancies.length });
  zip.file('summary.html', Buffer.from(page));
  zip.summary(summary, deps.signer);
  return zip.end();
}

async function summarise({ stores }: ReportDeps, plan: StoredPlan, endedAt: Date) {
  const context = await contextOf(stores, plan);
  const summary: Summary = {
    request: plan.request,
    phase: plan.phase,
    portal: plan.portal,
    startedAt: context.startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    tabs: {},
  };
  let superseded = 0;
  for (const tab of plan.tabs) {
    const key = { request: plan.request, phase: plan.phase, tab };
    const { counts, warnings, sourceDigest, deskDigest, unproven } = await sumTab({ stores }, plan, key);
    superseded += (await stores.segments.findStaged(key))?.superseded ?? 0;
    const digestsMatch = unproven === 0 && sourceDigest === deskDigest;
    summary.tabs[tab] = { ...counts, warnings, sourceDigest, deskDigest, digestsMatch };
  }
  if (plan.phase !== 'sample') summary.inlineImages = await countImages(stores, plan.request);
  const extras = {
    locale: plan.locale,
    timeZone: plan.timeZone,
    superseded: plan.continues === null ? null : superseded,
    failedFiles: [] as string[],
    ignored: plan.ignored,
  };
  return { summary, extras };
}
