import type { Command } from 'commander';
import type { QueueAnswer } from '../../api/answers.ts';
import { localTime } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { perform } from '../session.ts';
import { table } from '../show-progress.ts';

/** `queue`, `queue front`: who runs and who waits (B4). */
export function addQueueCommands(program: Command): void {
  const queue = program
    .command('queue')
    .summary('show who runs and who waits (operators)')
    .description('Shows which phase runs and which wait, in their order.')
    .addHelpText(
      'after',
      '\nExamples:\n  deskferry queue --profile operator\n  deskferry queue front m_01hx... --profile operator',
    )
    .action((_: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        const answer = await readPages<QueueAnswer>(await api(), '/v1/queue', 'waiting');
        // who moved up between two pages is told twice
        const waiting = [...new Map(answer.waiting.map((entry) => [entry.request, entry])).values()];
        const whole = { ...answer, waiting: waiting.toSorted((a, b) => a.place - b.place) };
        output.result(whole, queueText(whole));
      }),
    );
  queue
    .command('front')
    .summary('move a waiting request ahead of all others')
    .argument('<id>', 'id of the request')
    .addHelpText('after', '\nExample:\n  deskferry queue front m_01hx... --profile operator')
    .action((id: string, _: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        const path = `/v1/queue/${encodeURIComponent(id)}/front`;
        const answer = await (await api()).call<QueueAnswer>('POST', path, {});
        output.result(answer, queueText(answer));
      }),
    );
}

function queueText({ turns, running, waiting }: QueueAnswer): string {
  const rows = [
    ...running.map(({ request, phase, since }) => ['runs', request, phase, `since ${localTime(since)}`]),
    ...waiting.map(({ request, phase, place }) => [String(place), request, phase, '']),
  ];
  const head = `${turns === 1 ? 'One phase runs' : `${turns} phases run`} at a time.`;
  if (rows.length === 0) return `${head} Nothing runs and nothing waits.`;
  return `${head}\n${table(['place', 'request', 'phase', ''], rows)}`;
}
