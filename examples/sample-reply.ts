import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { HANDED_BACK_HEADERS } from '../domain/columns.ts';
import {
  attachmentEntries,
  type ExpectedFailure,
  type NumberedRow,
  type SampleManifest,
  sampleRecords,
  Tally,
} from './sample-help-desk.ts';
import { type AttachmentFile, FILES, type SampleFile, type SampleRow } from './sample-rows.ts';
import {
  attachmentsOf,
  commentsOf,
  emptyComment,
  extraThread,
  lostTicketComes,
  lostTicketId,
  planTicket,
  threadsOf,
  ticketRow,
} from './sample-tickets.ts';
import { BLOCK, roleAt, type SampleSize, type SampleWorld, sampleWorld } from './sample-world.ts';
import { csvBytes, PLAIN_STYLE, writeFileFrom } from './write-export.ts';
import { writeZip, type ZipEntry } from './write-zip.ts';

export interface ReplyOptions {
  /** where the reply's files go; made when absent */
  folder: string;
  /** the size the sample was made with, its seed and options included */
  sample: SampleSize;
}

/** A record that fails in phase 2. */
export interface ExpectedReplyFailure extends ExpectedFailure {
  /** whether it stands in the reply's file, or is tried again as it was in phase 1's */
  from: 'reply' | 'phase-1';
}

/** What phase 2 must give when the reply's files are sent in the window (E3). */
export interface ReplyManifest extends Pick<SampleManifest, 'files' | 'tabs' | 'warnings'> {
  failures: ExpectedReplyFailure[];
  /** how many rows the reply holds per tab: mended or sent back as they were, new, changed, the same as before */
  reply: Record<'handedBack' | 'fresh' | 'changed' | 'same', number>;
}

/** A row that stands in the reply. */
interface ReplyRow {
  cells: readonly string[];
  outcome: SampleRow['outcome'];
  externalId: string | null;
  attachment: AttachmentFile | null;
}

/** How many tickets are new, changed and sent again unchanged since the export. */
function sinceExport(world: SampleWorld): { fresh: number; changed: number; same: number } {
  const share = Math.max(3, Math.floor(world.tickets / 50));
  return { fresh: share, changed: Math.min(share, Math.floor(world.tickets / 10)), same: 2 };
}

/**
 * Writes what a customer sends back after phase 1 of a sample: files of failed records with the mended rows and the
 * columns that name the rows they replace (C6), and a ZIP of what is new and changed since. At most four files. The same
 * options give the same bytes.
 * @returns exactly what phase 2 must give: the reply's rows and the failures of phase 1 that they do not replace
 * @throws SampleSizeError as makeSampleHelpDesk does
 */
export async function makeReply(options: ReplyOptions): Promise<ReplyManifest> {
  const world = sampleWorld(options.sample);
  await mkdir(options.folder, { recursive: true });
  const tally = new Tally();
  const failures: ExpectedReplyFailure[] = [];
  const handedBack = new Map<SampleFile, NumberedRow[]>();
  for (const row of sampleRecords(world)) {
    if (row.second === null || row.outcome.result !== 'failed') continue;
    if (row.second.reply === null) triedAgain(row, tally, failures);
    else {
      const rows = handedBack.get(row.file);
      if (rows === undefined) handedBack.set(row.file, [row]);
      else rows.push(row);
    }
  }

  const files: string[] = [];
  const bundled: { file: SampleFile; chunks: Iterable<Buffer> }[] = [];
  const returned: ReplyRow[] = [];
  for (const [file, rows] of handedBack) {
    const replyRows = rows.map((row) => replyRowOf(row));
    returned.push(...replyRows);
    countReply(file, replyRows, tally, failures);
    const chunks = csvBytes([...file.header, ...HANDED_BACK_HEADERS], rows.map(handedBackLine), PLAIN_STYLE);
    if (file.tab === 'tickets') {
      files.push(file.name);
      await writeFileFrom(path.join(options.folder, file.name), chunks);
    } else bundled.push({ file, chunks });
  }
  if (bundled.length > 0) {
    files.push('mended.zip');
    const entries = bundled.map(({ file, chunks }): ZipEntry => ({ path: file.name, chunks }));
    await writeZip(path.join(options.folder, 'mended.zip'), [...entries, ...attachmentEntries(returned)]);
  }

  const since = rowsSince(world);
  const parts = sinceFiles(since);
  for (const { file, rows } of parts) countReply(file, rows, tally, failures);
  files.push('since.zip');
  const entries = parts.map(
    ({ file, rows }): ZipEntry => ({
      path: file.name,
      chunks: csvBytes(
        file.header,
        rows.map(({ cells }) => ({ cells })),
        file.style,
      ),
    }),
  );
  await writeZip(path.join(options.folder, 'since.zip'), [
    ...entries,
    ...attachmentEntries(since.attachments),
  ]);
  const { changed, same } = sinceExport(world);
  return {
    files,
    tabs: tally.tabs,
    warnings: tally.warnings,
    failures,
    reply: {
      handedBack: returned.length,
      fresh: parts.reduce((sum, { rows }) => sum + rows.length, 0) - changed - same,
      changed,
      same,
    },
  };
}

function replyRowOf(row: NumberedRow): ReplyRow {
  const { second, externalId } = row;
  if (second === null || second.reply === null) throw new RangeError('nothing of this row comes back');
  return {
    cells: second.reply,
    outcome: second.outcome,
    externalId: second.reply[0] ?? externalId,
    attachment: second.attachment ?? null,
  };
}

/** A mended row as it stands in the file handed back (C6). */
function handedBackLine(row: NumberedRow): { cells: readonly string[] } {
  const { cells } = replyRowOf(row);
  const { outcome } = row;
  if (outcome.result !== 'failed') throw new RangeError('only failed rows are handed back');
  return {
    cells: [...cells, row.file.name, String(row.row), outcome.code, outcome.column ?? '', outcome.why],
  };
}

function countReply(
  file: SampleFile,
  rows: readonly ReplyRow[],
  tally: Tally,
  failures: ExpectedReplyFailure[],
): void {
  for (const [index, { outcome, externalId }] of rows.entries()) {
    tally.count(file.tab, outcome);
    if (outcome.result !== 'failed') continue;
    const { code, column, why } = outcome;
    failures.push({
      tab: file.tab,
      file: file.name,
      row: index + 1,
      externalId,
      code,
      column,
      why,
      from: 'reply',
    });
  }
}

/** A failure of phase 1 that no row of the reply replaces, tried once more as it was (E3). */
function triedAgain(row: NumberedRow, tally: Tally, failures: ExpectedReplyFailure[]): void {
  const outcome = row.second?.outcome;
  if (outcome === undefined) return;
  tally.count(row.file.tab, outcome);
  if (outcome.result !== 'failed') return;
  const { tab, name } = row.file;
  const { code, column, why } = outcome;
  failures.push({
    tab,
    file: name,
    row: row.row,
    externalId: row.externalId,
    code,
    column,
    why,
    from: 'phase-1',
  });
}

type Since = Record<'tickets' | 'threads' | 'comments' | 'attachments', SampleRow[]>;

/** What happened in the source between the export and the reply. */
function rowsSince(world: SampleWorld): Since {
  const since: Since = { tickets: [], threads: [], comments: [], attachments: [] };
  const { fresh, changed, same } = sinceExport(world);
  for (let number = 0; number < fresh; number++) {
    const plan = planTicket(world, world.tickets + number);
    since.tickets.push(ticketRow(world, plan));
    since.threads.push(...threadsOf(world, plan));
    since.comments.push(...commentsOf(world, plan));
    since.attachments.push(...attachmentsOf(world, plan));
  }
  // tickets that comments of phase 1 named in vain
  let number = fresh;
  for (let block = 0; block * BLOCK < world.tickets; block++) {
    if (!lostTicketComes(block) || !blockHasOrphan(world, block)) continue;
    since.tickets.push(
      ticketRow(world, planTicket(world, world.tickets + number), { TicketExtId: lostTicketId(block) }),
    );
    number += 1;
  }
  const quiet = quietTickets(world, changed + same);
  for (const [place, index] of quiet.entries()) {
    const plan = planTicket(world, index);
    if (place >= changed) {
      since.tickets.push({ ...ticketRow(world, plan), outcome: { result: 'unchanged', warnings: [] } });
      continue;
    }
    const later = new Date(plan.created + 400 * 24 * 3_600_000).toISOString();
    const changes = {
      Status: 'Closed',
      'Closed Time': later,
      'Modified Time': later,
      Resolution: 'Solved since.',
    };
    since.tickets.push({ ...ticketRow(world, plan, changes), outcome: { result: 'updated', warnings: [] } });
    since.threads.push(
      extraThread(world, plan, `TH-S${index + 1}`, { Content: 'One more question, please.' }),
    );
  }
  const first = quiet[0];
  if (first !== undefined) {
    // a new record can be at fault like any other
    since.comments.push(emptyComment(world, planTicket(world, first), `CM-S${first + 1}`));
  }
  return since;
}

function blockHasOrphan(world: SampleWorld, block: number): boolean {
  for (let index = block * BLOCK; index < (block + 1) * BLOCK; index++) {
    if (roleAt(world, index) === 'comment-orphan') return true;
  }
  return false;
}

/** Sound tickets without warnings, spread over the export, none of them twice. */
function quietTickets(world: SampleWorld, count: number): number[] {
  const found: number[] = [];
  const stride = Math.max(1, Math.floor(world.tickets / (count * 2)));
  for (let start = 0; start < stride && found.length < count; start++) {
    for (let index = start; index < world.tickets && found.length < count; index += stride) {
      if (roleAt(world, index) !== null) continue;
      const { outcome } = ticketRow(world, planTicket(world, index));
      if (outcome.result === 'created' && outcome.warnings.length === 0) found.push(index);
    }
  }
  return found;
}

function sinceFiles(since: Since): { file: SampleFile; rows: SampleRow[] }[] {
  const named = (file: SampleFile, name: string): SampleFile => ({ ...file, name, style: PLAIN_STYLE });
  return [
    { file: named(FILES.tickets1, 'Tickets_03.csv'), rows: since.tickets },
    { file: named(FILES.threads, 'Threads_02.csv'), rows: since.threads },
    { file: named(FILES.comments, 'TicketComments_02.csv'), rows: since.comments },
    { file: named(FILES.attachments, 'Attachments_02.csv'), rows: since.attachments },
  ];
}
