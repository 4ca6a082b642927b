import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { open, type Entry, type ZipFile } from 'yauzl';
import { noCounts, RESULTS, type Result, type TabCounts } from '../domain/codes.ts';
import { TabDigest } from '../domain/digest.ts';
import { plainCell } from '../domain/report-cell.ts';
import { isTab, TAB_TITLES } from '../domain/tab.ts';
import { isReportSignatureValid } from '../store/report-signature.ts';
import { ImportError } from './errors.ts';
import { IMAGE_COLUMNS, IMAGES_FILE, REPORT_COLUMNS } from './report-files.ts';
import type { Summary, TabSummary } from './summary-page.ts';

/** What a report says of itself, and whether it is true. */
export interface ReportVerdict {
  summary: Summary;
  /** records in all `<Tab>.csv` together */
  records: number;
  /** Ed25519 over summary.json; `unchecked` when no public key was given to check it with */
  signature: 'valid' | 'invalid' | 'missing' | 'unchecked';
  /** in words, one per tab and figure; empty when the summary is true */
  problems: string[];
}

/**
 * Recomputes a report's counts and tab digests from its `<Tab>.csv` files and compares them with its `summary.json` (D1, D2).
 * @param path of the report's ZIP
 * @param publicKey PEM of the service that is said to have written it
 * @throws ImportError REPORT_UNREADABLE when it is no report
 */
export async function verifyReport(path: string, publicKey?: string): Promise<ReportVerdict> {
  const zip = await openArchive(path);
  try {
    const entries = await list(zip);
    const told = await contentOf(zip, entries, 'summary.json');
    const summary = summaryOf(told);
    const signature = await judgeSignature(zip, entries, told, publicKey);
    const problems: string[] = [];
    if (signature === 'invalid') problems.push('the summary is not signed with the given key');
    if (signature === 'missing') problems.push('the summary is not signed');
    problems.push(...(await judgeFiles(zip, entries, summary)));
    let records = 0;
    for (const [tab, said] of Object.entries(summary.tabs)) {
      if (!isTab(tab)) {
        problems.push(`${tab}: there is no such tab`);
        continue;
      }
      const name = `${TAB_TITLES[tab]}.csv`;
      const entry = entries.get(name);
      if (entry === undefined) {
        if (summary.files === undefined) problems.push(`${name} is missing`);
        continue;
      }
      const found = await readTab(await streamOf(zip, entry), name);
      records += found.rows;
      problems.push(...compare(name, found, said));
    }
    problems.push(...(await judgeImages(zip, entries, summary)));
    return { summary, records, signature, problems };
  } finally {
    zip.close();
  }
}

interface FoundTab {
  rows: number;
  counts: TabCounts;
  warnings: number;
  digest: string;
}

function compare(name: string, found: FoundTab, said: TabSummary): string[] {
  const problems: string[] = [];
  for (const result of RESULTS) {
    if (found.counts[result] !== said[result]) {
      problems.push(`${name} has ${found.counts[result]} ${result}, the summary says ${said[result]}`);
    }
  }
  if (found.rows !== said.source) {
    problems.push(`${name} has ${found.rows} rows, the source is said to have ${said.source} records`);
  }
  if (found.warnings !== said.warnings) {
    problems.push(`${name} has ${found.warnings} warnings, the summary says ${said.warnings}`);
  }
  if (found.digest !== said.sourceDigest)
    problems.push(`${name} adds up to another digest than the summary says`);
  if (said.digestsMatch && said.sourceDigest !== said.deskDigest) {
    problems.push('source and desk are said to agree, but their digests differ');
  }
  return problems;
}

const SUMMARY_FILES = ['summary.json', 'summary.sig'];

/** Whether every file is the one that the summary speaks of; it does not speak of itself. */
async function judgeFiles(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  { files }: Summary,
): Promise<string[]> {
  if (files === undefined) return [];
  const problems: string[] = [];
  for (const [name, entry] of entries) {
    if (SUMMARY_FILES.includes(name)) continue;
    const said = files[name];
    const sum = createHash('sha256');
    for await (const chunk of await streamOf(zip, entry)) sum.update(chunk as Buffer);
    if (said === undefined) problems.push(`${name} is not among the files that the summary names`);
    else if (said !== sum.digest('hex')) problems.push(`${name} was changed since the summary was written`);
  }
  for (const name of Object.keys(files)) if (!entries.has(name)) problems.push(`${name} is missing`);
  return problems;
}

/** C4: the images listed are those that the summary counts. */
async function judgeImages(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  { inlineImages }: Summary,
): Promise<string[]> {
  const said = new Map(Object.entries(inlineImages?.notShown ?? {}));
  const entry = entries.get(IMAGES_FILE);
  if (entry === undefined) return said.size === 0 ? [] : [`${IMAGES_FILE} is missing`];
  const found = new Map<string, number>();
  let isHeader = true;
  for await (const cells of rowsOf(await streamOf(zip, entry))) {
    if (isHeader && cells.join() !== IMAGE_COLUMNS.join()) {
      throw new ImportError('REPORT_UNREADABLE', `${IMAGES_FILE} has other columns than a report`);
    }
    const why = cells[IMAGE_COLUMNS.indexOf('why')] ?? '';
    if (!isHeader) found.set(why, (found.get(why) ?? 0) + 1);
    isHeader = false;
  }
  return [...new Set([...said.keys(), ...found.keys()])].flatMap((why) =>
    said.get(why) === found.get(why)
      ? []
      : [`${IMAGES_FILE} has ${found.get(why) ?? 0} ${why}, the summary says ${said.get(why) ?? 0}`],
  );
}

/** The rows of a CSV file of a report. @throws ImportError REPORT_UNREADABLE */
async function* rowsOf(stream: Readable): AsyncGenerator<string[]> {
  const parser = stream.pipe(parse());
  stream.once('error', (error) => parser.destroy(error));
  try {
    yield* parser as AsyncIterable<string[]>;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new ImportError('REPORT_UNREADABLE', `a file of the report is no CSV: ${error.message}`);
  }
}

async function readTab(stream: Readable, name: string): Promise<FoundTab> {
  const counts = noCounts();
  const digest = new TabDigest();
  let rows = 0;
  let warnings = 0;
  let isHeader = true;
  for await (const cells of rowsOf(stream)) {
    if (isHeader) {
      isHeader = false;
      if (cells.join() !== REPORT_COLUMNS.join()) {
        throw new ImportError('REPORT_UNREADABLE', `${name} has other columns than a report`);
      }
      continue;
    }
    rows++;
    const row = cells.map(plainCell);
    const result = row[REPORT_COLUMNS.indexOf('result')] as Result;
    if (!RESULTS.includes(result))
      throw new ImportError('REPORT_UNREADABLE', `${name} has a row without a result`);
    counts[result]++;
    const given = row[REPORT_COLUMNS.indexOf('warnings')] ?? '';
    if (given !== '') warnings += given.split(';').length;
    const own = row[REPORT_COLUMNS.indexOf('digest')] ?? '';
    if (own !== '') digest.add(row[REPORT_COLUMNS.indexOf('external_id')] ?? '', own);
  }
  return { rows, counts, warnings, digest: digest.toString() };
}

async function contentOf(zip: ZipFile, entries: ReadonlyMap<string, Entry>, name: string): Promise<Buffer> {
  const entry = entries.get(name);
  if (entry === undefined) throw new ImportError('REPORT_UNREADABLE', `the archive holds no ${name}`);
  const chunks: Buffer[] = [];
  for await (const chunk of await streamOf(zip, entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function summaryOf(told: Buffer): Summary {
  let summary: unknown;
  try {
    summary = JSON.parse(told.toString('utf8'));
  } catch {
    throw new ImportError('REPORT_UNREADABLE', 'summary.json is no JSON');
  }
  const { tabs, files = {} } = (summary ?? {}) as { tabs?: unknown; files?: unknown };
  if (!isTable(tabs) || !Object.values(tabs).every(isTable) || !isTable(files))
    throw new ImportError('REPORT_UNREADABLE', 'summary.json is not that of a report');
  return summary as Summary;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function judgeSignature(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  told: Buffer,
  publicKey: string | undefined,
): Promise<ReportVerdict['signature']> {
  if (!entries.has('summary.sig')) return 'missing';
  if (publicKey === undefined) return 'unchecked';
  const written = (await contentOf(zip, entries, 'summary.sig')).toString('utf8');
  const signature = written.slice(0, -1);
  // one way to write it, where base64 knows several
  if (written !== `${Buffer.from(signature, 'base64').toString('base64')}\n`) return 'invalid';
  return isReportSignatureValid(publicKey, told, signature) ? 'valid' : 'invalid';
}

function openArchive(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(new ImportError('REPORT_UNREADABLE', `the report cannot be opened: ${error.message}`));
    });
  });
}

function list(zip: ZipFile): Promise<Map<string, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>();
    zip.on('entry', (entry: Entry) => {
      if (entries.has(entry.fileName))
        reject(new ImportError('REPORT_UNREADABLE', `${entry.fileName} stands twice in the archive`));
      entries.set(entry.fileName, entry);
      zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', (error: Error) => reject(new ImportError('REPORT_UNREADABLE', error.message)));
    zip.readEntry();
  });
}

function streamOf(zip: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error === null) resolve(stream);
      else reject(new ImportError('REPORT_UNREADABLE', `${entry.fileName} cannot be read: ${error.message}`));
    });
  });
}
