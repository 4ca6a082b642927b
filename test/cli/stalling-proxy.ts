import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between a command and the service, and stops an upload after its first bytes. */
export interface StallingProxy {
  url: string;
  /** settles when an upload has begun and stands still */
  stalled: Promise<void>;
  close(): Promise<void>;
}

/** @param target address of the service */
export async function startStallingProxy(target: string): Promise<StallingProxy> {
  const { promise: stalled, resolve: hasStalled } = Promise.withResolvers<void>();
  const server = createServer((given, answer) => {
    const onward = request(
      `${target}${given.url}`,
      { method: given.method, headers: given.headers },
      (from) => {
        answer.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(answer);
      },
    );
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    if (given.method !== 'PUT' || given.url?.includes('/files/') !== true) {
      given.pipe(onward);
      return;
    }
    given.once('data', (first: Buffer) => {
      given.pause();
      onward.write(first.subarray(0, 100));
      hasStalled();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stalled,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
