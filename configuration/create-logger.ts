import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogLevel } from './read-configuration.ts';

export type { Logger } from 'pino';

/** How many bytes of lines are kept that cannot be written now; further ones are dropped. */
const KEPT_BYTES = 1_000_000;

/**
 * Standard output, line by line. A process goes on, and ends when it is told to, also when nobody reads it any more or its disk is
 * full: what is kept back for the end of a process, pino would try to write for ever.
 */
function standardOutput(): DestinationStream {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: KEPT_BYTES });
  destination.on('error', () => {});
  destination.flushSync = () => {};
  return destination;
}

/**
 * Structured logs, one JSON object a line on standard output. What could be a secret is taken out by name, as a second
 * wall: nothing personal or secret is given to a logger in the first place.
 * @param process what writes, for example `api`
 */
export function createLogger(level: LogLevel, process: string): Logger {
  return pino(
    {
      level,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          'authorization',
          'cookie',
          'apiKey',
          'key',
          'password',
          'secret',
          '*.authorization',
          '*.apiKey',
          '*.password',
        ],
        censor: '[taken out]',
      },
    },
    standardOutput(),
  );
}
