import type { Command } from 'commander';
import type { MigrationAnswer } from '../../api/answers.ts';
import { usageFailure } from '../command-failure.ts';
import { barText, doStep } from '../do-step.ts';
import { localTime, sizeText } from '../output.ts';
import { perform } from '../session.ts';
import { localFiles, readMapping } from './migrate.ts';

/** `reply`: mended files, new exports, a mapping or words, in the reply window (E1). */
export function addReplyCommand(program: Command): void {
  program
    .command('reply')
    .summary('send mended files or words in the reply window')
    .description('Mended files, new exports, a corrected mapping or a text; phase 2 takes them in.')
    .argument('<id>', 'id of the request')
    .argument('[files...]', 'mended files or new exports')
    .option('--text <text>', 'what to tell the migration team')
    .option('--mapping <file>', 'corrected field mapping, as JSON')
    .addHelpText(
      'after',
      `
Examples:
  deskferry reply m_01hx... failed/Tickets.csv --text "The dates are mended."
  deskferry reply m_01hx... --text "Please keep the inactive agents."`,
    )
    .action((id: string, paths: string[], options: { text?: string; mapping?: string }, command: Command) =>
      perform(command, async (session) => {
        const { text = '' } = options;
        const mapping = options.mapping === undefined ? undefined : await readMapping(options.mapping);
        const files = await localFiles(paths);
        if (text.trim() === '' && mapping === undefined && files.length === 0) {
          throw usageFailure('Name files, or give --text or --mapping.');
        }
        const api = await session.api();
        const path = `/v1/migrations/${encodeURIComponent(id)}/replies`;
        const size = sizeText(files.reduce((sum, { bytes }) => sum + bytes, 0));
        const what =
          files.length === 0 ? 'the reply' : `${files.map(({ name }) => name).join(', ')} (${size})`;
        const migration = await doStep(session.output, `Sending ${what}`, async (tell) => {
          const onSent = (sent: number, total: number): void => {
            if (total > 0) tell(barText(sent / total, `${sizeText(sent)} of ${size}`));
          };
          const answer = await api.reply<MigrationAnswer>(path, text, files, {
            ...(mapping === undefined ? {} : { mapping }),
            onSent,
          });
          return [answer, `Sent ${what}`];
        });
        const until = migration.replyWindow;
        session.output.result(
          migration,
          `The reply is recorded.${until === null ? '' : ` Replies are taken until ${localTime(until.endsAt)}.`}`,
        );
      }),
    );
}
