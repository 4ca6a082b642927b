import { log, type WorkflowInterceptors } from '@temporalio/workflow';
import { callIn, withCall } from './call-header.ts';

/**
 * Loaded into every workflow of a worker: the API call that started it, or commanded it last, goes along to its activities and
 * children and into its log lines. Commands, their order and their arguments stay as they are.
 */
export function interceptors(): WorkflowInterceptors {
  let call: string | null = null;
  return {
    inbound: [
      {
        execute: (input, next) => {
          call = callIn(input.headers) ?? call;
          return next(input);
        },
        handleUpdate: (input, next) => {
          call = callIn(input.headers) ?? call;
          log.info('took a command', { command: input.name });
          return next(input);
        },
        handleSignal: (input, next) => {
          call = callIn(input.headers) ?? call;
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: withCall(input.headers, call) }),
        startChildWorkflowExecution: (input, next) =>
          next({ ...input, headers: withCall(input.headers, call) }),
        continueAsNew: (input, next) => next({ ...input, headers: withCall(input.headers, call) }),
        getLogAttributes: (input, next) => next(call === null ? input : { ...input, requestId: call }),
      },
    ],
  };
}
