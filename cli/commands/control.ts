import { Argument, type Command } from 'commander';
import { TABS } from '../../domain/tab.ts';
import { wholeNumber } from '../arguments.ts';
import { addGivenCommand, giveCommand, reasonOption } from '../give-command.ts';
import { perform } from '../session.ts';

/** What moves a request, stops it, lets it go on, or takes it back (A2, A6, B6, E2, F1, F5). */
export function addControlCommands(program: Command): void {
  addGivenCommand(program, {
    name: 'submit',
    summary: 'submit a request',
    reason: 'none',
    done: 'Submitted; the migration team takes it from here',
  });
  addGivenCommand(program, {
    name: 'cancel',
    summary: 'cancel a request that is PENDING',
    reason: 'may',
    done: 'Cancelled',
  });
  addGivenCommand(program, {
    name: 'pause',
    summary: 'pause a migration (operators)',
    reason: 'must',
    done: 'Paused',
  });
  program
    .command('resume')
    .summary('resume a paused migration (operators)')
    .argument('<id>', 'id of the request')
    .addOption(reasonOption('may'))
    .option('--accept', 'accept the differences that reconciliation found, and go on')
    .addHelpText(
      'after',
      '\nExample:\n  deskferry resume m_01hx... --accept --reason "The agents wrote them" --profile operator',
    )
    .action((id: string, { reason, accept }: { reason?: string; accept?: boolean }, command: Command) =>
      perform(command, (session) => giveCommand(session, id, 'resume', { reason, accept }, 'Resumed')),
    );
  addGivenCommand(program, {
    name: 'stop',
    summary: 'stop a migration for good (operators)',
    description:
      'Keeps what is done, writes the report, opens the portal. A stopped migration is not resumed.',
    reason: 'must',
    done: 'Stopping; what is done stays, and the report is written',
  });
  program
    .command('retry')
    .summary("try a tab's failed records once more (operators)")
    .description('While its phase is paused, or in the reply window: a new version of the report.')
    .argument('<id>', 'id of the request')
    .addArgument(new Argument('<tab>', 'which tab').choices(TABS))
    .addOption(reasonOption('may'))
    .addHelpText('after', '\nExample:\n  deskferry retry m_01hx... tickets --profile operator')
    .action((id: string, tab: string, { reason }: { reason?: string }, command: Command) =>
      perform(command, (session) =>
        giveCommand(session, id, 'retry', { tab, reason }, `The failed ${tab} are tried again`),
      ),
    );
  addGivenCommand(program, {
    name: 'start-phase-2',
    address: 'phase-2',
    summary: 'ask for phase 2 to start early',
    description: 'It starts when both the requester and an operator have asked.',
    reason: 'none',
    done: 'Asked; phase 2 starts as soon as both sides have',
  });
  program
    .command('sample')
    .summary('run a sample before phase 1')
    .description(
      'Migrates the first records of each tab, with everything they refer to, into a throw-away copy of the portal. Only the report "sample" is left.',
    )
    .argument('<id>', 'id of the request')
    .option('--records <n>', 'how many records of each tab, up to 100; 10 otherwise', wholeNumber(1))
    .addHelpText('after', '\nExample:\n  deskferry sample m_01hx... --records 50')
    .action((id: string, { records }: { records?: number }, command: Command) =>
      perform(command, (session) =>
        giveCommand(session, id, 'sample', { records }, 'A sample runs; its report is "sample"'),
      ),
    );
  addGivenCommand(program, {
    name: 'undo',
    summary: 'undo a migration that was stopped or is complete (operators)',
    description:
      'Deletes exactly the records that it created; what existed before, was changed since, or is referred to by what stays is kept. The report "undo" tells what was done.',
    reason: 'must',
    done: 'Undoing; its report is "undo"',
  });
  addGivenCommand(program, {
    name: 'erase',
    summary: 'erase what a request that is over brought (operators)',
    description:
      'Deletes its uploaded files and staged rows at once instead of after the retention time. Reports, audit log and what the desk has stay.',
    reason: 'must',
    done: 'Erasing; what was erased stands in its status and in the audit log',
  });
}
