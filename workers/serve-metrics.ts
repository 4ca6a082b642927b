import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../configuration/create-logger.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** Where the SDK serves its own measurements: a port of the loopback interface that is free now. */
export async function addressForSdkMetrics(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

/**
 * Serves `/metrics` of a worker process: its own measurements and those of Temporal's SDK, in one answer.
 * @param sdkAddress what addressForSdkMetrics gave
 * @throws when the port is taken
 */
export async function serveMetrics(options: {
  host: string;
  port: number;
  sdkAddress: string;
  metrics: WorkerMetrics;
  logger: Logger;
}): Promise<{ close: () => void }> {
  const { host, port, sdkAddress, metrics, logger } = options;
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    Promise.all([metrics.read(), sdkMetrics(sdkAddress)]).then(
      ([own, sdk]) => {
        response.writeHead(200, { 'Content-Type': own.contentType, 'Cache-Control': 'no-store' });
        response.end(`${own.text}${sdk}`);
      },
      (error: unknown) => {
        logger.warn({ error: error instanceof Error ? error.name : typeof error }, 'measurements not told');
        response.writeHead(503).end();
      },
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  server.unref();
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function sdkMetrics(address: string): Promise<string> {
  const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return answer.text();
}
