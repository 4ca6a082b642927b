import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../configuration/create-logger.ts';
import type { Standing } from '../store/probe.ts';
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
 * Serves what those who run a worker process ask it: `/metrics`, its own measurements and those of Temporal's SDK in one answer;
 * `/healthz`, that it runs; `/readyz`, whether it can do its work.
 * @param sdkAddress what addressForSdkMetrics gave
 * @throws when the port is taken
 */
export async function serveMetrics(options: {
  host: string;
  port: number;
  sdkAddress: string;
  metrics: WorkerMetrics;
  /** what it needs, each as it is now */
  checks: () => Promise<Readonly<Record<string, Standing>>>;
  logger: Logger;
}): Promise<{ close: () => void }> {
  const { host, port, sdkAddress, metrics, checks, logger } = options;
  const answers: Record<string, () => Promise<Answer>> = {
    '/metrics': async () => {
      const [{ contentType, text }, sdk] = await Promise.all([metrics.read(), sdkMetrics(sdkAddress)]);
      return { status: 200, contentType, text: `${text}${sdk}` };
    },
    '/healthz': async () => inJson(200, { status: 'up' }),
    '/readyz': async () => {
      const found = await checks();
      const ready = Object.values(found).every((each) => each === 'up');
      return inJson(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', checks: found });
    },
  };
  const server = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers[request.url ?? ''] : undefined;
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    answer().then(
      ({ status, contentType, text }) => {
        response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
        response.end(text);
      },
      (error: unknown) => {
        logger.warn({ error: error instanceof Error ? error.name : typeof error }, 'not told how it stands');
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

interface Answer {
  status: number;
  contentType: string;
  text: string;
}

const inJson = (status: number, body: object): Answer => ({
  status,
  contentType: 'application/json',
  text: JSON.stringify(body),
});

async function sdkMetrics(address: string): Promise<string> {
  const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return answer.text();
}
