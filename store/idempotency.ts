import { createHash } from 'node:crypto';
import type { Db } from 'mongodb';
import { insertNew } from './database.ts';

/** A POST that may come twice (H). */
export interface IdempotentCall {
  /** who calls: the key holder's name */
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
 * `first`: go on, and finish or abandon it; `id` is also fit to be an update id. `running`: the first call has not ended; it may
 * have been lost in a crash, so doing it again under the same `id` is right. `done`: what was answered. `otherBody`: the
 * key was used for something else.
 */
export type Begun =
  | { state: 'first' | 'running'; id: string }
  | { state: 'done'; id: string; status: number; answer: unknown }
  | { state: 'otherBody' };

export interface Idempotency {
  begin(call: IdempotentCall, now?: Date): Promise<Begun>;
  /** Keeps the answer; the first one stays. */
  finish(id: string, status: number, answer: unknown): Promise<void>;
  /** Forgets a call that did nothing, so that it can be made again. */
  abandon(id: string): Promise<void>;
  /** Whether a call under this key was answered, whatever its body. */
  isAnswered(call: Pick<IdempotentCall, 'principal' | 'route' | 'key'>, now?: Date): Promise<boolean>;
}

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

export function bodyHash(body: string | Uint8Array): string {
  return hashOf(body);
}

export function createIdempotency(db: Db): Idempotency {
  const calls = db.collection<CallDocument>('idempotency');
  return {
    async begin(call, now = new Date()) {
      const id = idempotencyId(call);
      const { bodyHash, expiresAt } = call;
      if (await insertNew(calls, { _id: id, bodyHash, expiresAt, answered: null }))
        return { state: 'first', id };
      const fresh = await calls.replaceOne(
        { _id: id, expiresAt: { $lte: now } },
        { bodyHash, expiresAt, answered: null },
      );
      if (fresh.matchedCount === 1) return { state: 'first', id };
      const found = await calls.findOne({ _id: id });
      // abandoned at this moment
      if (found === null) return { state: 'running', id };
      if (found.bodyHash !== bodyHash) return { state: 'otherBody' };
      if (found.answered === null) return { state: 'running', id };
      const { status, answer } = found.answered;
      return { state: 'done', id, status, answer: JSON.parse(answer) };
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
    async isAnswered(call, now = new Date()) {
      const known = { _id: idempotencyId(call), answered: { $ne: null }, expiresAt: { $gt: now } };
      return (await calls.findOne(known)) !== null;
    },
  };
}

function hashOf(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}
