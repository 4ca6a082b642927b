import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { once } from 'node:events';

/** A piece of a body: text as it is, or so many bytes of a file, from its beginning or from another place. */
export type BodyPart = { text: string } | { file: string; from?: number; bytes: number };

export interface BodySent {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}

export interface BodyToSend {
  method: 'PUT' | 'POST' | 'PATCH';
  url: URL;
  headers: Readonly<Record<string, string>>;
  parts: readonly BodyPart[];
  signal?: AbortSignal;
  /** takes how many bytes of the body went out so far */
  onSent?: (bytes: number) => void;
  /** takes every byte that goes out */
  onBytes?: (chunk: Uint8Array) => void;
}

/** A server that knows nothing of `Expect: 100-continue` gets the body after this time all the same. */
const GO_AHEAD_MS = 1_000;

const sizeOf = (part: BodyPart): number => ('text' in part ? Buffer.byteLength(part.text) : part.bytes);

async function* bytesOf(parts: readonly BodyPart[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if ('text' in part) yield Buffer.from(part.text);
    // its size was told before: what is written to it meanwhile is not sent
    else if (part.bytes > 0) {
      const { file, from = 0, bytes } = part;
      const stream = createReadStream(file, { start: from, end: from + bytes - 1, highWaterMark: 262_144 });
      yield* stream as AsyncIterable<Buffer>;
    }
  }
}

/**
 * Sends a body of any size without holding it, telling how far it is. What the server refuses by its head alone is not sent.
 * @throws the error of the connection or of the file; AbortError when the signal ends it
 */
export async function sendBody(options: BodyToSend): Promise<BodySent> {
  const { url, method, headers, parts, signal, onSent, onBytes } = options;
  const length = parts.reduce((sum, part) => sum + sizeOf(part), 0);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = send(url, {
    method,
    headers: { ...headers, 'content-length': String(length), expect: '100-continue' },
    ...(signal === undefined ? {} : { signal }),
  });
  const ended = new Promise<BodySent>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.once('response', (answer) => {
      readText(answer).then(
        (text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
        reject,
      );
    });
  });
  let answered = false;
  const over = ended.then(
    () => void (answered = true),
    () => void (answered = true),
  );
  outgoing.flushHeaders();
  await Promise.race([once(outgoing, 'continue').catch(() => {}), pause(GO_AHEAD_MS), over]);
  try {
    let sent = 0;
    for await (const chunk of bytesOf(parts)) {
      if (answered) break;
      onBytes?.(chunk);
      if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain').catch(() => {}), over]);
      sent += chunk.length;
      onSent?.(sent);
    }
    if (!answered) outgoing.end();
    return await ended;
  } catch (error) {
    ended.catch(() => {});
    throw error;
  } finally {
    outgoing.destroy();
  }
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The SHA-256 of a file, hexadecimal. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
