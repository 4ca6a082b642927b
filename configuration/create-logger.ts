import { type Logger, pino } from 'pino';
import type { LogLevel } from './read-configuration.ts';

export type { Logger } from 'pino';

/**
 * Structured logs, one JSON object a line on standard output. What could be a secret is taken out by name, as a second
 * wall: nothing personal or secret is given to a logger in the first place.
 * @param process what writes, for example `api`
 */
export function createLogger(level: LogLevel, process: string): Logger {
  return pino({
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
  });
}
