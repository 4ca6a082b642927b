import { type Command, Option } from 'commander';
import { readFile } from 'node:fs/promises';
import { createApiClient } from '../api-client.ts';
import { CommandFailure, EXIT, usageFailure } from '../command-failure.ts';
import {
  checkedKey,
  checkedUrl,
  credentialsFile,
  forgetAccess,
  isUnprotected,
  keepAccess,
  readCredentials,
} from '../credentials.ts';
import { readKey } from '../read-key.ts';
import { perform, type Session } from '../session.ts';

/** `login`, `logout`: which service is spoken to, with whose key. */
export function addAccessCommands(program: Command): void {
  program
    .command('login')
    .summary('keep the address of the service and a key for it')
    .description(
      'Checks a key with the service and keeps both in a file that only you can read. The key is read from standard input, typed without being shown, or taken from --key-file; it is no argument, because arguments can be seen by others.',
    )
    .addHelpText(
      'after',
      `
Examples:
  deskferry login --url https://deskferry.example.com
  deskferry login --url https://deskferry.example.com --key-file operator.key --profile operator
  pass show deskferry | deskferry login --url https://deskferry.example.com`,
    )
    .action((_: object, command: Command) => perform(command, login));
  program
    .command('logout')
    .summary('forget a key')
    .description('Removes what login kept. The key itself goes on working until it is revoked.')
    .addHelpText('after', '\nExample:\n  deskferry logout --profile operator')
    .action((_: object, command: Command) => perform(command, logout));
}

/** The options that say where the service is and as whom; every command takes them. */
export const ACCESS_OPTIONS: readonly Option[] = [
  new Option('--profile <name>', 'which login').default('default'),
  new Option('--url <address>', 'address of the service, when it is not the one of the login'),
  new Option('--key-file <file>', 'file that holds the key, when it is not the one of the login'),
];

async function login({ output, given, signal }: Session): Promise<void> {
  const before = (await readCredentials()).get(given.profile)?.url;
  const address = given.url ?? before;
  if (address === undefined) {
    throw usageFailure('Where is the service?', 'deskferry login --url https://deskferry.example.com');
  }
  const url = checkedUrl(address);
  if (isUnprotected(url)) output.warn(`The key will go to ${url} unprotected; use https.`);
  const key =
    given.keyFile === undefined
      ? checkedKey(await readKey(`Key for ${url}: `), 'Standard input')
      : checkedKey(await readFile(given.keyFile, 'utf8'), given.keyFile);
  const answer = await createApiClient(url, key, signal).call<{ items?: unknown }>(
    'GET',
    '/v1/migrations?limit=1',
  );
  if (!Array.isArray(answer?.items)) {
    throw new CommandFailure(EXIT.unavailable, 'not-deskferry', `What answers at ${url} is not Deskferry.`);
  }
  await keepAccess(given.profile, { url, key });
  const file = credentialsFile();
  const which = given.profile === 'default' ? '' : ` as profile ${given.profile}`;
  output.result({ profile: given.profile, url, file }, `Logged in to ${url}${which}.\nKept in ${file}`);
}

async function logout({ output, given }: Session): Promise<void> {
  if (!(await forgetAccess(given.profile))) {
    throw new CommandFailure(EXIT.denied, 'not-logged-in', `There is no login ${given.profile}.`);
  }
  output.result({ profile: given.profile }, `Forgot the key of profile ${given.profile}.`);
}
