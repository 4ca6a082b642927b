import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before an API process (`node --import`): holds every answer it gives against the OpenAPI document, and writes a line of what
 * does not agree. Other processes go on as they are.
 */
export const UNDESCRIBED = 'not as the OpenAPI document describes it: ';

if (process.argv[1]?.replaceAll('\\', '/').endsWith('/api/serve.ts') === true) {
  const [{ Contract }, { describeRoutes }] = await Promise.all([
    import('./contract.ts'),
    import('../../api/describe-api.ts'),
  ]);
  const contract = new Contract(describeRoutes(''), (violation) =>
    process.stderr.write(`${UNDESCRIBED}${violation}\n`),
  );
  const { createServer } = http;
  http.createServer = ((...given: Parameters<typeof createServer>) => {
    const server = createServer(...given);
    // the process listens for calls itself before it is watched
    setImmediate(() => contract.watch(server));
    return server;
  }) as typeof createServer;
  syncBuiltinESMExports();
}
