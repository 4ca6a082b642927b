import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** An OpenTelemetry collector on the loopback interface, as far as tests need one: OTLP over HTTP, in JSON. */
export interface Collector {
  endpoint: string;
  spans: { traceId: string; name: string; service: string }[];
  bodies: Buffer[];
  close(): void;
}

interface Sent {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: { traceId: string; name: string }[] }[];
  }[];
}

export async function collectTraces(): Promise<Collector> {
  const spans: Collector['spans'] = [];
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(body);
      for (const { resource, scopeSpans } of (JSON.parse(body.toString('utf8')) as Sent).resourceSpans) {
        const named = resource.attributes.find(({ key }) => key === 'service.name');
        for (const { traceId, name } of scopeSpans.flatMap((scope) => scope.spans))
          spans.push({ traceId, name, service: named?.value.stringValue ?? '' });
      }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
