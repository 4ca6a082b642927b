import { ApplicationFailure, CompleteAsyncError } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { faultOfDatabase } from '../store/database.ts';
import type { SystemicFault } from '../store/errors.ts';
import { faultOfStorage } from '../store/storage.ts';

/** How the product's own errors are coded: not as those of Node, of libraries or of the system. */
const OWN_CODE = /^(?!ERR_|E_|Z_|E[A-Z0-9]+$)[A-Z][A-Z0-9_]+$/;

/**
 * Gives the failures of activities a name that people are told when a request is paused (F1): the stable code and the message of
 * the product's own errors, and what to do of a disk or a database that fails. What a driver says stays out of histories: it may quote
 * what was written. Failures without such a name go on as they are.
 */
export function tellFaults<T extends object>(activities: T): T {
  const told = Object.entries(activities).map(
    ([name, act]: [string, (...args: unknown[]) => Promise<unknown>]) => [
      name,
      async (...args: unknown[]): Promise<unknown> => {
        try {
          return await act(...args);
        } catch (error) {
          throw named(error);
        }
      },
    ],
  );
  return Object.fromEntries(told) as T;
}

function named(error: unknown): unknown {
  if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) return error;
  const fault = faultOfDatabase(error) ?? faultOfStorage(error) ?? ownFault(error);
  if (fault === null) return error;
  return ApplicationFailure.create({ type: fault.code, message: fault.message });
}

function ownFault(error: unknown): SystemicFault | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  const { code, message } = error;
  return typeof code === 'string' && OWN_CODE.test(code) ? { code, message } : null;
}
