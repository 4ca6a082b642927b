import { createConnection, createServer, type Socket } from 'node:net';

/** A way to a server of this machine that can be cut while it is used. */
export interface CutLine {
  port: number;
  /** Cuts what is connected; new connections get through. How many it were. */
  cut(): number;
  close(): void;
}

export async function startCutLine(to: number): Promise<CutLine> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = createConnection(to, '127.0.0.1');
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError('a TCP server has an address and port');
  const cut = (): number => {
    const count = sockets.size;
    for (const socket of sockets) socket.destroy();
    return count;
  };
  return {
    port: address.port,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
