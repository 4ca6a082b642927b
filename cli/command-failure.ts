import { ApiProblem, ServiceUnreachable, UploadDiffers } from './api-client.ts';

/** How the command ends (docs/command.md). */
export const EXIT = {
  ok: 0,
  /** refused, or what was looked at is not as it should be */
  failed: 1,
  usage: 2,
  /** not there, or not allowed to see or do it */
  denied: 3,
  /** the service, or MongoDB, does not answer */
  unavailable: 4,
  /** Ctrl-C */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Why a command did not do what was asked, what to do about it, and how it ends. */
export class CommandFailure extends Error {
  /** stable, for programs */
  readonly code: string;
  readonly exit: ExitCode;
  /** what to do now, one line each */
  readonly remedies: readonly string[];
  /** what a program may want to know besides, such as the id of the request */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    exit: ExitCode,
    code: string,
    message: string,
    remedies: readonly string[] = [],
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'CommandFailure';
    this.code = code;
    this.exit = exit;
    this.remedies = remedies;
    this.members = members;
  }
}

export const usageFailure = (message: string, ...remedies: string[]): CommandFailure =>
  new CommandFailure(EXIT.usage, 'usage', message, remedies);

export const interrupted = (
  remedies: readonly string[] = [],
  members: Readonly<Record<string, unknown>> = {},
): CommandFailure => new CommandFailure(EXIT.interrupted, 'interrupted', 'Interrupted.', remedies, members);

/** The same failure with more to do about it, and more to know. */
export function withNext(
  failure: CommandFailure,
  remedies: readonly string[],
  members: Readonly<Record<string, unknown>>,
): CommandFailure {
  const { exit, code, message } = failure;
  return new CommandFailure(exit, code, message, [...failure.remedies, ...remedies], {
    ...failure.members,
    ...members,
  });
}

const PROBLEM_REMEDIES: Readonly<Record<string, string>> = {
  unauthenticated: 'Log in with a key that holds: deskferry login',
  'not-allowed':
    'A second key can stand beside the first: deskferry login --profile operator, then add --profile operator',
  'blocking-findings': 'See them with: deskferry findings <id>',
};

const FILE_TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read or written by you',
  EPERM: 'may not be read or written by you',
  EISDIR: 'is a folder',
  ENOTDIR: 'stands in something that is no folder',
  ENOSPC: 'does not fit: the disk is full',
  EROFS: 'cannot be written: the disk is read-only',
};

/** Any error as a failure that tells what is wrong and what to do, without a trace. */
export function explainFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ApiProblem) return fromProblem(error);
  if (error instanceof ServiceUnreachable) {
    return new CommandFailure(EXIT.unavailable, 'unreachable', error.message, [
      'Is it running, and is that its address? Look with: deskferry login --help',
    ]);
  }
  if (error instanceof UploadDiffers) {
    return new CommandFailure(EXIT.failed, 'upload-differs', error.message, ['Send it again.']);
  }
  if (!(error instanceof Error)) return new CommandFailure(EXIT.failed, 'unexpected', 'Something failed.');
  const { code, path } = error as NodeJS.ErrnoException;
  const trouble = code === undefined ? undefined : FILE_TROUBLE[code];
  if (trouble !== undefined && path !== undefined) {
    return new CommandFailure(code === 'ENOENT' ? EXIT.usage : EXIT.failed, 'file', `${path} ${trouble}.`);
  }
  return new CommandFailure(EXIT.failed, 'unexpected', `This should not have happened: ${error.message}`);
}

function fromProblem({ status, type, message, errors }: ApiProblem): CommandFailure {
  const code = type.replace(/^urn:deskferry:problem:/, '').replace(/^about:blank$/, `http-${status}`);
  const known = PROBLEM_REMEDIES[code];
  const faults = errors.map((fault) =>
    `${[fault.pointer, fault.parameter].filter(Boolean).join(' ')} ${fault.detail}`.trim(),
  );
  return new CommandFailure(
    exitOf(status),
    code,
    message,
    [...faults, ...(known === undefined ? [] : [known])],
    {
      status,
      ...(errors.length === 0 ? {} : { errors }),
    },
  );
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403 || status === 404) return EXIT.denied;
  // too many calls counts too: a moment later it is taken
  if (status >= 500 || status === 429) return EXIT.unavailable;
  return EXIT.failed;
}
