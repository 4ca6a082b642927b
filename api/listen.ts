import { createServer, type Server } from 'node:http';
import type { Express } from 'express';

/** A listening API. */
export interface Listening {
  /** the port it has got */
  port: number;
  server: Server;
  /** Takes no new calls, lets those under way end for a while, then closes their connections. */
  close(): Promise<void>;
}

const GRACE_MS = 10_000;

/**
 * Serves the API. A caller that announces a large body (`Expect: 100-continue`) is told to go on only after
 * everything that can refuse it has been looked at.
 * @param port 0 takes a free one
 * @param host where to listen; everywhere when left out
 */
export async function listen(app: Express, port: number, host?: string): Promise<Listening> {
  const server = createServer(
    {
      // uploads of gigabytes take long; what stalls is ended by the idle timeout
      requestTimeout: 0,
      headersTimeout: 30_000,
    },
    app,
  );
  server.timeout = 120_000;
  server.on('checkContinue', app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    server,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
