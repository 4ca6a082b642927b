import { createHash, createHmac } from 'node:crypto';
import type { Db } from 'mongodb';
import { insertNew } from './database.ts';

/** A POST that may come twice (H). */
export interface IdempotentCall {
  /** who calls: their name, and what they may see */
  principal: string;
  /** method and path */
  route: string;
  /** the Idempotency-Key header */
  key: string;
  /** hash of the body, see bodyHash */
  bodyHash: string;
  expiresAt: Date;
}

/**
 * `first`: go on, and finish or abandon it. `running`: the first call has not ended; it may have been lost in a crash, so doing it again
 * under the same `call` is right. `done`: what was answered. `otherBody`: the key was used for something else.
 * `call` names this call, fit to be an update id: when the key is used anew, after its time, that is another call.
 */
export type Begun =
  | { state: 'first' | 'running'; id: string; call: string }
  | { state: 'done'; id: string; status: number; answer: unknown }
  | { state: 'otherBody' };

export interface Idempotency {
  begin(call: IdempotentCall, now?: Date): Promise<Begun>;
  /** Keeps the answer; the first one stays. */
  finish(id: string, status: number, answer: unknown): Promise<void>;
  /** Forgets a call that did nothing, so that it can be made again. */
  abandon(id: string): Promise<void>;
  /** Removes what is past its time. @returns how many */
  removeExpired(now?: Date): Promise<number>;
  /** Whether a call under this key was answered, whatever its body. */
  isAnswered(call: Pick<IdempotentCall, 'principal' | 'route' | 'key'>, now?: Date): Promise<boolean>;
}

/** How many calls are looked at in one go. */
const PAGE = 1_000;

interface CallDocument {
  _id: string;
  bodyHash: string;
  expiresAt: Date;
  /** `answer` is JSON: its names may hold what a document's field names may not */
  answered: { status: number; answer: string } | null;
}

/** The `_id` of a call: what the same principal sends to the same route under the same key. */
function idempotencyId(call: Pick<IdempotentCall, 'principal' | 'route' | 'key'>): string {
  return hashOf(JSON.stringify([call.principal, call.route, call.key]));
}

/** What was begun again after its time has another end. */
function callOf(id: string, expiresAt: Date): string {
  return hashOf(`${id} ${expiresAt.getTime()}`);
}

/**
 * What tells a body from another one. It is keyed, because a body may hold a secret that could be guessed from its plain hash.
 * @param secret known to the processes of the service alone
 */
export function bodyHash(secret: string, body: string | Uint8Array): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

export function createIdempotency(db: Db): Idempotency {
  const calls = db.collection<CallDocument>('idempotency');
  return {
    async begin(call, now = new Date()) {
      const id = idempotencyId(call);
      const { bodyHash, expiresAt } = call;
      for (;;) {
        const first = { state: 'first', id, call: callOf(id, expiresAt) } as const;
        if (await insertNew(calls, { _id: id, bodyHash, expiresAt, answered: null })) return first;
        const fresh = await calls.replaceOne(
          { _id: id, expiresAt: { $lte: now } },
          { bodyHash, expiresAt, answered: null },
        );
        if (fresh.matchedCount === 1) return first;
        const found = await calls.findOne({ _id: id });
        // abandoned at this moment
        if (found === null) continue;
        if (found.bodyHash !== bodyHash) return { state: 'otherBody' };
        if (found.answered === null) return { state: 'running', id, call: callOf(id, found.expiresAt) };
        const { status, answer } = found.answered;
        return { state: 'done', id, status, answer: JSON.parse(answer) };
      }
    },
    async finish(id, status, answer) {
      await calls.updateOne(
        { _id: id, answered: null },
        { $set: { answered: { status, answer: JSON.stringify(answer ?? null) } } },
      );
    },
    async abandon(id) {
      await calls.deleteOne({ _id: id, answered: null });
    },
    async removeExpired(now = new Date()) {
      let removed = 0;
      const options = { projection: { expiresAt: 1 }, sort: { _id: 1 }, limit: PAGE } as const;
      for (let after = ''; ; ) {
        const page = await calls.find({ _id: { $gt: after } }, options).toArray();
        const expired = page.flatMap(({ _id, expiresAt }) => (expiresAt <= now ? [_id] : []));
        if (expired.length > 0) {
          // one of them may have begun anew
          const gone = { _id: { $in: expired }, expiresAt: { $lte: now } };
          removed += (await calls.deleteMany(gone)).deletedCount;
        }
        const last = page.at(-1);
        if (last === undefined || page.length < PAGE) return removed;
        after = last._id;
      }
    },
    async isAnswered(call, now = new Date()) {
      const known = { _id: idempotencyId(call), answered: { $ne: null }, expiresAt: { $gt: now } };
      return (await calls.findOne(known)) !== null;
    },
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
