import { parse } from 'csv-parse/sync';
import { open as openZip } from 'yauzl';
import { FAILURE_CODES, type FailureCode, type Result, type TabCounts } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import { TAB_TITLES, TABS, type Tab } from '../domain/tab.ts';

/** What must fail, as a sample's manifest says it. */
export interface ExpectedOutcome {
  tabs: Partial<Record<Tab, TabCounts>>;
  failures: { tab: Tab; file: string; row: number; code: FailureCode; column: string | null }[];
}

type ReportedTab = TabCounts & { warnings: number; digestsMatch: boolean };

export interface ReportSummary {
  request: string;
  phase: Phase;
  tabs: Partial<Record<Tab, ReportedTab>>;
}

/** One entry of a ZIP as text. Reports of demonstrations are small enough to be read whole. */
export function readReport(file: string): Promise<Map<string, string>> {
  return new Promise((resolve, reject) => {
    openZip(file, { lazyEntries: true }, (error, zip) => {
      if (error !== null) return reject(error);
      const entries = new Map<string, string>();
      zip.on('error', reject);
      zip.on('end', () => resolve(entries));
      zip.on('entry', (entry: { fileName: string }) => {
        zip.openReadStream(entry as Parameters<typeof zip.openReadStream>[0], (failed, stream) => {
          if (failed !== null) return reject(failed);
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('error', reject);
          stream.on('end', () => {
            entries.set(entry.fileName, Buffer.concat(chunks).toString('utf8'));
            zip.readEntry();
          });
        });
      });
      zip.readEntry();
    });
  });
}

/** What a report says that its manifest does not, and the other way round; empty when they agree exactly, by code. */
export function compareWithManifest(report: Map<string, string>, expected: ExpectedOutcome): string[] {
  const differences: string[] = [];
  const summary = JSON.parse(report.get('summary.json') ?? '{"tabs":{}}') as ReportSummary;
  const wanted = new Map(
    expected.failures.map((each) => [
      `${each.tab} ${each.file}:${each.row}`,
      `${each.code} ${each.column ?? ''}`.trim(),
    ]),
  );
  for (const tab of TABS) {
    const counts = summary.tabs[tab];
    const planned = expected.tabs[tab];
    if (counts !== undefined && planned !== undefined) {
      for (const key of ['source', 'created', 'updated', 'unchanged', 'skipped', 'failed'] as const) {
        if (counts[key] !== planned[key])
          differences.push(`${tab}: ${key} is ${counts[key]}, expected ${planned[key]}`);
      }
    }
    const csv = report.get(`${TAB_TITLES[tab]}.csv`);
    if (csv === undefined) continue;
    const rows = parse<Record<string, string>>(csv, { columns: true, bom: true });
    for (const row of rows) {
      if ((row['result'] as Result) !== 'failed') continue;
      const key = `${tab} ${row['file']}:${row['row']}`;
      const got = `${row['code']} ${row['column'] ?? ''}`.trim();
      const want = wanted.get(key);
      if (want === undefined) differences.push(`${key} failed unexpectedly: ${got}`);
      else if (want !== got) differences.push(`${key}: ${got}, expected ${want}`);
      wanted.delete(key);
    }
  }
  for (const [key, want] of wanted) differences.push(`${key} did not fail; expected ${want}`);
  return differences;
}

/** How many failures of each kind are expected, most frequent first. */
export function countByCode(failures: readonly { code: FailureCode }[]): [FailureCode, number][] {
  return FAILURE_CODES.map((code): [FailureCode, number] => [
    code,
    failures.filter((each) => each.code === code).length,
  ])
    .filter(([, count]) => count > 0)
    .toSorted((a, b) => b[1] - a[1]);
}
