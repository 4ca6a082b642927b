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
 * others, three times at most; `fixed` says that a port was asked for, so that there are no others.
 */
export async function onFreePorts<T>(fixed: boolean, start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof StackError && /address already in use/i.test(error.message);
      if (fixed || !taken || attempt === ATTEMPTS) throw error;
    }
  }
}
