import type { Audit } from '../store/audit.ts';

/**
 * F2: the sweep says in a request's audit log what happened in Temporal.
 * @param at numbers the entry: the moment at which a run ended or began is there once
 * @param beside what ran beside the request's own process, and numbers apart
 */
export function noteBySweep(
  { audit }: { audit: Pick<Audit, 'append'> },
  request: string,
  at: number,
  action: string,
  reason: string,
  beside = '',
): Promise<void> {
  const writer = `sweep ${beside}`.trim();
  return audit.append({ request, sequence: at, at, by: 'system', action, reason, writer });
}
