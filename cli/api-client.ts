import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BodyPart, type BodyToSend, sendBody } from './send-body.ts';

/** One fault of what was sent, as a problem document lists it. */
export interface ProblemFault {
  pointer?: string;
  parameter?: string;
  detail: string;
}

/** A problem document the API answered with (RFC 9457). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly type: string;
  readonly errors: readonly ProblemFault[];
  constructor(status: number, type: string, detail: string, errors: readonly ProblemFault[] = []) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.type = type;
    this.errors = errors;
  }
}

/** Nothing answers where the API should be, or the connection broke. */
export class ServiceUnreachable extends Error {
  readonly code = 'UNREACHABLE';
  constructor(url: string, why: string) {
    super(`Deskferry does not answer at ${url} (${why}).`);
    this.name = 'ServiceUnreachable';
  }
}

/** What arrived is not what was read: the file changed while it was sent. */
export class UploadDiffers extends Error {
  readonly code = 'UPLOAD_DIFFERS';
  constructor(file: string) {
    super(`${file} changed while it was sent; what arrived is not what stands in it now.`);
    this.name = 'UploadDiffers';
  }
}

/** Tells how many bytes went out so far, and of how many. */
export type OnSent = (sent: number, total: number) => void;

/** A body of any size with its headers. */
export type BodyOf = Pick<BodyToSend, 'headers' | 'parts' | 'onSent' | 'onBytes'>;

/** Speaks the HTTP API (requirements: H) with one key. Every call throws ApiProblem or ServiceUnreachable. */
export interface ApiClient {
  /** where the API is, without a slash at the end */
  readonly url: string;
  /** The parsed answer, undefined where there is none; `body` is sent as JSON. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Sends a file as a raw body, and compares what arrived by its SHA-256. @throws UploadDiffers */
  upload<T>(path: string, file: string, onSent?: OnSent): Promise<T>;
  /** A reply with files (E1), as a form. */
  reply<T>(
    path: string,
    text: string,
    files: { name: string; path: string }[],
    more?: { mapping?: unknown; onSent?: OnSent },
  ): Promise<T>;
  /** Writes an answer's body to a file. */
  download(path: string, file: string): Promise<void>;
  /** An answer as it comes, its head and its body. */
  open(path: string, init?: { method?: string; headers?: Record<string, string> }): Promise<Response>;
  /** Sends a body of any size; the answer's text. */
  send(method: BodyToSend['method'], path: string, body: BodyOf): Promise<string>;
}

/**
 * @param url where the API is, without a slash at the end
 * @param signal ends what is under way
 */
export function createApiClient(url: string, key: string, signal?: AbortSignal): ApiClient {
  const authorization = `Bearer ${key}`;

  async function send(
    method: string,
    path: string,
    init: { body?: string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization, ...init.headers };
    // a POST that is repeated because its answer was lost is done once
    if (method === 'POST') headers['idempotency-key'] = randomUUID();
    const once = (): Promise<Response> =>
      fetch(`${url}${path}`, { ...init, method, headers, ...(signal === undefined ? {} : { signal }) });
    let answer: Response;
    try {
      answer = await once().catch((error: unknown) => {
        if (!isBrokenOff(error)) throw error;
        return once();
      });
    } catch (error) {
      throw unreachable(url, error);
    }
    if (!answer.ok) throw problemFrom(answer.status, await answer.text());
    return answer;
  }

  async function sendParts(method: BodyToSend['method'], path: string, body: BodyOf): Promise<string> {
    try {
      const answer = await sendBody({
        ...body,
        method,
        url: new URL(`${url}${path}`),
        headers: { authorization, ...body.headers },
        ...(signal === undefined ? {} : { signal }),
      });
      if (answer.status >= 300) throw problemFrom(answer.status, answer.text);
      return answer.text;
    } catch (error) {
      throw unreachable(url, error);
    }
  }

  return {
    url,
    send: sendParts,
    async call<T>(method: string, path: string, body?: unknown) {
      const init =
        body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      const answer = await send(method, path, init);
      const text = await answer.text();
      return (text === '' ? undefined : parseAnswer(url, text)) as T;
    },
    async upload<T>(path: string, file: string, onSent?: OnSent) {
      const { size } = await stat(file);
      const hash = createHash('sha256');
      const text = await sendParts('PUT', path, {
        headers: { 'content-type': 'application/octet-stream' },
        parts: [{ file, bytes: size }],
        onBytes: (chunk) => void hash.update(chunk),
        ...(onSent === undefined ? {} : { onSent: (sent: number) => onSent(sent, size) }),
      });
      const answer = parseAnswer(url, text) as T & { sha256?: string };
      if (answer.sha256 !== undefined && answer.sha256 !== hash.digest('hex')) throw new UploadDiffers(file);
      return answer;
    },
    async reply<T>(
      path: string,
      text: string,
      files: { name: string; path: string }[],
      { mapping, onSent }: { mapping?: unknown; onSent?: OnSent } = {},
    ) {
      const boundary = `deskferry-${randomUUID()}`;
      const fields = [
        ['text', text],
        ...(mapping === undefined ? [] : [['mapping', JSON.stringify(mapping)]]),
      ];
      const parts: BodyPart[] = fields.map(([name, value]) => ({
        text: `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      }));
      for (const file of files) {
        const head = `--${boundary}\r\nContent-Disposition: form-data; name="files"; filename="${quoted(file.name)}"`;
        parts.push({ text: `${head}\r\nContent-Type: application/octet-stream\r\n\r\n` });
        parts.push({ file: file.path, bytes: (await stat(file.path)).size }, { text: '\r\n' });
      }
      parts.push({ text: `--${boundary}--\r\n` });
      const total = parts.reduce((sum, part) => sum + ('file' in part ? part.bytes : 0), 0);
      const answer = await sendParts('POST', path, {
        headers: {
          'content-type': `multipart/form-data; boundary=${boundary}`,
          'idempotency-key': randomUUID(),
        },
        parts,
        ...(onSent === undefined ? {} : { onSent: (sent: number) => onSent(Math.min(sent, total), total) }),
      });
      return parseAnswer(url, answer) as T;
    },
    async download(path, file) {
      const answer = await send('GET', path);
      if (answer.body === null) throw new ApiProblem(answer.status, 'about:blank', 'the answer has no body');
      try {
        await pipeline(
          Readable.fromWeb(answer.body),
          createWriteStream(file),
          ...(signal === undefined ? [] : [{ signal }]),
        );
      } catch (error) {
        throw unreachable(url, error);
      }
    },
    open: (path, { method = 'GET', headers = {} } = {}) => send(method, path, { headers }),
  };
}

/** A name within the quotes of a form's header, as busboy reads it. */
const quoted = (name: string): string => name.replaceAll(/["\\]/g, '\\$&');

function causeOf(error: unknown): { code?: unknown; message?: string } {
  if (!(error instanceof Error)) return {};
  const { cause } = error;
  return cause instanceof Error ? cause : error;
}

/** The connection was there and broke, as it does when the service starts anew. */
function isBrokenOff(error: unknown): boolean {
  return ['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE'].includes(String(causeOf(error).code));
}

const CONNECTION =
  /^(?:E[A-Z]+|UND_ERR_\w+|HPE_\w+|ERR_(?:TLS|SSL|STREAM_PREMATURE_CLOSE|INVALID_PROTOCOL)\w*|[A-Z_]*CERT[A-Z_]*)$/;
const OF_FILES = new Set([
  'ENOENT',
  'EACCES',
  'EISDIR',
  'ENOSPC',
  'EROFS',
  'EIO',
  'EMFILE',
  'ENOTDIR',
  'EPERM',
]);

/** The error of a connection as ServiceUnreachable; every other one as it is. */
function unreachable(url: string, error: unknown): unknown {
  if (error instanceof ApiProblem || !(error instanceof Error) || error.name === 'AbortError') return error;
  const { code } = causeOf(error);
  if (typeof code === 'string' && CONNECTION.test(code) && !OF_FILES.has(code)) {
    return new ServiceUnreachable(url, code);
  }
  return error instanceof TypeError ? new ServiceUnreachable(url, 'the call failed') : error;
}

function problemFrom(status: number, text: string): ApiProblem {
  const problem = readProblem(text);
  const detail = problem.detail ?? `The answer was ${status}, and it is not one of Deskferry's.`;
  return new ApiProblem(status, problem.type ?? 'about:blank', detail, problem.errors ?? []);
}

function readProblem(text: string): { type?: string; detail?: string; errors?: ProblemFault[] } {
  try {
    return JSON.parse(text) as { type?: string; detail?: string; errors?: ProblemFault[] };
  } catch {
    return {};
  }
}

function parseAnswer(url: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ApiProblem(502, 'about:blank', `What answers at ${url} is not Deskferry: it sends no JSON.`);
  }
}
