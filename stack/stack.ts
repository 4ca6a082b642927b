import { mkdir } from 'node:fs/promises';
import { findMongo } from './find-mongo.ts';
import { findTemporal } from './find-temporal.ts';
import { type HandOn, type MailCatcher, startMailCatcher } from './mail-catcher.ts';
import { type MongoServer, startMongo } from './mongo-server.ts';
import { type Surroundings, surroundings } from './surroundings.ts';
import { startTemporal, type TemporalServer } from './temporal-server.ts';

export { ensureTestServer } from './find-test-server.ts';
export { freePort } from './free-port.ts';
export { startMongo } from './mongo-server.ts';
export { ensureS3Server, type S3Server, startS3 } from './s3-server.ts';
export { registerSearchAttributes } from '../workers/search-attributes.ts';
export { startTemporal } from './temporal-server.ts';

/** Where the parts of the stack are. A part that was left out has the empty address, or null. */
export interface StackAddresses {
  /** `host:port` */
  temporalAddress: string;
  /** A web page; null when the server was not started here. */
  temporalUi: string | null;
  /** `mongodb://...` */
  mongodbUri: string;
  /** `smtp://127.0.0.1:port` */
  smtp: string;
  /** A web page. */
  mailUi: string | null;
}

/** A started stack. */
export interface Stack extends StackAddresses {
  /** The processes started here; null for what runs elsewhere. */
  pids: { temporal: number | null; mongodb: number | null };
  /** Ends all that was started here, in order, and settles when it is gone. May be called again. */
  stop(): Promise<void>;
}

/** What to start. `dataFolder` keeps the data of all parts; a part is left out by `false`. */
export interface StackOptions extends Partial<Surroundings> {
  dataFolder: string;
  temporalUiPort?: number;
  mailUiPort?: number;
  smtpPort?: number;
  /** mail that the catcher delivers as well: to the service's own mailbox */
  handOn?: HandOn;
  temporal?: boolean;
  mongodb?: boolean;
  mail?: boolean;
}

/**
 * Starts Temporal, MongoDB and the mail catcher, getting what is missing first, and returns when all serve. Ports are
 * free ones, so several stacks run side by side, each with a data folder of its own. Nothing started here outlives this process.
 * Throws StackError; then nothing of it runs.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  await mkdir(options.dataFolder, { recursive: true });
  const { dataFolder, temporalUiPort, mailUiPort, smtpPort, handOn } = options;
  const around = surroundings(options);
  const [temporal, mongodb, mail] = await allOrNone<TemporalServer, MongoServer, MailCatcher>(
    options.temporal === false
      ? null
      : startTemporal({ dataFolder, ...around, ...(temporalUiPort && { uiPort: temporalUiPort }) }),
    options.mongodb === false ? null : startMongo({ dataFolder, ...around }),
    options.mail === false
      ? null
      : startMailCatcher({
          dataFolder,
          ...(smtpPort && { port: smtpPort }),
          ...(mailUiPort && { uiPort: mailUiPort }),
          ...(handOn && { handOn }),
        }),
  );
  let stopping: Promise<void> | null = null;
  return {
    temporalAddress: temporal?.address ?? '',
    temporalUi: temporal?.ui ?? null,
    mongodbUri: mongodb?.address ?? '',
    smtp: mail?.address ?? '',
    mailUi: mail?.ui ?? null,
    pids: { temporal: temporal?.pid ?? null, mongodb: mongodb?.pid ?? null },
    stop: () => (stopping ??= stopAll([temporal, mongodb, mail])),
  };
}

/**
 * Gets what is missing (downloads, builds) without starting anything.
 * Throws TOOLS_MISSING or BUILD_FAILED.
 */
export async function ensureServers(given: Partial<Surroundings> = {}): Promise<void> {
  const around = surroundings(given);
  // one is mostly compiling, the other mostly fetching
  await Promise.all([findTemporal(around), findMongo(around)]);
}

interface Stoppable {
  stop(): Promise<void>;
}

async function allOrNone<A extends Stoppable, B extends Stoppable, C extends Stoppable>(
  a: Promise<A> | null,
  b: Promise<B> | null,
  c: Promise<C> | null,
): Promise<[A | null, B | null, C | null]> {
  try {
    return await Promise.all([a, b, c]);
  } catch (error) {
    const settled = await Promise.allSettled([a, b, c]);
    await stopAll(settled.map((one) => (one.status === 'fulfilled' ? one.value : null)));
    throw error;
  }
}

async function stopAll(parts: (Stoppable | null)[]): Promise<void> {
  const ends = await Promise.allSettled(parts.flatMap((part) => (part === null ? [] : [part.stop()])));
  const failed = ends.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}
