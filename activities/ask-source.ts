import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { assertNever } from '../domain/assert-never.ts';
import type { HelpDeskApi } from '../sources/help-desk-api.ts';
import { SourceError } from '../sources/source-error.ts';
import { beatWhile } from './beat.ts';

/** Opens the source of a request with its key. @throws SourceError */
export type OpenSource = (request: string) => Promise<HelpDeskApi>;

/** A wait this short is spent within the activity; for a longer one it ends and comes back. */
const SHORT_WAIT_MS = 60_000;
/** How long the source is left alone after it could not be reached, one time after the other. */
const PATIENCE_MS = [1_000, 5_000, 20_000] as const;
/** How often in a row it may ask for a short wait. */
const MOST_WAITS = 30;

/**
 * Works with a request's source.
 * @throws ApplicationFailure named by the SourceError's code: final where trying again cannot help, else with the wait the source asks for
 */
export async function withSource<T>(
  open: OpenSource,
  request: string,
  work: (source: HelpDeskApi) => Promise<T>,
): Promise<T> {
  let source: HelpDeskApi | null = null;
  try {
    source = await open(request);
    return await work(source);
  } catch (error) {
    throw error instanceof SourceError ? failureOf(error) : error;
  } finally {
    source?.close();
  }
}

/** Asks until there is an answer: a source that is busy, or away for a moment, is waited for. @throws SourceError */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  let failures = 0;
  for (let waits = 0; ; waits++) {
    try {
      return await beatWhile(ask());
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      let pause: number | null = null;
      if (error.code === 'SOURCE_BUSY' && waits < MOST_WAITS) pause = error.retryAfterMs;
      if (error.code === 'SOURCE_UNREACHABLE') pause = PATIENCE_MS[failures++] ?? null;
      if (pause === null || pause > SHORT_WAIT_MS) throw error;
      await beatWhile(wait(pause));
    }
  }
}

function failureOf(error: SourceError): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: isFinal(error),
    ...(error.retryAfterMs === null ? {} : { nextRetryDelay: error.retryAfterMs }),
  });
}

function isFinal({ code }: SourceError): boolean {
  switch (code) {
    case 'SOURCE_KEY_REFUSED':
    case 'SOURCE_KEY_MISSING':
    case 'SOURCE_ADDRESS_REFUSED':
    case 'SOURCE_ANSWER_BAD':
    case 'SOURCE_COUNT_DIFFERS':
      return true;
    case 'SOURCE_UNREACHABLE':
    case 'SOURCE_BUSY':
      return false;
    default:
      return assertNever(code);
  }
}
