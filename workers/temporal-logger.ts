import { DefaultLogger, type Logger as TemporalLogger, type LogEntry } from '@temporalio/worker';
import type { Logger } from '../configuration/create-logger.ts';

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Sends what Temporal's SDK says into the process's own log. Names and ids only: an error's message stays out. */
export function temporalLogger(logger: Logger): TemporalLogger {
  return new DefaultLogger('INFO', ({ level, message, meta }: LogEntry) => {
    const { workflowId, runId, activityType, activityId, attempt, taskQueue, workflowType } = meta ?? {};
    // what follow-calls.ts and watch-activities.ts add
    const { requestId, command, migration, phase, tab } = meta ?? {};
    const failure: unknown = meta?.['error'];
    logger[LEVELS[level]](
      {
        requestId,
        workflowId,
        migration,
        phase,
        tab,
        command,
        runId,
        workflowType,
        activityType,
        activityId,
        attempt,
        taskQueue,
        ...(failure instanceof Error ? { error: failure.name, code: codeOf(failure) } : {}),
      },
      message,
    );
  });
}

function codeOf(failure: Error): unknown {
  const { code, type } = failure as { code?: unknown; type?: unknown };
  return code ?? type;
}
