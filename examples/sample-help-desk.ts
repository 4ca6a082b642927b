import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { FailureCode, TabCounts, WarningCode } from '../domain/codes.ts';
import { noCounts } from '../domain/codes.ts';
import { TABS, type Tab } from '../domain/tab.ts';
import { articleRows } from './sample-articles.ts';
import { accountRows, agentRows, contactRows, productRows } from './sample-people.ts';
import { type AttachmentFile, FILES, type Outcome, type SampleFile, type SampleRow } from './sample-rows.ts';
import { attachmentRows, commentRows, LOGO_PATH, threadRows, ticketRows } from './sample-tickets.ts';
import { type SampleSize, type SampleWorld, sampleWorld } from './sample-world.ts';
import { type CsvLine, csvBytes, writeFileFrom } from './write-export.ts';
import { writeZip, type ZipEntry } from './write-zip.ts';

export interface SampleOptions extends SampleSize {
  /** where the files go; made when absent, files of the same names are replaced */
  folder: string;
}

export interface ExpectedFailure {
  tab: Tab;
  /** the CSV file's name as in the report: for a CSV inside a ZIP the entry's path */
  file: string;
  /** 1 = first record after the header; malformed rows count */
  row: number;
  /** null where the row cannot be read */
  externalId: string | null;
  code: FailureCode;
  /** the source's header of the column at fault; null where no single column is */
  column: string | null;
  why: string;
}

export interface ExpectedSkip {
  tab: Tab;
  file: string;
  row: number;
  externalId: string;
  code: 'DUPLICATE_ROW';
}

/** Exactly what an import of the sample must give. */
export interface SampleManifest {
  seed: number;
  tickets: number;
  /** names of the upload files in the folder */
  files: string[];
  tabs: Record<Tab, TabCounts>;
  failures: ExpectedFailure[];
  skipped: ExpectedSkip[];
  /** how many migrated records of a tab carry each warning */
  warnings: Record<Tab, Partial<Record<WarningCode, number>>>;
}

export const SAMPLE_UPLOADS = [
  'desk-export.zip',
  'Tickets_01.csv',
  'Tickets_02.csv',
  'Conversations.zip',
  'Articles.csv',
] as const;

/** Counts outcomes per tab, as a report does (D1, C7). */
export class Tally {
  readonly tabs: Record<Tab, TabCounts> = perTab(noCounts);
  readonly warnings: Record<Tab, Partial<Record<WarningCode, number>>> = perTab(() => ({}));

  count(tab: Tab, outcome: Outcome): void {
    this.tabs[tab].source += 1;
    this.tabs[tab][outcome.result] += 1;
    if (!('warnings' in outcome)) return;
    const counts = this.warnings[tab];
    for (const warning of outcome.warnings) counts[warning] = (counts[warning] ?? 0) + 1;
  }
}

function perTab<T>(make: () => T): Record<Tab, T> {
  return Object.fromEntries(TABS.map((tab) => [tab, make()])) as Record<Tab, T>;
}

/** A row of the export with its number in its file. */
export interface NumberedRow extends SampleRow {
  row: number;
}

/** All records of a sample help desk, file by file, as they stand in its CSV files. */
const SAMPLE_PARTS: readonly {
  file: SampleFile;
  rows: (world: SampleWorld) => Iterable<SampleRow>;
}[] = [
  { file: FILES.agents, rows: agentRows },
  { file: FILES.accounts, rows: accountRows },
  { file: FILES.contacts, rows: contactRows },
  { file: FILES.products, rows: productRows },
  { file: FILES.tickets1, rows: (world) => ticketRows(world, 1) },
  { file: FILES.tickets2, rows: (world) => ticketRows(world, 2) },
  { file: FILES.threads, rows: threadRows },
  { file: FILES.comments, rows: commentRows },
  { file: FILES.attachments, rows: attachmentRows },
  { file: FILES.articles, rows: articleRows },
];

/** The records of a sample help desk without writing them, numbered as in their files. */
export function* sampleRecords(world: SampleWorld): Generator<NumberedRow> {
  for (const part of SAMPLE_PARTS) {
    let row = 0;
    for (const each of part.rows(world)) yield { ...each, row: ++row };
  }
}

/**
 * Writes the export of a sample help desk in the prepared format (docs/formats.md): five upload files, 3-5 % of the
 * records at fault in every way that a file can be (G; TOO_LARGE by option), at any size from 50 tickets on. The same
 * options give the same bytes; memory does not grow with the size but for the manifest's list of failures.
 * @returns exactly what an import into a portal as described by the options must give
 * @throws SampleSizeError for a number of tickets or a seed that cannot be
 */
export async function makeSampleHelpDesk(options: SampleOptions): Promise<SampleManifest> {
  const world = sampleWorld(options);
  await mkdir(options.folder, { recursive: true });
  const tally = new Tally();
  const failures: ExpectedFailure[] = [];
  const skipped: ExpectedSkip[] = [];

  function* lines(file: SampleFile): Generator<CsvLine> {
    const part = SAMPLE_PARTS.find((each) => each.file === file);
    let number = 0;
    for (const { cells, raw, externalId, outcome } of part?.rows(world) ?? []) {
      number += 1;
      tally.count(file.tab, outcome);
      const at = { tab: file.tab, file: file.name, row: number };
      if (outcome.result === 'failed') {
        const { code, column, why } = outcome;
        failures.push({ ...at, externalId, code, column, why });
      } else if (outcome.result === 'skipped') {
        skipped.push({ ...at, externalId: externalId ?? '', code: 'DUPLICATE_ROW' });
      }
      yield raw === null ? { cells } : { raw };
    }
  }
  const bytes = (file: SampleFile): Iterable<Buffer> => csvBytes(file.header, lines(file), file.style);
  const entry = (file: SampleFile): ZipEntry => ({ path: file.name, chunks: bytes(file) });
  const [people, tickets1, tickets2, conversations, articles] = SAMPLE_UPLOADS;
  const at = (name: string): string => path.join(options.folder, name);

  await writeZip(at(people), [
    entry(FILES.agents),
    entry(FILES.accounts),
    entry(FILES.contacts),
    entry(FILES.products),
  ]);
  await writeFileFrom(at(tickets1), bytes(FILES.tickets1));
  await writeFileFrom(at(tickets2), bytes(FILES.tickets2));
  const bundle = function* (): Generator<ZipEntry> {
    for (const file of [FILES.threads, FILES.comments, FILES.attachments]) yield entry(file);
    yield* attachmentEntries(attachmentRows(world));
  };
  await writeZip(at(conversations), bundle());
  await writeFileFrom(at(articles), bytes(FILES.articles));
  return {
    seed: world.seed,
    tickets: world.tickets,
    files: [...SAMPLE_UPLOADS],
    tabs: tally.tabs,
    failures,
    skipped,
    warnings: tally.warnings,
  };
}

/** The ZIP entries of the files that attachments name; one file can serve several of them. */
export function* attachmentEntries(
  rows: Iterable<{ attachment: AttachmentFile | null }>,
): Generator<ZipEntry> {
  let shared = false;
  for (const { attachment } of rows) {
    if (attachment === null) continue;
    if (attachment.path === LOGO_PATH) {
      if (shared) continue;
      shared = true;
    }
    yield { path: attachment.path, bytes: attachment.bytes() };
  }
}
