import type { Request, Response } from 'express';
import { parseJson } from './parse-json.ts';
import { Problem } from './problem.ts';

/** What a JSON body may hold, in bytes. */
export const JSON_BYTES = 1_000_000;

/** A client that waits for a go-ahead before it sends a large body gets it here, after everything that can refuse it. */
export function continueIfExpected(request: Request, response: Response): void {
  if (request.get('expect')?.toLowerCase() === '100-continue') response.writeContinue();
}

/** The slowest a body may come: below this average, once some time has passed. */
export interface Slowest {
  /** how long nothing is asked of it, in milliseconds */
  graceMs: number;
  bytesPerSecond: number;
}

export const SLOWEST: Slowest = { graceMs: 60_000, bytesPerSecond: 1_000 };

/**
 * Tells when a body comes so slowly that it only holds a connection. (One that does not come at all is ended by the server's
 * idle timeout.)
 * @returns a function to be called with the size of every piece; it throws Problem `body-too-slow`
 */
export function watchPace(request: Request): (bytes: number) => void {
  const { graceMs, bytesPerSecond } = (request.app.locals as { slowest: Slowest }).slowest;
  const begun = performance.now();
  let total = 0;
  return (bytes) => {
    total += bytes;
    const late = performance.now() - begun - graceMs;
    if (late > 0 && total * 1_000 < late * bytesPerSecond) {
      throw new Problem('body-too-slow', `Send at least ${bytesPerSecond} bytes a second.`);
    }
  };
}

/** The body of a call as it comes. @throws Problem `body-too-slow` while it is read */
export async function* bodyOf(request: Request): AsyncGenerator<Uint8Array> {
  const came = watchPace(request);
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    came(part.byteLength);
    yield part;
  }
}

export function hasBody(request: Request): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}

/** The media type of the body in lower case, without its parameters. */
export function mediaType(request: Request): string {
  return (request.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a JSON body; a call without a body counts as `{}`, so that a bare POST gives a command.
 * @param most bytes the body may have
 * @throws Problem `unsupported-media-type`, `body-too-large`, `malformed-json`, `invalid-body`
 */
export async function readJson(
  request: Request,
  response: Response,
  most: number,
): Promise<{ value: unknown; raw: Buffer }> {
  if (!hasBody(request)) return { value: {}, raw: Buffer.alloc(0) };
  if (mediaType(request) !== 'application/json') {
    throw new Problem('unsupported-media-type', 'Send the body as Content-Type: application/json.');
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.get('content-type') ?? '')?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) {
    throw new Problem('unsupported-media-type', 'Send the body in UTF-8; JSON is always sent as UTF-8.');
  }
  refuseEncodings(request);
  const raw = await readAll(request, response, most);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    throw new Problem('malformed-json', 'The body is not UTF-8; JSON is always sent as UTF-8.');
  }
  return { value: parseJson(text), raw };
}

/** @throws Problem for a body that is compressed */
export function refuseEncodings(request: Request): void {
  const encoding = request.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new Problem(
      'unsupported-media-type',
      `Send the body as it is, without Content-Encoding: ${encoding}.`,
    );
  }
}

async function readAll(request: Request, response: Response, most: number): Promise<Buffer> {
  const tooLarge = new Problem('body-too-large', `Send at most ${most.toLocaleString('en')} bytes of JSON.`);
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge;
  continueIfExpected(request, response);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of bodyOf(request)) {
    bytes += part.byteLength;
    if (bytes > most) throw tooLarge;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
