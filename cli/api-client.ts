import { createWriteStream, openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A problem document the API answered with (RFC 9457). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, detail: string) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.type = type;
  }
}

/** Speaks the HTTP API (requirements: H) with one key. */
export interface ApiClient {
  /** The parsed answer; `body` is sent as JSON. @throws ApiProblem */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Sends a file as a raw body. @throws ApiProblem */
  upload<T>(path: string, file: string): Promise<T>;
  /** A reply with files (E1), as a form. @throws ApiProblem */
  reply<T>(path: string, text: string, files: { name: string; path: string }[]): Promise<T>;
  /** Writes an answer's body to a file. @throws ApiProblem */
  download(path: string, file: string): Promise<void>;
}

/** @param url where the API is, without a slash at the end */
export function createApiClient(url: string, key: string): ApiClient {
  async function send(
    method: string,
    path: string,
    init: { body?: string | Blob | FormData; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const answer = await fetch(`${url}${path}`, {
      ...init,
      method,
      headers: { authorization: `Bearer ${key}`, ...init.headers },
    });
    if (answer.ok) return answer;
    const text = await answer.text();
    const problem = readProblem(text);
    throw new ApiProblem(
      answer.status,
      problem.type ?? 'about:blank',
      problem.detail ?? (text || answer.statusText),
    );
  }
  return {
    async call<T>(method: string, path: string, body?: unknown) {
      const init =
        body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      return (await (await send(method, path, init)).json()) as T;
    },
    async upload<T>(path: string, file: string) {
      const init = { body: await openAsBlob(file), headers: { 'content-type': 'application/octet-stream' } };
      return (await (await send('PUT', path, init)).json()) as T;
    },
    async reply<T>(path: string, text: string, files: { name: string; path: string }[]) {
      const form = new FormData();
      form.set('text', text);
      for (const file of files) form.append('files', await openAsBlob(file.path), file.name);
      return (await (await send('POST', path, { body: form })).json()) as T;
    },
    async download(path, file) {
      const answer = await send('GET', path);
      if (answer.body === null) throw new ApiProblem(answer.status, 'about:blank', 'the answer has no body');
      await pipeline(Readable.fromWeb(answer.body), createWriteStream(file));
    },
  };
}

function readProblem(text: string): { type?: string; detail?: string } {
  try {
    return JSON.parse(text) as { type?: string; detail?: string };
  } catch {
    return {};
  }
}
