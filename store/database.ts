import {
  type Collection,
  type Db,
  type Document,
  MongoBulkWriteError,
  MongoClient,
  MongoError,
  MongoServerError,
  MongoWriteConcernError,
} from 'mongodb';
import type { SystemicFault } from './errors.ts';

export interface Database {
  client: MongoClient;
  db: Db;
  /** @throws when the server does not answer within its time */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** How long a call waits for a server that is not there, in milliseconds. */
const SERVER_SELECTION_MS = 5_000;

/**
 * Connects to MongoDB.
 * @param uri `mongodb://...`
 * @param name the database's name
 * @throws MongoServerSelectionError when no server answers within five seconds
 */
export async function openDatabase(uri: string, name: string): Promise<Database> {
  const client = new MongoClient(uri, {
    serverSelectionTimeoutMS: SERVER_SELECTION_MS,
    connectTimeoutMS: SERVER_SELECTION_MS,
    ignoreUndefined: true,
    appName: 'deskferry',
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close();
    throw error;
  }
  const db = client.db(name);
  return {
    client,
    db,
    ping: async () => {
      await db.command({ ping: 1 });
    },
    close: () => client.close(),
  };
}

const DUPLICATE_KEY = 11_000;

/** Inserts a document; false when its `_id` is taken. Uniqueness is always an `_id`. */
export async function insertNew<T extends Document & { _id: string }>(
  collection: Collection<T>,
  document: T,
): Promise<boolean> {
  try {
    await collection.insertOne(document as Parameters<Collection<T>['insertOne']>[0]);
    return true;
  } catch (error) {
    if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return false;
    throw error;
  }
}

/** The bounds of all ids that begin with a prefix ending in `/`, or of those that stand behind a number. */
export function idsUnder(prefix: string, slice?: Pick<Slice, 'after'>): { $gt: string; $lt: string } {
  const after = slice?.after ?? null;
  // '0' is the character after '/'
  return { $gt: after === null ? prefix : prefix + padded(after), $lt: `${prefix.slice(0, -1)}0` };
}

/** A part of a list in order of its numbers. */
export interface Slice {
  /** only what stands behind this number; null for all from the first */
  after: number | null;
  /** at most so many; 0 for all */
  limit: number;
}

/** A number as part of an `_id`, so that ids stand in its order. */
export function padded(number: number): string {
  return String(number).padStart(8, '0');
}

/** Of a member that is starting, shutting down or no primary (any more), and of connections it has lost. */
const MEMBER_AWAY = new Set([6, 7, 89, 91, 134, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436]);
const CONNECTION_AWAY =
  /^Mongo(?:Network|ServerSelection|NotConnected|Expired|Topology|PoolCleared|WaitQueue|OperationTimeout)/;

/** Whether an error says that MongoDB does not serve just now, and the same may be tried again in a moment. */
export function isDatabaseAway(error: unknown): boolean {
  return (
    error instanceof MongoError && (CONNECTION_AWAY.test(error.name) || MEMBER_AWAY.has(Number(error.code)))
  );
}

/** OutOfDiskSpace */
const NO_ROOM = 14_031;

/** What a failure of MongoDB is called, or null when it is not one. The driver's own messages may quote what was written. */
export function faultOfDatabase(error: unknown): SystemicFault | null {
  if (!(error instanceof MongoError)) return null;
  const refused =
    error instanceof MongoServerError ||
    error instanceof MongoBulkWriteError ||
    error instanceof MongoWriteConcernError;
  if (!refused) {
    return { code: 'DATABASE_AWAY', message: 'MongoDB does not answer; when it does again, resume' };
  }
  if (error.code === NO_ROOM) {
    return { code: 'DATABASE_FULL', message: 'MongoDB has no room left on its disk; make room, then resume' };
  }
  const code = String(error.code ?? 'unknown');
  return {
    code: 'DATABASE_FAULT',
    message: `MongoDB could not do a command (its code ${code}); see its log, then resume`,
  };
}
