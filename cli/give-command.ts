import { type Command, Option } from 'commander';
import type { MigrationAnswer } from '../api/answers.ts';
import { someText } from './arguments.ts';
import { perform, type Session } from './session.ts';
import { stateText } from './show-migration.ts';

/** A command to a request that takes nothing but a reason. */
interface GivenCommand {
  name: string;
  /** last part of its address, when that is another than the name */
  address?: string;
  summary: string;
  description?: string;
  reason: 'must' | 'may' | 'none';
  /** what is said when it was taken */
  done: string;
}

/** Why; it stands in the audit log and, where the requester is told, in the mail. */
export function reasonOption(reason: 'must' | 'may'): Option {
  const option = new Option('--reason <text>', 'why; it stands in the audit log').argParser(someText);
  return reason === 'must' ? option.makeOptionMandatory() : option;
}

/** Adds a command that is given to a request and answers the request as it stands. */
export function addGivenCommand(program: Command, definition: GivenCommand): void {
  const { name, address = name, summary, description = '', reason, done } = definition;
  const command = program.command(name).summary(summary).argument('<id>', 'id of the request');
  command.description(description);
  if (reason !== 'none') command.addOption(reasonOption(reason));
  const why = reason === 'must' ? ' --reason "..."' : '';
  const who = summary.includes('(operators)') ? ' --profile operator' : '';
  command
    .addHelpText('after', `\nExample:\n  deskferry ${name} m_01hx...${why}${who}`)
    .action((id: string, options: { reason?: string }, given: Command) =>
      perform(given, (session) => giveCommand(session, id, address, { reason: options.reason }, done)),
    );
}

/** Gives a command to a request, and tells how the request stands. */
export async function giveCommand(
  session: Session,
  id: string,
  address: string,
  body: Readonly<Record<string, unknown>>,
  done: string,
): Promise<void> {
  const api = await session.api();
  const path = `/v1/migrations/${encodeURIComponent(id)}/${address}`;
  const migration = await api.call<MigrationAnswer>('POST', path, body);
  session.output.result(migration, `${done}. Request ${migration.id} is ${stateText(migration)}.`);
}
