import { createServer } from 'node:net';
import { StackError } from './errors.ts';

const ATTEMPTS = 3;

/** Gives a TCP port of the loopback interface that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP server has an address and port');
  return address.port;
}

/**
 * Starts a server that was given free ports. When another process took one of them in between, it is started again on
 * others, three times at most.
 * @param asked ports that were asked for, where they were: instead of these there are no others
 * @throws whatever `start` throws
 */
export async function onFreePorts<T>(
  asked: readonly (number | undefined)[],
  start: () => Promise<T>,
): Promise<T> {
  const fixed = asked.filter((port) => port !== undefined);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof StackError) || !isOfFreePort(error.message, fixed))
        throw error;
    }
  }
}

/** Whether a server ended since a port was taken, and that was none that was asked for. */
function isOfFreePort(message: string, asked: readonly number[]): boolean {
  const told = message.split('\n').findLast((line) => /address already in use/i.test(line));
  if (told === undefined) return false;
  if (asked.length === 0) return true;
  const port = /:(\d{1,5})\b(?=[^\d]*address already in use)/i.exec(told)?.[1];
  return port !== undefined && !asked.includes(Number(port));
}
