import type { Command } from 'commander';
import { setTimeout as wait } from 'node:timers/promises';
import type { MigrationAnswer } from '../../api/answers.ts';
import type { ApiClient } from '../api-client.ts';
import { wholeNumber } from '../arguments.ts';
import { CommandFailure, EXIT, type ExitCode, usageFailure } from '../command-failure.ts';
import { addGivenCommand, giveCommand, reasonOption } from '../give-command.ts';
import { perform, type Session } from '../session.ts';
import { type FindingsAnswer, findingsText } from '../show-migration.ts';

/** How long the automatic checks are waited for, in milliseconds. */
const CHECKS_MS = 300_000;

interface LimitOptions {
  bytes?: number;
  files?: number;
  fileBytes?: number;
  reason: string;
}

/** What happens before approval: checks, findings, the team's decision (A4, A11, B1). */
export function addVerificationCommands(program: Command): void {
  program
    .command('precheck')
    .summary('run the automatic checks and show what they find')
    .description('Ends with 1 when something found is blocking.')
    .argument('<id>', 'id of the request')
    .addHelpText('after', '\nExample:\n  deskferry precheck m_01hx...')
    .action((id: string, _: object, command: Command) =>
      perform(command, (session) => checkAfter(session, id, 'precheck')),
    );
  program
    .command('findings')
    .summary('show what the automatic checks found last')
    .argument('<id>', 'id of the request')
    .addHelpText('after', '\nExample:\n  deskferry findings m_01hx... --json')
    .action((id: string, _: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        const findings = await readFindings(await api(), id);
        output.result(findings, findingsText(findings));
      }),
    );
  program
    .command('take')
    .summary('take a submitted request for verification (operators)')
    .description('Shows what the automatic checks find. Ends with 1 when something found is blocking.')
    .argument('<id>', 'id of the request')
    .addHelpText('after', '\nExample:\n  deskferry take m_01hx... --profile operator')
    .action((id: string, _: object, command: Command) =>
      perform(command, (session) => checkAfter(session, id, 'verification')),
    );
  addGivenCommand(program, {
    name: 'approve',
    summary: 'approve a request (operators)',
    reason: 'may',
    done: 'Approved; it waits for its turn',
  });
  addGivenCommand(program, {
    name: 'reject',
    summary: 'reject a request for good (operators)',
    reason: 'must',
    done: 'Rejected; the requester is told the reason',
  });
  addGivenCommand(program, {
    name: 'send-back',
    summary: 'send a request back for mending (operators)',
    reason: 'must',
    done: 'Sent back; the requester is told the reason',
  });
  program
    .command('limit')
    .summary('grant a request larger limits (operators)')
    .argument('<id>', 'id of the request')
    .option('--bytes <n>', 'all files together, in bytes', wholeNumber(1))
    .option('--files <n>', 'number of files', wholeNumber(1))
    .option('--file-bytes <n>', 'one file, in bytes', wholeNumber(1))
    .addOption(reasonOption('must'))
    .addHelpText(
      'after',
      '\nExample:\n  deskferry limit m_01hx... --bytes 20000000000 --reason "Agreed by phone" --profile operator',
    )
    .action((id: string, { bytes, files, fileBytes, reason }: LimitOptions, command: Command) =>
      perform(command, async (session) => {
        if (bytes === undefined && files === undefined && fileBytes === undefined) {
          throw usageFailure('Name a limit: --bytes, --files or --file-bytes.');
        }
        await giveCommand(session, id, 'limit', { bytes, files, fileBytes, reason }, 'Granted');
      }),
    );
}

function readFindings(api: ApiClient, id: string): Promise<FindingsAnswer> {
  return api.call<FindingsAnswer>('GET', `/v1/migrations/${encodeURIComponent(id)}/findings`);
}

/** Gives a command that runs the checks, waits for them, and tells what they found. */
async function checkAfter(session: Session, id: string, command: string): Promise<ExitCode> {
  const { output, signal } = session;
  const api = await session.api();
  const before = (await readFindings(api, id)).at;
  await api.call<MigrationAnswer>('POST', `/v1/migrations/${encodeURIComponent(id)}/${command}`, {});
  output.say('The automatic checks run ...');
  for (const deadline = Date.now() + CHECKS_MS; ; await wait(500, undefined, { signal })) {
    const found = await readFindings(api, id);
    if (found.at !== null && found.at !== before) {
      output.result(found, findingsText(found));
      return found.findings.some(({ severity }) => severity === 'blocking') ? EXIT.failed : EXIT.ok;
    }
    if (Date.now() > deadline) {
      throw new CommandFailure(EXIT.unavailable, 'checks-under-way', 'The checks have not ended yet.', [
        `Look again later: deskferry findings ${id}`,
      ]);
    }
  }
}
