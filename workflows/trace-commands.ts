import { proxySinks, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';
import { traceIn } from './call-header.ts';

/** Where workflows tell what they were started and commanded by. */
export interface TraceSinks extends Sinks {
  trace: {
    /** @param carrier W3C trace context of who asked */
    took(what: string, carrier: Record<string, string>): void;
  };
}

const { trace } = proxySinks<TraceSinks>();

/**
 * Loaded into workflows where traces are asked for. It only tells: a wrapper that waits for what it wraps would let what comes at
 * the same moment go on in another order, and a history written without it could not be replayed.
 */
export function interceptors(): WorkflowInterceptors {
  return {
    inbound: [
      {
        execute: (input, next) => {
          trace.took('RunWorkflow', traceIn(input.headers));
          return next(input);
        },
        handleUpdate: (input, next) => {
          trace.took(`HandleUpdate:${input.name}`, traceIn(input.headers));
          return next(input);
        },
        handleSignal: (input, next) => {
          trace.took(`HandleSignal:${input.signalName}`, traceIn(input.headers));
          return next(input);
        },
      },
    ],
  };
}
