import { type Command, Option } from 'commander';
import type { z } from 'zod';
import type {
  discrepanciesAnswer,
  MigrationAnswer,
  ProgressAnswer,
  SummaryAnswer,
} from '../../api/answers.ts';
import { STATES } from '../../domain/lifecycle.ts';
import { wholeNumber } from '../arguments.ts';
import { followOnScreen, readMigration, tellMigration, type Until } from '../follow-on-screen.ts';
import { localTime } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { perform, type Session } from '../session.ts';
import { migrationText, stateText } from '../show-migration.ts';
import { table } from '../show-progress.ts';

type DiscrepanciesAnswer = z.input<typeof discrepanciesAnswer>;

interface StatusOptions {
  state?: string;
  portal?: string;
  text?: string;
  limit: number;
}

interface MessagesSeen {
  messages: {
    at: string;
    kind: string;
    to: string[];
    subject: string;
    text: string;
    sentAt: string | null;
  }[];
  next: string | null;
}

/** `status`, `watch`, `messages`: how requests stand. */
export function addLookCommands(program: Command): void {
  program
    .command('status')
    .summary('list requests, or show one')
    .description(
      'Without an id it lists the requests you may see, the newest first; with one it shows that request.',
    )
    .argument('[id]', 'id of a request')
    .addOption(new Option('--state <state>', 'only those in this state').choices(STATES))
    .option('--portal <id>', 'only those of this portal')
    .option('--text <text>', "only those with this in the id, or the requester's or the source's name")
    .option('--limit <n>', 'how many to list', wholeNumber(1), 20)
    .addHelpText(
      'after',
      `
Examples:
  deskferry status
  deskferry status --state REPLY_WINDOW --portal acme
  deskferry status m_01hx...
  deskferry status m_01hx... --json | jq .phases`,
    )
    .action((id: string | undefined, options: StatusOptions, command: Command) =>
      perform(command, async (session) => {
        if (id === undefined) await list(session, options);
        else await tellMigration(session, await session.api(), id);
      }),
    );
  program
    .command('watch')
    .summary('follow a migration as it goes')
    .description(
      'Shows the state and every tab until replies are taken, or with --until closed to the very end. Ctrl-C ends the watching, never the migration. Ends with 1 when the request is sent back, rejected or stopped.',
    )
    .argument('<id>', 'id of the request')
    .addOption(
      new Option('--until <end>', 'when to end').choices(['REPLY_WINDOW', 'closed']).default('REPLY_WINDOW'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  deskferry watch m_01hx...\n  deskferry watch m_01hx... --until closed',
    )
    .action((id: string, options: { until: Until }, command: Command) =>
      perform(command, async (session) => {
        const api = await session.api();
        const { progress, exit } = await followOnScreen(session, api, id, options.until);
        const migration = await readMigration(api, id);
        session.output.result(progress satisfies ProgressAnswer, `\n${migrationText(migration)}`);
        return exit;
      }),
    );
  program
    .command('discrepancies')
    .summary('show by which records source and desk differ')
    .description('Of the latest phase, as they were found last. While there are any, the report waits.')
    .argument('<id>', 'id of the request')
    .addHelpText('after', '\nExample:\n  deskferry discrepancies m_01hx... --profile operator')
    .action((id: string, _: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        const path = `/v1/migrations/${encodeURIComponent(id)}/discrepancies`;
        const answer = await (await api()).call<DiscrepanciesAnswer>('GET', path);
        output.result(answer, discrepanciesText(answer));
      }),
    );
  program
    .command('messages')
    .summary('show what was mailed')
    .argument('<id>', 'id of the request')
    .option('--full', 'with their texts')
    .addHelpText('after', '\nExample:\n  deskferry messages m_01hx... --full')
    .action((id: string, options: { full?: boolean }, command: Command) =>
      perform(command, async (session) => {
        const api = await session.api();
        const path = `/v1/migrations/${encodeURIComponent(id)}/messages`;
        const answer = await readPages<MessagesSeen>(api, path, 'messages');
        session.output.result(answer, messagesText(answer, options.full === true));
      }),
    );
}

function discrepanciesText({ phase, discrepancies, more }: DiscrepanciesAnswer): string {
  if (discrepancies.length === 0) return 'Source and desk agree as far as they have been compared.';
  const rows = discrepancies.map(({ tab, kind, externalId, expected, found }) => [
    tab,
    kind,
    externalId,
    expected ?? '',
    found ?? '',
  ]);
  const told = table(['tab', 'kind', 'external id', 'expected', 'found'], rows);
  return `${phase}\n${told}${more ? '\nand more; the report lists them all' : ''}`;
}

async function list({ output, api: open }: Session, options: StatusOptions): Promise<void> {
  const api = await open();
  const items: SummaryAnswer[] = [];
  let next: string | null = null;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(100, options.limit - items.length)),
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.portal === undefined ? {} : { portal: options.portal }),
      ...(options.text === undefined ? {} : { text: options.text }),
      ...(next === null ? {} : { cursor: next }),
    });
    const page: { items: SummaryAnswer[]; next: string | null } = await api.call(
      'GET',
      `/v1/migrations?${query.toString()}`,
    );
    items.push(...page.items);
    ({ next } = page);
  } while (next !== null && items.length < options.limit);
  const rows = items.map((each) => [
    each.id,
    `${stateText(each as MigrationAnswer)}${each.paused === null ? '' : ', paused'}`,
    each.portal ?? '',
    each.company ?? '',
    localTime(each.createdAt),
  ]);
  const text =
    rows.length === 0
      ? 'There is no request.'
      : table(['request', 'state', 'portal', 'company', 'created'], rows);
  output.result(
    { items, next },
    next === null ? text : `${text}\nThere are more: --limit ${options.limit * 2}`,
  );
}

function messagesText({ messages }: MessagesSeen, full: boolean): string {
  if (messages.length === 0) return 'Nothing was mailed yet.';
  if (full) {
    return messages
      .map(({ at, to, subject, text }) => `${localTime(at)}  to ${to.join(', ')}\n${subject}\n\n${text}`)
      .join(`\n${'-'.repeat(72)}\n`);
  }
  return table(
    ['at', 'kind', 'to', 'subject', 'sent'],
    messages.map(({ at, kind, to, subject, sentAt }) => [
      localTime(at),
      kind,
      to.join(', '),
      subject,
      sentAt === null ? 'not yet' : localTime(sentAt),
    ]),
  );
}
