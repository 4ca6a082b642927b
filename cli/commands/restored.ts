import type { Command } from 'commander';
import { addInstallationOption } from '../installation-option.ts';
import type { InstallationOptions } from '../open-installation.ts';
import { perform } from '../session.ts';

/** `restored`: after a backup was brought back, every request is compared with its process. */
export function addRestoredCommand(program: Command): void {
  addInstallationOption(
    program
      .command('restored')
      .summary('say that a backup was brought back (on MongoDB)')
      .description(
        "Give it after a restore, before the processes start: they compare every request with what Temporal's backup says, give it what it holds by that, and note it in its audit log.",
      ),
  )
    .addHelpText('after', '\nExample:\n  deskferry restored --env-file .env')
    .action((options: InstallationOptions, command: Command) =>
      perform(command, async ({ output }) => {
        const { withInstallation } = await import('../open-installation.ts');
        const requests = await withInstallation(options, ({ stores }) => stores.requests.lookAgain());
        const text = `${requests} requests are compared with Temporal as soon as a lifecycle worker runs.`;
        output.result({ requests }, text);
      }),
    );
}
