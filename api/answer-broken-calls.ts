import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from './problem.ts';

/** Calls that never become one, by what the server's parser says of them. */
function problemOf({ code }: NodeJS.ErrnoException): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem(
        'headers-too-large',
        'Send less in the address and the headers: at most 16,384 bytes.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('headers-too-slow', 'Send the headers at once.');
    default:
      return new Problem('malformed-request', 'What was sent is not HTTP/1.1.');
  }
}

/** Answers what cannot be read as HTTP, or asks for a tunnel, with a problem document as well, and closes the connection. */
export function answerBrokenCalls(server: Server): void {
  const end = (socket: Socket, problem: Problem): void => {
    const body = JSON.stringify(problem.document(`urn:deskferry:call:${randomUUID()}`));
    socket.end(
      [
        `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
        'Content-Type: application/problem+json; charset=utf-8',
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Cache-Control: no-store',
        'X-Content-Type-Options: nosniff',
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
      // nothing more is read from it
      () => socket.destroy(),
    );
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else end(socket, problemOf(error));
  });
  server.on('connect', (_request, socket: Socket) => {
    end(socket, new Problem('malformed-request', 'This is no proxy: it opens no tunnels.'));
  });
}
