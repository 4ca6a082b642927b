import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { type AddressInfo, connect } from 'node:net';
import express from 'express';
import { expect, it } from 'vitest';
import { openEventStream } from './event-stream.ts';

it('H: nothing is kept up for a reader that does not read, and its leaving ends the stream', async () => {
  const piece = `data: ${'x'.repeat(64_000)}\n\n`;
  let written = 0;
  let waiting = 0;
  let listeners = 0;
  const ended = Promise.withResolvers<void>();
  const app = express();
  app.get('/', async (_request, response) => {
    const stream = openEventStream(response);
    while (!stream.closed()) {
      await stream.write(piece);
      written += 1;
      waiting = Math.max(waiting, response.writableLength);
      listeners = Math.max(listeners, response.listenerCount('close'));
    }
    ended.resolve();
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  // as much as the system takes for a connection is written, and then no more
  const settled = async (): Promise<number> => {
    const before = written;
    await wait(300);
    return before > 0 && before === written ? written : settled();
  };
  await settled();
  expect(written).toBeGreaterThan(0);
  expect(waiting).toBeLessThan(4 * piece.length);
  expect(listeners).toBeLessThan(10);
  socket.destroy();
  await ended.promise;
  server.close();
});
