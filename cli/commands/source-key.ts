import type { Command } from 'commander';
import { giveCommand } from '../give-command.ts';
import { readSourceKey, SOURCE_KEY_FILE } from '../read-source-key.ts';
import { perform } from '../session.ts';

/** `source-key`: gives the key by which a source is read (B3). */
export function addSourceKeyCommand(program: Command): void {
  program
    .command('source-key')
    .summary('give the key of a source that is read by its API')
    .description(
      'Gives the key by which the source is read, at first or in the place of one that is refused; a migration that waits for it goes on. It is kept sealed and never shown again.',
    )
    .argument('<id>', 'id of the request')
    .option(...SOURCE_KEY_FILE)
    .addHelpText('after', '\nExample:\n  deskferry source-key m_01hx... --source-key-file olddesk.key')
    .action((id: string, { sourceKeyFile }: { sourceKeyFile?: string }, command: Command) =>
      perform(command, async (session) => {
        const key = await readSourceKey(sourceKeyFile);
        await giveCommand(session, id, 'source-key', { key }, 'The key is kept');
      }),
    );
}
