import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Binary,
  type Db,
  type Document,
  type Long,
  MongoClient,
  type ObjectId,
  type Timestamp,
} from 'mongodb';
import { type MongoServer, startMongo } from './mongo-server.ts';

/** The types of ids that the tests use. */
export type Id =
  | string
  | number
  | boolean
  | Date
  | RegExp
  | Long
  | Binary
  | ObjectId
  | Timestamp
  | Id[]
  | { a: unknown }
  | { b: unknown };

/** A document of the tests. */
export interface Stored extends Document {
  _id: Id;
  l?: unknown[];
  n?: number;
}

/** An embedded MongoDB with a data folder of its own, for tests: it can be crashed and started again. */
export interface TestMongo {
  file: string;
  server(): MongoServer;
  client(): MongoClient;
  db(): Db;
  /** Starts the server again on the same port and data; it must have ended before. */
  again(): Promise<void>;
  end(): Promise<void>;
}

export async function startTestMongo(): Promise<TestMongo> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'deskferry-mongo-'));
  const env = { ...process.env, MONGODB_URI: '' };
  let server = await startMongo({ dataFolder, kind: 'embedded', env });
  let client = new MongoClient(server.address);
  return {
    file: join(dataFolder, 'mongodb', 'store.mv'),
    server: () => server,
    client: () => client,
    db: () => client.db('test'),
    again: async () => {
      await client.close();
      server = await startMongo({ dataFolder, env, port: Number(new URL(server.address).port) });
      client = new MongoClient(server.address);
    },
    end: async () => {
      await client.close();
      await server.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
