import { ApplicationFailure } from '@temporalio/common';
import type { State } from '../domain/lifecycle.ts';
import type { MigrationRecord } from './migration-record.ts';
import type { Command, Refusal } from './messages.ts';

/** Refuses a command: what is wrong and what to do. Thrown by a validator, it leaves no trace in the history. */
export function refuse(type: Refusal, message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** @throws WRONG_STATE unless the request is in one of the states */
export function requireState(record: MigrationRecord, states: readonly State[], command: string): void {
  if (!states.includes(record.state)) {
    refuse(
      'WRONG_STATE',
      `The request is ${record.state}; ${command} is possible only while it is ${states.join(' or ')}.`,
    );
  }
  if (record.stopping !== null)
    refuse('NOT_ALLOWED', 'The migration is being stopped; nothing else can be done with it.');
}

/** @throws NOT_ALLOWED unless an operator gives the command */
export function requireOperator(command: Command, what: string): void {
  if (!isOperator(command)) refuse('NOT_ALLOWED', `Only an operator can ${what}.`);
}

export function isOperator(command: Command): boolean {
  return command.by.startsWith('operator:');
}
