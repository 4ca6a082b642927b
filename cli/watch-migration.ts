import { setTimeout as wait } from 'node:timers/promises';
import { ApiProblem, type ApiClient, ServiceUnreachable } from './api-client.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import type { ProgressAnswer } from '../api/answers.ts';
import { isFinal } from '../domain/lifecycle.ts';

/** An event of a stream of Server-Sent Events. */
interface ServerEvent {
  id: string;
  data: string;
}

async function* readEvents(answer: Response): AsyncGenerator<ServerEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [line.split(':', 1)[0] ?? '', line.replace(/^[^:]*: ?/, '')]),
      );
      text = text.slice(end + 2);
      const data = fields.get('data');
      if (data !== undefined) yield { id: fields.get('id') ?? '', data };
    }
  }
}

/** How long a service that was there may be away, in milliseconds. */
const AWAY_MS = 300_000;

/**
 * Follows a migration as its progress changes, until `enough`. A service that goes away is waited for.
 * @param onAway told once each time it goes away
 * @throws CommandFailure when it stays away; ApiProblem when the migration may not be seen
 */
export async function watchMigration(
  api: ApiClient,
  id: string,
  options: {
    enough: (progress: ProgressAnswer) => boolean;
    onProgress: (progress: ProgressAnswer) => void;
    onAway: () => void;
    signal: AbortSignal;
  },
): Promise<ProgressAnswer> {
  const { signal } = options;
  let last: { id: string; progress: ProgressAnswer } | null = null;
  let away: number | null = null;
  for (;;) {
    try {
      const headers = last === null ? {} : { 'last-event-id': last.id };
      const answer = await api.open(`/v1/migrations/${encodeURIComponent(id)}/events`, { headers });
      away = null;
      if (answer.status === 204 && last !== null) return last.progress;
      for await (const event of readEvents(answer)) {
        const progress = JSON.parse(event.data) as ProgressAnswer;
        last = { id: event.id, progress };
        options.onProgress(progress);
        if (options.enough(progress) || isFinal(progress.state)) {
          await answer.body?.cancel().catch(() => {});
          return progress;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (last === null || !mayPass(error)) throw error;
      if (away === null) options.onAway();
      away ??= Date.now();
      if (Date.now() - away > AWAY_MS) {
        throw new CommandFailure(EXIT.unavailable, 'unreachable', 'The service stays away.', [
          `The migration goes on by itself; look again later: deskferry watch ${id}`,
        ]);
      }
    }
    await wait(1_000, undefined, { signal });
  }
}

/** Whether an error may be over in a moment. */
function mayPass(error: unknown): boolean {
  if (error instanceof ApiProblem) return error.status >= 500 || error.status === 429;
  return error instanceof ServiceUnreachable || error instanceof TypeError;
}
