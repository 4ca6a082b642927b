import type { UploadSummary } from '../domain/request.ts';

/** A file that is being received. */
export interface Place {
  /** counts in limits: the file's own key, unless another file of that name is being received, too */
  key: string;
  /** files of the same request that began to be received earlier and are not taken or refused yet */
  earlier: UploadSummary[];
  /** The file is taken or refused. */
  leave(): void;
}

/** The files that this process receives just now, so that many sent at once hold the limits together (A4). */
export interface FilesUnderWay {
  /**
   * @param key of the file, see uploadKey
   * @param bytes that its sender announced; 0 when it did not
   */
  enter(request: string, key: string, bytes: number): Place;
  /** Does work on one file (or anything else named by `key`) after what was asked for it before. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createFilesUnderWay(): FilesUnderWay {
  const receiving = new Map<string, Map<string, UploadSummary>>();
  const turns = new Map<string, Promise<unknown>>();
  let entered = 0;
  return {
    enter(request, key, bytes) {
      const ofRequest = receiving.get(request) ?? new Map<string, UploadSummary>();
      receiving.set(request, ofRequest);
      const place = ofRequest.has(key) ? `${key}#${++entered}` : key;
      const earlier = [...ofRequest.values()];
      ofRequest.set(place, { key: place, bytes });
      return {
        key: place,
        earlier,
        leave() {
          ofRequest.delete(place);
          if (ofRequest.size === 0 && receiving.get(request) === ofRequest) receiving.delete(request);
        },
      };
    },
    async inTurn(key, work) {
      const before = turns.get(key) ?? Promise.resolve();
      const now = before.then(work, work);
      turns.set(key, now);
      try {
        return await now;
      } finally {
        if (turns.get(key) === now) turns.delete(key);
      }
    },
  };
}
