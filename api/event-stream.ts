import { once } from 'node:events';
import type { Response } from 'express';

/** An open stream of Server-Sent Events. */
export interface EventStream {
  /** Writes text, and waits while the reader is slower. */
  write(text: string): Promise<void>;
  closed(): boolean;
  end(): void;
}

/** Begins a stream of Server-Sent Events as the answer. */
export function openEventStream(response: Response): EventStream {
  response.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // tells nginx not to hold events back
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
  const closed = (): boolean => response.destroyed || response.writableEnded;
  return {
    closed,
    async write(text) {
      if (closed() || response.write(text)) return;
      const settled = new AbortController();
      const { signal } = settled;
      try {
        await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
      } finally {
        // the one that did not come would listen on for as long as the stream lives
        settled.abort();
      }
    },
    end: () => void response.end(),
  };
}
