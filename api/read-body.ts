import type { Request, Response } from 'express';
import { Problem } from './problem.ts';

/** What a JSON body may hold, in bytes. */
export const JSON_BYTES = 1_000_000;

/** A client that waits for a go-ahead before it sends a large body gets it here, after everything that can refuse it. */
export function continueIfExpected(request: Request, response: Response): void {
  if (request.get('expect')?.toLowerCase() === '100-continue') response.writeContinue();
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
 * @throws Problem `unsupported-media-type`, `body-too-large`, `malformed-json`
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
  refuseEncodings(request);
  const raw = await readAll(request, response, most);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    throw new Problem('malformed-json', 'The body is not UTF-8; JSON is always sent as UTF-8.');
  }
  try {
    return { value: JSON.parse(text) as unknown, raw };
  } catch (error) {
    // the parser's message may quote the body; only the place is told
    const place = /position \d+(?: \(line \d+ column \d+\))?/.exec(
      error instanceof Error ? error.message : '',
    )?.[0];
    throw new Problem(
      'malformed-json',
      `Correct the JSON of the body${place === undefined ? '' : ` at ${place}`}.`,
    );
  }
}

/** @throws Problem for a body that is compressed or in another charset */
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
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > most) throw tooLarge;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
