import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Fetches `url` into `file`. Gives up when no answer has begun within `answerWithinMs` or when the whole has not come
 * within `wholeWithinMs`. Throws on any of that and on every status but 2xx; the caller decides what comes instead.
 */
export async function download(
  url: string,
  file: string,
  limits: { answerWithinMs: number; wholeWithinMs: number },
): Promise<void> {
  const answerLimit = new AbortController();
  const timer = setTimeout(() => answerLimit.abort(new Error('no answer in time')), limits.answerWithinMs);
  const signal = AbortSignal.any([answerLimit.signal, AbortSignal.timeout(limits.wholeWithinMs)]);
  try {
    const response = await fetch(url, { signal, redirect: 'follow' });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file), { signal });
  } finally {
    clearTimeout(timer);
  }
}
