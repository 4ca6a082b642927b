import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import { isDatabaseAway } from '../store/database.ts';
import { StorageUnavailable } from '../store/storage.ts';
import type { Api } from './app.ts';
import { answerOnce } from './answer-once.ts';
import { CommandRefused, MigrationNotRunning } from './migration-workflows.ts';
import { NOBODY, nothingPresented, type Principal, requireStillKnown } from './principal.ts';
import { Problem, storageFull, unavailable } from './problem.ts';
import type { Route } from './route.ts';
import { sendAnswer, sendProblem } from './send-answer.ts';

/** What is known of a call from its start to its line in the log. */
interface Occurrence {
  id: string;
  principal: Principal | null;
}

/** A body that takes longer than this leaves time for its key to be revoked. */
const LONG_MS = 1_000;

const occurrences = new WeakMap<Request, Occurrence>();

/** The id of a call: the caller's own `X-Request-Id` where it is harmless, else a new one. */
export function occurrence(request: Request): Occurrence {
  let known = occurrences.get(request);
  if (known === undefined) {
    const given = request.get('x-request-id');
    known = {
      id: given !== undefined && /^[A-Za-z0-9._-]{8,100}$/.test(given) ? given : randomUUID(),
      principal: null,
    };
    occurrences.set(request, known);
  }
  return known;
}

/** Answers the calls of one route: who may call it, what was sent, what comes back. */
export function answerCalls(api: Api, route: Route) {
  return async (request: Request, response: Response): Promise<void> => {
    const { principal } = occurrence(request);
    const signed = route.signed === true && request.query['signature'] !== undefined;
    if (route.who !== 'public' && principal === null && !signed) throw nothingPresented();
    if (route.who !== 'public' && principal !== null && !route.who.includes(principal.role)) {
      throw new Problem(
        'not-allowed',
        `This is for ${route.who.map((role) => `${role}s`).join(' and ')}; use a key of that role.`,
      );
    }
    const call = { principal: principal ?? NOBODY, request, response, log: api.logger };
    const begun = performance.now();
    const { raw, run } = await route.prepare(call);
    if (principal !== null && performance.now() - begun > LONG_MS) await requireStillKnown(api, call);
    const once = route.method === 'post' && route.idempotent === undefined;
    const answer = once ? await answerOnce(api, call, raw, run) : await run();
    if (answer !== null) sendAnswer(response, answer);
  };
}

/** The name of an error and where it was thrown; its message may quote what a person typed, and is left out. */
function traceOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { thrown: typeof error };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const cause = error.cause === undefined ? {} : { cause: traceOf(error.cause) };
  const code =
    'code' in error && ['string', 'number'].includes(typeof error.code) ? { code: error.code } : {};
  return { name: error.name, ...code, frames: frames.slice(0, 12).map((line) => line.trim()), ...cause };
}

/** The problem an error is told as. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof CommandRefused) return error.problem();
  if (error instanceof MigrationNotRunning) {
    return new Problem(
      'wrong-state',
      'The request is closed for good: nothing more is done on it. File a new one.',
    );
  }
  if (error instanceof URIError || (error instanceof Error && 'status' in error && error.status === 400)) {
    return new Problem(
      'malformed-request',
      'The address holds a percent sign that is not followed by two hexadecimal digits.',
    );
  }
  if (isDatabaseAway(error)) return unavailable('The database does not answer.');
  const full = storageFull(error);
  if (full !== null) return full;
  if (error instanceof StorageUnavailable) return unavailable('The storage does not answer.');
  return new Problem(
    'internal-error',
    'Nothing you sent caused this. Try again; if it stays, tell the team the instance above.',
  );
}

/** The last handler: every error becomes a problem document, and the unexpected ones a line in the log. */
export function answerProblems(api: Api) {
  return async (error: unknown, request: Request, response: Response, _next: NextFunction): Promise<void> => {
    const { id } = occurrence(request);
    const problem = problemOf(error);
    const gone = request.destroyed && !request.complete;
    if (problem.status >= 500 && !gone) {
      api.logger[problem.status === 500 ? 'error' : 'warn'](
        { requestId: id, problem: problem.code, error: traceOf(error) },
        'call failed',
      );
    }
    await sendProblem(request, response, problem, `urn:deskferry:call:${id}`);
  };
}
