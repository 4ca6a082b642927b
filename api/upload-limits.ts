import { assertNever } from '../domain/assert-never.ts';
import type { Limits } from '../domain/lifecycle.ts';
import { type LimitBreach, limitBreach, type UploadSummary } from '../domain/request.ts';
import type { Refusal } from '../workflows/messages.ts';
import type { Api } from './app.ts';
import { Problem, type ProblemCode } from './problem.ts';
import type { ByteCap } from './receive-file.ts';

const CODES: Readonly<Record<LimitBreach, ProblemCode>> = {
  TOO_MANY_FILES: 'too-many-files',
  FILE_TOO_LARGE: 'file-too-large',
  FILES_TOO_LARGE: 'files-too-large',
};

function sizeOf(bytes: number): string {
  return bytes % 1_000_000_000 === 0 ? `${bytes / 1_000_000_000} GB` : `${bytes.toLocaleString('en')} bytes`;
}

function explained(breach: LimitBreach, limits: Limits): string {
  switch (breach) {
    case 'TOO_MANY_FILES':
      return `At most ${limits.files} files are taken`;
    case 'FILE_TOO_LARGE':
      return `A file may hold at most ${sizeOf(limits.fileBytes)}`;
    case 'FILES_TOO_LARGE':
      return `All files together may hold at most ${sizeOf(limits.totalBytes)}`;
    default:
      return assertNever(breach);
  }
}

/** A4: a request over a limit is told whom to ask for a larger one. */
function overLimit(api: Api, breach: LimitBreach, limits: Limits): Problem {
  const { supportAddress } = api.config;
  return new Problem(
    CODES[breach],
    `${explained(breach, limits)}. Write to ${supportAddress} and name this request: the migration team can grant a larger limit.`,
    {
      members: {
        supportAddress,
        limits: { files: limits.files, fileBytes: limits.fileBytes, bytes: limits.totalBytes },
      },
    },
  );
}

/** A4: what a workflow refused for a limit is told with the support address, too; null for any other refusal. */
export function refusedForLimit(api: Api, refusal: Refusal, limits: Limits): Problem | null {
  switch (refusal) {
    case 'TOO_MANY_FILES':
    case 'FILE_TOO_LARGE':
    case 'FILES_TOO_LARGE':
      return overLimit(api, refusal, limits);
    default:
      return null;
  }
}

/**
 * A4: what one more file may weigh.
 * @param present files taken so far; one with the new file's key is replaced
 * @param key of the new file
 * @param declared bytes its sender announced; undefined when it did not
 * @throws Problem at once when the file cannot be taken at all
 */
export function capOf(
  api: Api,
  limits: Limits,
  present: readonly UploadSummary[],
  key: string,
  declared: number | undefined,
): ByteCap {
  const breach = limitBreach(limits, present, [{ key, bytes: declared ?? 0 }]);
  if (breach !== null) throw overLimit(api, breach, limits);
  const others = present.reduce((sum, file) => sum + (file.key === key ? 0 : file.bytes), 0);
  const remaining = limits.totalBytes - others;
  return remaining < limits.fileBytes
    ? { bytes: remaining, refusal: overLimit(api, 'FILES_TOO_LARGE', limits) }
    : { bytes: limits.fileBytes, refusal: overLimit(api, 'FILE_TOO_LARGE', limits) };
}
