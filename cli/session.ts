import type { Command } from 'commander';
import { type ApiClient, createApiClient } from './api-client.ts';
import { CommandFailure, EXIT, type ExitCode, explainFailure, interrupted } from './command-failure.ts';
import { type AccessGiven, credentialsFile, findAccess, isExposed, isUnprotected } from './credentials.ts';
import { createOutput, type Output } from './output.ts';

/** Options every command has. */
export interface CommonOptions extends AccessGiven {
  json?: boolean;
}

/** What a command works with. */
export interface Session {
  output: Output;
  given: CommonOptions;
  /** ends with Ctrl-C */
  signal: AbortSignal;
  /** The API with this user's key; Ctrl-C ends its calls. @throws CommandFailure without a login */
  api: () => Promise<ApiClient>;
  /** The same, for calls that must not be cut off: Ctrl-C takes effect after them. */
  steadyApi: () => Promise<ApiClient>;
}

/**
 * Runs a command: gives it what it works with, tells why it failed, and sets the exit code. Ctrl-C ends what is under way;
 * a second one ends at once.
 */
export async function perform(
  command: Command,
  work: (session: Session) => Promise<ExitCode | void>,
): Promise<void> {
  const given = command.optsWithGlobals<CommonOptions>();
  const output = createOutput(given.json === true);
  const control = new AbortController();
  const stop = (): void => {
    if (control.signal.aborted) process.exit(EXIT.interrupted);
    control.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  try {
    const session: Session = {
      output,
      given,
      signal: control.signal,
      api: () => openApi(given, output, control.signal),
      steadyApi: () => openApi(given, output),
    };
    process.exitCode = (await work(session)) ?? EXIT.ok;
  } catch (error) {
    const failure =
      control.signal.aborted && !(error instanceof CommandFailure) ? interrupted() : explainFailure(error);
    output.failed(failure);
    process.exitCode = failure.exit;
  }
}

let warned = false;

async function openApi(given: CommonOptions, output: Output, signal?: AbortSignal): Promise<ApiClient> {
  const access = await findAccess(given);
  if (!warned) {
    warned = true;
    if (given.keyFile === undefined && (await isExposed())) {
      output.warn(`Others on this machine can read ${credentialsFile()}; mend it: chmod 600 <that file>`);
    }
    if (isUnprotected(access.url)) output.warn(`The key goes to ${access.url} unprotected; use https.`);
  }
  return createApiClient(access.url, access.key, signal);
}
