import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between a command and the service, and breaks uploads after their first bytes. */
export interface BrokenLine {
  url: string;
  /** settles when an upload has begun and stands still */
  stalled: Promise<void>;
  /** where each call of a resumable upload began */
  offsets: number[];
  /** how many of the calls that are cut off have not come yet */
  away(): number;
  close(): Promise<void>;
}

/**
 * @param target address of the service
 * @param breaks what becomes of the first upload, of the second, ...; the rest goes through
 * @param passes how many bytes of a broken upload go through
 * @param arrived settles when the service has got some of what went through; only then the line is cut
 * @param away calls that are cut off before they reach the service, each twice: the command calls once more by itself
 */
export async function startBrokenLine(
  target: string,
  breaks: readonly ('stall' | 'cut')[],
  passes: number,
  away: readonly RegExp[] = [],
  arrived: () => Promise<unknown> = async () => {},
): Promise<BrokenLine> {
  const still = away.flatMap((each) => [each, each]);
  const { promise: stalled, resolve: hasStalled } = Promise.withResolvers<void>();
  const offsets: number[] = [];
  let uploads = 0;
  const server = createServer((given, answer) => {
    const { method, url, headers } = given;
    const cut = still.findIndex((each) => each.test(`${method} ${url}`));
    if (cut >= 0) {
      still.splice(cut, 1);
      given.socket.destroy();
      return;
    }
    const onward = request(`${target}${url}`, { method, headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    if (method === 'PATCH' && headers['upload-offset'] !== undefined) {
      offsets.push(Number(headers['upload-offset']));
    }
    const isUpload = url?.includes('/files/') === true || headers['upload-offset'] !== undefined;
    const broken = isUpload ? breaks[uploads++] : undefined;
    if (broken === undefined) {
      given.pipe(onward);
      return;
    }
    let passed = 0;
    given.on('data', (chunk: Buffer) => {
      if (passed >= passes) return;
      const through = chunk.subarray(0, passes - passed);
      passed += through.length;
      if (passed < passes) {
        onward.write(through);
        return;
      }
      given.pause();
      // what has passed is on its way before the line breaks
      onward.write(through, () => {
        if (broken === 'stall') hasStalled();
        else void arrived().finally(() => given.socket.destroy());
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stalled,
    offsets,
    away: () => still.length,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
