import { hash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { isFinal } from '../domain/lifecycle.ts';
import type { RequestDocument } from '../store/requests.ts';
import type { Api } from './app.ts';
import type { ProgressAnswer } from './answers.ts';
import { showProgress } from './show-progress.ts';

/** How far a request was when it was looked at. */
export interface Look {
  /** as `progress` answers it, as JSON */
  data: string;
  /** names what it says, so that nothing is told twice to a watcher that comes again */
  id: string;
  /** whether nothing comes after it */
  over: boolean;
}

/** Somebody's watching of one request. */
export interface Watching {
  latest(): Look;
  /** The next look, whether it says something new or not. @throws what looking has thrown */
  next(): Promise<Look>;
  leave(): void;
}

/** Looks at requests for those who watch them: at each request once for all of its watchers, as long as there are any. */
export interface ProgressWatch {
  /** @throws what looking throws */
  watch(request: RequestDocument): Promise<Watching>;
}

interface Shared {
  watchers: number;
  latest: Look;
  next: PromiseWithResolvers<Look>;
}

const DEFAULT_EVENTS_MS = 1_000;

/**
 * The id of an event names what it says, so that nothing is told twice to a watcher that comes again. An expected end is another one at
 * every look: alone it is no news.
 */
function eventId(shown: ProgressAnswer): string {
  const news = JSON.stringify(shown, (key, value: unknown) => (key === 'expectedEnd' ? undefined : value));
  return hash('sha256', news, 'base64url').slice(0, 22);
}

export function createProgressWatch(api: Api, measures: Parameters<typeof showProgress>[1]): ProgressWatch {
  const shared = new Map<string, Shared>();

  const look = async (request: RequestDocument): Promise<Look> => {
    const shown = await showProgress(api, measures, request);
    return { data: JSON.stringify(shown), id: eventId(shown), over: isFinal(request.state) };
  };

  async function keepLooking(request: RequestDocument, all: Shared): Promise<void> {
    const { id } = request;
    while (!all.latest.over) {
      await wait(api.config.eventsMs ?? DEFAULT_EVENTS_MS);
      if (all.watchers === 0) break;
      const told = all.next;
      // nobody has to be waiting just now
      told.promise.catch(() => {});
      try {
        all.latest = await look((await api.stores.requests.get(id)) ?? request);
        all.next = Promise.withResolvers();
        told.resolve(all.latest);
      } catch (error) {
        shared.delete(id);
        told.reject(error);
        return;
      }
    }
    if (shared.get(id) === all) shared.delete(id);
  }

  return {
    async watch(request) {
      const { id } = request;
      let all = shared.get(id);
      if (all === undefined) {
        const latest = await look(request);
        all = shared.get(id);
        if (all === undefined) {
          all = { watchers: 0, latest, next: Promise.withResolvers() };
          shared.set(id, all);
          void keepLooking(request, all);
        }
      }
      const mine = all;
      mine.watchers += 1;
      return {
        latest: () => mine.latest,
        next: () => mine.next.promise,
        leave: () => void (mine.watchers -= 1),
      };
    },
  };
}
