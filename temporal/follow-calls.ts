import { AsyncLocalStorage } from 'node:async_hooks';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { Headers } from '@temporalio/common';
import { withCall } from '../workflows/call-header.ts';

const calls = new AsyncLocalStorage<string>();

/** Does something in the name of an API call. @param call its `X-Request-Id` */
export function inCall<T>(call: string, work: () => T): T {
  return calls.run(call, work);
}

const named = <I extends { readonly headers: Headers }>(input: I): I => ({
  ...input,
  headers: withCall(input.headers, calls.getStore() ?? null),
});

/** Tells workflows by which API call they are started and commanded, so that their log lines have its id. */
export const followCalls: WorkflowClientInterceptor = {
  startWithDetails: (input, next) => next(named(input)),
  startUpdate: (input, next) => next(named(input)),
  signal: (input, next) => next(named(input)),
};
