import { once } from 'node:events';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Tab } from '../domain/tab.ts';
import { type AllowedHosts, checkSourceAddress, guardedLookup } from './address-guard.ts';
import { readInventory, readPage } from './export-page.ts';
import type { HelpDeskApi } from './help-desk-api.ts';
import { SourceError } from './source-error.ts';

export interface ExportApiOptions {
  /** where the API begins, for example `https://desk.example/export` */
  address: string;
  key: string;
  allowed: AllowedHosts;
  /** ends what is under way */
  signal?: AbortSignal;
  /** the slowest an attachment may come; SLOWEST where nothing is said */
  slowest?: Slowest;
}

/** Below this average, once some time has passed, what comes only holds a worker. */
export interface Slowest {
  /** how long nothing is asked of it, in milliseconds */
  graceMs: number;
  bytesPerSecond: number;
}

const SLOWEST: Slowest = { graceMs: 60_000, bytesPerSecond: 1_000 };

/** How many records a page is asked to have; it may have fewer. */
const PAGE_RECORDS = 200;
/** An answer of JSON may weigh so much: a page of a few records at their largest. */
const LARGEST_ANSWER = 64_000_000;
/** The most an attachment may weigh (A4: a file). */
const LARGEST_FILE = 2_000_000_000;
/** How long the other side may be silent. */
const SILENCE_MS = 30_000;
/** How long an answer of JSON may take in all. */
const ANSWER_MS = 5 * 60_000;
const LONGEST_WAIT_MS = 3_600_000;
const USUAL_WAIT_MS = 30_000;

/**
 * The export API (docs/source-api.md) of a help desk, or of a bridge in front of one. Redirects are not followed, answers are limited
 * in size and time, and only public addresses are connected to.
 * @throws SourceError SOURCE_ADDRESS_REFUSED
 */
export function openExportApi({
  address,
  key,
  allowed,
  signal,
  slowest = SLOWEST,
}: ExportApiOptions): HelpDeskApi {
  const base = checkSourceAddress(address, allowed);
  const isSecure = base.protocol === 'https:';
  const agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const ask = isSecure ? httpsRequest : httpRequest;
  const lookup = guardedLookup(base, allowed);
  const root = base.pathname.replace(/\/+$/, '');

  /** @param what how messages call it: paths may hold ids */
  async function get(
    path: string,
    what: string,
    query: Record<string, string | null>,
  ): Promise<IncomingMessage> {
    const url = new URL(base);
    url.pathname = `${root}/${path}`;
    for (const [name, value] of Object.entries(query)) {
      if (value !== null) url.searchParams.set(name, value);
    }
    const call = ask(url, {
      agent,
      lookup,
      timeout: SILENCE_MS,
      ...(signal === undefined ? {} : { signal }),
      headers: { authorization: `Bearer ${key}`, 'accept-encoding': 'identity', 'user-agent': 'deskferry' },
    });
    let answer: IncomingMessage | null = null;
    call.on('timeout', () => (answer ?? call).destroy(new Error('SILENT')));
    // behind the answer's head a fault is told by the answer
    call.on('error', () => {});
    call.end();
    try {
      [answer] = (await once(call, 'response')) as [IncomingMessage];
      return answer;
    } catch (error) {
      throw unreachable(what, error);
    }
  }

  async function json(path: string, query: Record<string, string | null>): Promise<Buffer> {
    const answer = await get(path, path, query);
    if (answer.statusCode !== 200) throw refusal(answer, path);
    const deadline = setTimeout(() => answer.destroy(new Error('SLOW')), ANSWER_MS);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of limited(answer, path, LARGEST_ANSWER)) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    } finally {
      clearTimeout(deadline);
    }
  }

  return {
    async inventory(since) {
      return readInventory(await json('tabs', { since }));
    },
    async page(tab: Tab, { after, since }) {
      const page = readPage(await json(tab, { after, since, limit: String(PAGE_RECORDS) }));
      if (page.next !== null && page.next === after) {
        throw new SourceError(
          'SOURCE_ANSWER_BAD',
          `The source's page of ${tab} names itself as the next one.`,
        );
      }
      return page;
    },
    async file(attachment) {
      // a path of dots would lead elsewhere
      if (/^\.{1,2}$/.test(attachment)) return null;
      const what = 'an attachment';
      const answer = await get(`attachments/${encodeURIComponent(attachment)}/file`, what, {});
      if (answer.statusCode === 200) return limited(answer, what, LARGEST_FILE, slowest);
      const fault = refusal(answer, what);
      if (answer.statusCode === 404 || answer.statusCode === 410) return null;
      throw fault;
    },
    close: () => agent.destroy(),
  };
}

/** @throws SourceError when it is too large, breaks off, falls silent, or comes too slowly */
async function* limited(
  answer: IncomingMessage,
  what: string,
  most: number,
  slowest: Slowest | null = null,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  // the time its reader takes is not the source's
  let waited = 0;
  let asked = performance.now();
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) {
        throw new SourceError('SOURCE_ANSWER_BAD', `The source's answer to ${what} is over ${most} bytes.`);
      }
      waited += performance.now() - asked;
      const late = slowest === null ? 0 : waited - slowest.graceMs;
      if (slowest !== null && late > 0 && bytes * 1_000 < late * slowest.bytesPerSecond)
        throw new Error('SLOW');
      yield chunk;
      asked = performance.now();
    }
  } catch (error) {
    throw unreachable(what, error);
  } finally {
    answer.destroy();
  }
}

/** What an answer other than 200 says; its body is not read. */
function refusal(answer: IncomingMessage, what: string): SourceError {
  const status = answer.statusCode ?? 0;
  answer.destroy();
  if (status === 401 || status === 403) {
    return new SourceError(
      'SOURCE_KEY_REFUSED',
      `The source answers ${status} to ${what}: its key does not work, or lacks the right to read it.`,
    );
  }
  if (status === 429 || status === 503) {
    const wait = retryAfter(answer.headers['retry-after']);
    return new SourceError('SOURCE_BUSY', `The source answers ${status} to ${what}.`, wait);
  }
  if (status >= 500) return new SourceError('SOURCE_UNREACHABLE', `The source answers ${status} to ${what}.`);
  const redirects = status >= 300 && status < 400 ? ', a redirect, which is not followed' : '';
  return new SourceError('SOURCE_ANSWER_BAD', `The source answers ${status}${redirects} to ${what}.`);
}

/** In milliseconds. @param header seconds, or a date (RFC 9110) */
function retryAfter(header: string | undefined): number {
  const seconds = /^\d{1,9}$/.test(header ?? '') ? Number(header) : NaN;
  const wait = Number.isNaN(seconds) ? Date.parse(header ?? '') - Date.now() : seconds * 1_000;
  return Number.isNaN(wait) ? USUAL_WAIT_MS : Math.min(Math.max(wait, 1_000), LONGEST_WAIT_MS);
}

function unreachable(what: string, error: unknown): Error {
  if (error instanceof SourceError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const code = (error as { code?: unknown }).code;
  const why =
    typeof code === 'string'
      ? code
      : error instanceof Error && /^[A-Z]+$/.test(error.message)
        ? error.message
        : 'BROKEN';
  return new SourceError('SOURCE_UNREACHABLE', `The source cannot be reached for ${what} (${why}).`);
}
