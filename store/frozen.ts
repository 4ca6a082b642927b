import { hash } from 'node:crypto';
import { type Db, MongoBulkWriteError } from 'mongodb';
import type { Phase } from '../domain/phase.ts';

/** What a phase consults of the portal, as it was when the phase started. */
export interface FrozenContext {
  /** the only "now" the import knows */
  startedAt: Date;
  /** what stands for a time that the source lacks: the start of the request's first phase */
  importTime: Date;
  portal: string;
  scope: string;
  primaryContact: { agentId: string; name: string; mail: string };
  departments: { id: string; name: string; default: boolean }[];
  statuses: string[];
}

/** How far the context of a phase is frozen. */
export type FreezePoint = 'start' | 'agents' | 'contacts';

/**
 * What is looked up by a mail address or a name: `agentBefore`, `contactBefore`, `accountBefore` who was in the portal before
 * the phase and is not this request's own; `agent` all agents after the agents tab; `contact` contacts of this request.
 */
export type FrozenKind = 'agentBefore' | 'agent' | 'contactBefore' | 'accountBefore' | 'contact';

export interface FrozenEntry {
  deskId: string;
  /** epoch milliseconds of the record's created time; the oldest of several counts */
  since: number;
  /** agents only; an active one counts before an inactive one */
  active: boolean;
}

interface EntryDocument extends FrozenEntry {
  _id: string;
}

/** A context as it stands. */
export interface StandingContext extends FrozenContext {
  done: FreezePoint[];
  /** whose entries count, by point: those of the attempt that froze it first; an earlier version had no names */
  frozenBy?: Partial<Record<FreezePoint, string>>;
}
type ContextDocument = StandingContext & { _id: string };

/** Where entries are. */
export interface FrozenPlace {
  request: string;
  phase: Phase;
  kind: FrozenKind;
  /** the attempt that keeps them, null when they are not one attempt's */
  attempt: string | null;
}

export interface Frozen {
  /** Begins a phase's context; one that is there already stays. */
  begin(request: string, phase: Phase, context: FrozenContext): Promise<void>;
  find(request: string, phase: Phase): Promise<StandingContext | null>;
  /** Says that an attempt has frozen a point to its end; what another one has frozen of it before stays what counts. */
  reached(request: string, phase: Phase, point: FreezePoint, attempt: string): Promise<void>;
  /** Keeps entries, of several with one key the one that counts. In any order and again: the same result. */
  keep(place: FrozenPlace, entries: ReadonlyMap<string, FrozenEntry>): Promise<void>;
  lookUp(place: FrozenPlace, keys: readonly string[]): Promise<Map<string, FrozenEntry>>;
}

const DUPLICATE_KEY = 11_000;

/** Of two entries with one key the one that counts: active before inactive, then the oldest, then the smallest id. */
export function countsBefore(a: FrozenEntry, b: FrozenEntry): boolean {
  if (a.active !== b.active) return a.active;
  if (a.since !== b.since) return a.since < b.since;
  return a.deskId < b.deskId;
}

export function createFrozen(db: Db): Frozen {
  const contexts = db.collection<ContextDocument>('contexts');
  const frozen = db.collection<EntryDocument>('frozen');
  // keys are mail addresses and names: as hashes they do not reach ids
  const idOf = ({ request, phase, kind, attempt }: FrozenPlace, key: string): string =>
    `${request}/${phase}/${kind}/${attempt === null ? '' : `${attempt}/`}${hash('sha256', key, 'base64url')}`;
  return {
    async find(request, phase) {
      const found = await contexts.findOne({ _id: `${request}/${phase}` });
      if (found === null) return null;
      const { _id, ...context } = found;
      return context;
    },
    async begin(request, phase, context) {
      await contexts.updateOne(
        { _id: `${request}/${phase}` },
        { $setOnInsert: { ...context, done: [] } },
        { upsert: true },
      );
    },
    async reached(request, phase, point, attempt) {
      await contexts.updateOne(
        { _id: `${request}/${phase}`, done: { $ne: point } },
        { $addToSet: { done: point }, $set: { [`frozenBy.${point}`]: attempt } },
      );
    },
    async keep(place, entries) {
      if (entries.size === 0) return;
      const documents = new Map<string, EntryDocument>();
      for (const [key, entry] of entries) {
        const _id = idOf(place, key);
        documents.set(_id, { _id, ...entry });
      }
      try {
        await frozen.insertMany([...documents.values()], { ordered: false });
        return;
      } catch (error) {
        if (!(error instanceof MongoBulkWriteError)) throw error;
        const failures = [error.writeErrors].flat();
        if (failures.some((each) => each.code !== DUPLICATE_KEY)) throw error;
      }
      const there = await frozen.find({ _id: { $in: [...documents.keys()] } }).toArray();
      const better = there.flatMap((old) => {
        const next = documents.get(old._id);
        return next !== undefined && countsBefore(next, old) ? [next] : [];
      });
      if (better.length === 0) return;
      await frozen.bulkWrite(
        better.map(({ _id, ...entry }) => ({ updateOne: { filter: { _id }, update: { $set: entry } } })),
        { ordered: false },
      );
    },
    async lookUp(place, keys) {
      const ids = new Map(keys.map((key) => [idOf(place, key), key]));
      const result = new Map<string, FrozenEntry>();
      if (ids.size === 0) return result;
      for (const { _id, ...entry } of await frozen.find({ _id: { $in: [...ids.keys()] } }).toArray()) {
        result.set(ids.get(_id) ?? '', entry);
      }
      return result;
    },
  };
}
