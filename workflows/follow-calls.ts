import type { Headers } from '@temporalio/common';
import { log, type WorkflowInterceptors } from '@temporalio/workflow';
import { callIn, goingAlong } from './call-header.ts';

/**
 * Loaded into every workflow of a worker: the API call that started it, or commanded it last, and its trace go along to its activities
 * and children and into its log lines. Commands, their order and their arguments stay as they are.
 */
export function interceptors(): WorkflowInterceptors {
  let along: Headers = {};
  const take = (headers: Headers): void => {
    along = goingAlong(headers) ?? along;
  };
  const sent = <I extends { readonly headers: Headers }>(input: I): I => ({
    ...input,
    headers: { ...input.headers, ...along },
  });
  return {
    inbound: [
      {
        execute: (input, next) => {
          take(input.headers);
          return next(input);
        },
        handleUpdate: (input, next) => {
          take(input.headers);
          log.info('took a command', { command: input.name });
          return next(input);
        },
        handleSignal: (input, next) => {
          take(input.headers);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(sent(input)),
        startChildWorkflowExecution: (input, next) => next(sent(input)),
        continueAsNew: (input, next) => next(sent(input)),
        getLogAttributes: (input, next) => {
          const call = callIn(along);
          return next(call === null ? input : { ...input, requestId: call });
        },
      },
    ],
  };
}
