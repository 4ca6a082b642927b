import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from '../configuration/create-logger.ts';
import { callIn } from '../workflows/call-header.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** What a line about an activity tells: ids and names only. */
type Facts = Readonly<Record<string, string | number>>;

/**
 * Measures every activity and logs that it is done, with the API call it is done for; what it logs itself, and what the SDK
 * says when it fails, has the same facts.
 */
export function watchActivities(logger: Logger, metrics: WorkerMetrics): ActivityInterceptorsFactory {
  return ({ info }) => {
    const { activityType: activity, attempt, workflowExecution } = info;
    let facts: Facts = {};
    return {
      inbound: {
        async execute(input, next) {
          const [argument] = input.args;
          const call = callIn(input.headers);
          facts = {
            ...(call === null ? {} : { requestId: call }),
            ...(workflowExecution === undefined ? {} : { workflowId: workflowExecution.workflowId }),
            ...placeOf(argument),
            activity,
            attempt,
          };
          const started = performance.now();
          const elapsed = (): number => Math.round(performance.now() - started);
          try {
            const result = await next(input);
            metrics.ended({ activity, argument, result, seconds: elapsed() / 1_000 });
            logger.info({ ...facts, ms: elapsed() }, 'done');
            return result;
          } catch (error) {
            metrics.failed({ activity, argument, seconds: elapsed() / 1_000 });
            throw error;
          }
        },
      },
      outbound: { getLogAttributes: (input, next) => next({ ...input, ...facts }) },
    };
  };
}

/** Which request, phase and tab an activity's argument names. */
function placeOf(argument: unknown): Facts {
  if (typeof argument !== 'object' || argument === null) return {};
  const { request, phase, tab, from, to, snapshot } = argument as Record<string, unknown>;
  const about = request ?? (snapshot as { request?: unknown } | undefined)?.request;
  const facts = { migration: about, phase, tab, from, to };
  return Object.fromEntries(
    Object.entries(facts).filter(
      (fact): fact is [string, string | number] => typeof fact[1] === 'string' || typeof fact[1] === 'number',
    ),
  );
}
