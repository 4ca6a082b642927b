import { STATE_LABELS } from '../domain/lifecycle.ts';
import { TAB_TITLES, TABS } from '../domain/tab.ts';
import type { MigrationRecord } from './migration-record.ts';

const moment = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** F3: a request in a few lines of Markdown for the Web UI: state, deadlines, place in line, counts per tab. */
export function currentDetails(record: MigrationRecord): string {
  const facts: [string, string][] = [['State', `${record.state} (${STATE_LABELS[record.state].ja})`]];
  const fact = (name: string, value: string | number | null): void => {
    if (value !== null && value !== '') facts.push([name, String(value)]);
  };
  const at = (name: string, value: number | null): void => fact(name, value === null ? null : moment(value));

  if (record.paused !== null)
    fact('Paused', `since ${moment(record.paused.since)} by ${record.paused.by}: ${record.paused.reason}`);
  if (record.stopping !== null) fact('Stopping', `by ${record.stopping.by}`);
  if (record.state === 'PENDING')
    fact('Submitted', record.submittedAt === null ? 'no' : moment(record.submittedAt));
  if (record.state === 'PENDING') at('Expires', record.expiresAt);
  if (record.state === 'VERIFYING') fact('Checks', checksLine(record));
  fact('Place in line', record.placeInLine);
  if (record.placeInLine !== null) at('Expected start', record.expectedStart);
  if (record.state === 'PHASE_1' || record.state === 'PHASE_2') at('Expected end', record.expectedEnd);
  if (record.state === 'REPLY_WINDOW') at('Window ends', record.replyWindow?.endsAt ?? null);
  if (record.replyWindow !== null) fact('Replies', record.replies.length);
  fact('Support ticket', record.supportTicket);

  return [table(['', ''], facts), countsTable(record)].filter((part) => part !== '').join('\n\n');
}

function checksLine(record: MigrationRecord): string {
  const { checks } = record;
  return checks === null ? 'running' : `${checks.blocking} blocking, ${checks.warnings} warnings`;
}

function countsTable(record: MigrationRecord): string {
  const phase = record.phases.at(-1);
  if (phase === undefined) return '';
  const rows = TABS.flatMap((tab) => {
    const counts = phase.tabs[tab];
    if (counts === undefined) return [];
    const { source, created, updated, unchanged, skipped, failed, digestsMatch } = counts;
    // C5
    const flag = failed > source * record.failureShare ? ' (many)' : '';
    return [
      [
        TAB_TITLES[tab],
        source,
        created,
        updated,
        unchanged,
        skipped,
        `${failed}${flag}`,
        digestsMatch ? 'yes' : 'NO',
      ].map(String),
    ];
  });
  if (rows.length === 0) return '';
  return table(
    [phase.phase, 'source', 'created', 'updated', 'unchanged', 'skipped', 'failed', 'proven'],
    rows,
  );
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
