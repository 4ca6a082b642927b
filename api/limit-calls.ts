import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { Problem } from './problem.ts';

/**
 * Counts calls in one-minute windows and refuses those beyond a limit with 429 and Retry-After.
 * @param perMinute calls of one caller
 * @param callerOf what a caller is told apart by
 */
export function limitCalls(perMinute: number, callerOf: (request: Request) => string): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // what proxies are trusted is configured; what it finds wrong with that would be written to the console
    validate: false,
    keyGenerator: callerOf,
    handler: () => {
      throw new Problem('too-many-requests', 'Wait as long as Retry-After says, then go on more slowly.');
    },
  });
}

/** The caller's network address; of an IPv6 address the network, of which one caller has very many. */
export function addressOf(request: Request): string {
  return ipKeyGenerator(request.ip ?? '');
}
