import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import { answerBrokenCalls } from './answer-broken-calls.ts';

/** A listening API. */
export interface Listening {
  /** the port it has got */
  port: number;
  server: Server;
  /** Takes no new calls, lets those under way end for a while, then closes their connections. */
  close(): Promise<void>;
}

const GRACE_MS = 10_000;

/** How long the server waits for a caller, in milliseconds. */
export interface Patience {
  /** until the headers of a call are whole */
  headersMs: number;
  /** on a connection on which nothing happens */
  idleMs: number;
}

const PATIENCE: Patience = { headersMs: 30_000, idleMs: 120_000 };

/**
 * Serves the API. A caller that announces a large body (`Expect: 100-continue`) is told to go on only after
 * everything that can refuse it has been looked at.
 * @param port 0 takes a free one
 * @param host where to listen; everywhere when left out
 */
export async function listen(
  app: Express,
  port: number,
  host?: string,
  { headersMs, idleMs }: Patience = PATIENCE,
): Promise<Listening> {
  const server = createServer(
    {
      // uploads of gigabytes take long; what stalls is ended by the idle timeout
      requestTimeout: 0,
      // the API refuses it itself, as a problem
      requireHostHeader: false,
      headersTimeout: headersMs,
      connectionsCheckingInterval: headersMs / 2,
    },
    app,
  );
  server.timeout = idleMs;
  server.on('checkContinue', app);
  // what else a caller may expect of the server means nothing here, and is no reason to refuse the call
  server.on('checkExpectation', app);
  answerBrokenCalls(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    server,
    async close() {
      // event streams end by themselves, and are begun anew elsewhere
      app.locals['stopping'] = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
