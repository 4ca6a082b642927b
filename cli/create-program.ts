import { Command } from 'commander';
import { ACCESS_OPTIONS, addAccessCommands } from './commands/access.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addControlCommands } from './commands/control.ts';
import { addHelpCommand, describeBySummary } from './commands/help.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addLookCommands } from './commands/look.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addPortalCommands } from './commands/portals.ts';
import { addQueueCommands } from './commands/queue.ts';
import { addReplyCommand } from './commands/reply.ts';
import { addReportCommands } from './commands/report.ts';
import { addRestoredCommand } from './commands/restored.ts';
import { addSourceKeyCommand } from './commands/source-key.ts';
import { addVerificationCommands } from './commands/verify.ts';
import packageFile from '../package.json' with { type: 'json' };

/** The command `deskferry` with all that it can do (docs/command.md). @param json whether a wrong usage is told as a document, too */
export function createProgram(json: boolean): Command {
  const program = new Command('deskferry')
    .description("Moves a company's help-desk data into a desk, and shows how that stands.")
    .version(packageFile.version, '-V, --version', 'show the version')
    .option('--json', 'one JSON document on standard output, and nothing else there')
    .configureHelp({ showGlobalOptions: true })
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showHelpAfterError('See: deskferry --help')
    .exitOverride();
  if (json) program.configureOutput({ writeErr: () => {} });
  for (const option of ACCESS_OPTIONS) program.addOption(option);
  program.addHelpText(
    'after',
    `
Examples:
  deskferry login --url https://deskferry.example.com
  deskferry migrate Contacts.csv Tickets.csv --portal acme
  deskferry status

Ends with 0 when all is well, 1 when it was refused or something is not as it should be, 2 for a wrong usage,
3 when it is not there or not allowed, 4 when the service does not answer, 130 after Ctrl-C.`,
  );

  addAccessCommands(program);
  addMigrateCommand(program);
  addLookCommands(program);
  addVerificationCommands(program);
  addControlCommands(program);
  addSourceKeyCommand(program);
  addReplyCommand(program);
  addReportCommands(program);
  addQueueCommands(program);
  addAuditCommands(program);
  addPortalCommands(program);
  addKeyCommands(program);
  addRestoredCommand(program);
  addCompletionCommand(program);
  addHelpCommand(program);
  describeBySummary(program);
  return program;
}
