import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Db } from 'mongodb';
import { addAgents, createPortal } from '../desk/embedded/portals.ts';
import { PortalExists } from '../desk/errors.ts';
import { type StackAddresses, freePort, startStack } from '../stack/stack.ts';
import { openDatabase } from '../store/database.ts';
import { createStores } from '../store/stores.ts';
import { type Supervised, supervise } from './supervise.ts';

/** What `npm start` writes for those who try the service: where it is and keys to use it with. */
export interface DevelopmentAccess {
  url: string;
  requesterKey: string;
  operatorKey: string;
  portal: string;
  mongodbUri: string;
  database: string;
  temporalAddress: string;
  temporalUi: string | null;
  mailUi: string | null;
  smtp: string;
}

export interface LocalService extends DevelopmentAccess {
  /** of every API process; `url` is the first */
  urls: readonly string[];
  /** folder of uploads, segments and reports */
  storage: string;
  processes: readonly Supervised[];
  /** where each worker tells its measurements, by its name */
  metrics: Readonly<Record<string, string>>;
  /** Ends the service's processes gracefully, then the servers. May be called again. */
  stop(): Promise<void>;
}

export interface LocalServiceOptions {
  /** keeps servers' data, uploads and reports */
  dataFolder: string;
  /** 0 = a free one */
  port: number;
  env?: NodeJS.ProcessEnv;
  /** takes what is told while starting */
  say: (line: string) => void;
  /** takes the processes' log lines */
  log: (line: string) => void;
  /** import worker processes; they share the work of one migration */
  importWorkers?: number;
  /** API processes, each with a port of its own; any of them serves any call */
  apis?: number;
  /** where to write what the service is reached by; keys that a former start wrote there are used again */
  accessFile?: string;
}

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DATABASE = 'deskferry';
const TENANT = 'acme';
const PORTAL = 'acme';
/** Keeps an import worker below 400 MB whatever it imports (docs/operations.md). */
const IMPORT_WORKER_MEMORY = ['--max-old-space-size=300', '--max-semi-space-size=16'];
const REPLY_ADDRESS = 'replies@deskferry.example';

/** The sample portal's administrator and primary contact. */
export const ADMINISTRATOR_MAIL = 'keiko.sato@acme.example';

/**
 * Starts the whole service on this machine: servers that are not named by the environment, the API, a lifecycle
 * worker and an import worker, with a sample portal and keys to try it with.
 * @throws StackError, or an Error saying what did not come up
 */
export async function startLocalService(options: LocalServiceOptions): Promise<LocalService> {
  const { dataFolder, accessFile, say, log } = options;
  const given = options.env ?? process.env;
  if (options.port !== 0) await portIsFree(options.port);
  await mkdir(dataFolder, { recursive: true });
  const mailbox = given['REPLY_ADDRESS'] ?? REPLY_ADDRESS;
  const replyPort = Number(given['SMTP_LISTEN_PORT'] ?? (await freePort()));
  const former = accessFile === undefined ? null : await takeFormerAccess(accessFile);
  const stack = await startStack({
    dataFolder: join(dataFolder, 'servers'),
    say,
    env: given,
    mail: given['SMTP_URL'] === undefined,
    handOn: { mailbox, port: replyPort },
  });
  const processes: Supervised[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.splice(0).map((each) => each.stop()));
    await stack.stop();
  };
  try {
    const database = given['MONGODB_DATABASE'] ?? DATABASE;
    const secret = given['DESKFERRY_SECRET'] ?? (await keptSecret(join(dataFolder, 'secret')));
    const encryptionKeys = await keptEncryptionKeys(given, dataFolder);
    const keys = await sampleTenant(stack, database, former);
    const port = options.port === 0 ? await freePort() : options.port;
    const url = `http://127.0.0.1:${port}`;
    const smtp = given['SMTP_URL'] ?? stack.smtp;
    const storage = given['STORAGE_FOLDER'] ?? join(dataFolder, 'storage');
    const env: NodeJS.ProcessEnv = {
      // threads of native code share two heaps instead of one each (docs/operations.md, Memory and disk)
      MALLOC_ARENA_MAX: '2',
      ...given,
      ...encryptionKeys,
      // the local Web UI has no key to have payloads decrypted with, and tells the story (F3)
      TEMPORAL_ENCRYPTION: given['TEMPORAL_ENCRYPTION'] ?? 'false',
      PORT: String(port),
      PUBLIC_URL: given['PUBLIC_URL'] ?? url,
      TEMPORAL_ADDRESS: stack.temporalAddress,
      MONGODB_URI: stack.mongodbUri,
      MONGODB_DATABASE: database,
      SMTP_URL: smtp,
      STORAGE_FOLDER: storage,
      // a source to try it with may run beside it
      DESKFERRY_SOURCE_HOSTS: given['DESKFERRY_SOURCE_HOSTS'] ?? '127.0.0.1,localhost',
      DESKFERRY_SECRET: secret,
      REPLY_ADDRESS: mailbox,
      SMTP_LISTEN_PORT: String(replyPort),
      MAIL_FROM: given['MAIL_FROM'] ?? 'Deskferry <migration@deskferry.example>',
      TEAM_MAIL: given['TEAM_MAIL'] ?? 'team@deskferry.example',
      SUPPORT_ADDRESS: given['SUPPORT_ADDRESS'] ?? 'support@deskferry.example',
    };
    const metrics: Record<string, string> = {};
    const start = (name: string, file: string, args: string[], nodeArgs: string[], own = {}): void => {
      const its = { ...env, ...own };
      processes.push(supervise({ name, file: join(ROOT, file), args, nodeArgs, env: its, say: log }));
    };
    const startWorker = async (name: string, args: string[], nodeArgs: string[] = []): Promise<void> => {
      const METRICS_PORT = String(await freePort());
      metrics[name] = `http://127.0.0.1:${METRICS_PORT}/metrics`;
      start(name, 'workers/run.ts', args, nodeArgs, { METRICS_PORT });
    };
    const urls = [url];
    start('api', 'api/serve.ts', [], []);
    for (let n = 2; n <= (options.apis ?? 1); n++) {
      const PORT = String(await freePort());
      urls.push(`http://127.0.0.1:${PORT}`);
      start(`api ${n}`, 'api/serve.ts', [], [], { PORT });
    }
    await startWorker('lifecycle worker', ['lifecycle', 'mail']);
    for (let n = 1; n <= (options.importWorkers ?? 1); n++)
      await startWorker(`import worker ${n}`, ['imports'], IMPORT_WORKER_MEMORY);
    say('Starting the API and the workers ...');
    await within(150_000, [
      ...urls.map((each) => ready(`${each}/readyz`)),
      ...processes.map((each) => each.ready),
    ]);
    const service: LocalService = {
      url,
      urls,
      ...keys,
      mongodbUri: stack.mongodbUri,
      database,
      temporalAddress: stack.temporalAddress,
      temporalUi: stack.temporalUi,
      mailUi: stack.mailUi,
      smtp,
      storage,
      processes,
      metrics,
      stop,
    };
    if (accessFile !== undefined) await writeAccess(accessFile, service);
    return service;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Writes the access file so that a reader never sees half of it. */
async function writeAccess(file: string, access: DevelopmentAccess): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const { url, requesterKey, operatorKey, portal, mongodbUri, database } = access;
  const { temporalAddress, temporalUi, mailUi, smtp } = access;
  const told = {
    url,
    requesterKey,
    operatorKey,
    portal,
    mongodbUri,
    database,
    temporalAddress,
    temporalUi,
    mailUi,
    smtp,
  } satisfies DevelopmentAccess;
  await writeFile(`${file}.new`, `${JSON.stringify(told, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Takes the access file of a former start away, so that nobody reads old addresses, and gives what it said. */
async function takeFormerAccess(file: string): Promise<Partial<DevelopmentAccess> | null> {
  try {
    const former = JSON.parse(await readFile(file, 'utf8')) as Partial<DevelopmentAccess>;
    await rm(file);
    return former;
  } catch {
    return null;
  }
}

/** A paid portal with departments, statuses and a primary contact, and one key of each role. */
async function sampleTenant(
  stack: StackAddresses,
  name: string,
  former: Partial<DevelopmentAccess> | null,
): Promise<Pick<DevelopmentAccess, 'requesterKey' | 'operatorKey' | 'portal'>> {
  const database = await openDatabase(stack.mongodbUri, name);
  try {
    const stores = createStores(database.db, null);
    await createDevelopmentPortal(database.db);
    const keyFor = async (role: 'requester' | 'operator', formerKey: string | undefined): Promise<string> => {
      if (formerKey !== undefined && (await stores.keys.find(formerKey)) !== null) return formerKey;
      const name = `development ${role} ${new Date().toISOString()}`;
      return (await stores.keys.create({ name, role, tenant: role === 'requester' ? TENANT : null })).key;
    };
    return {
      requesterKey: await keyFor('requester', former?.requesterKey),
      operatorKey: await keyFor('operator', former?.operatorKey),
      portal: PORTAL,
    };
  } finally {
    await database.close();
  }
}

async function createDevelopmentPortal(db: Db): Promise<void> {
  try {
    await createPortal(db, {
      id: PORTAL,
      name: 'ACME Support',
      tenant: TENANT,
      plan: 'paid',
      recordQuota: null,
      departments: [
        { id: 'support', name: 'Support', default: true },
        { id: 'sales', name: 'Sales', default: false },
        { id: 'accounting', name: '経理', default: false },
      ],
      statuses: ['Open', 'On Hold', 'Escalated', 'Closed'],
      integrations: { zohoCrm: false, salesforce: false },
      primaryContact: { agentId: `${PORTAL}/desk/admin`, name: 'Sato Keiko', mail: ADMINISTRATOR_MAIL },
    });
    await addAgents(db, PORTAL, [
      {
        id: 'admin',
        lastName: 'Sato',
        firstName: 'Keiko',
        email: ADMINISTRATOR_MAIL,
        status: 'active',
        department: 'Support',
        role: 'Administrator',
      },
    ]);
  } catch (error) {
    // A former start made it.
    if (!(error instanceof PortalExists)) throw error;
  }
}

/** @throws Error saying what to do when something listens there already */
async function portIsFree(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`Port ${port} cannot be used (${code}); set PORT to another one.`, { cause: error });
  } finally {
    server.close();
  }
}

/** B3: the encryption keys of this data folder, where the environment names none. */
async function keptEncryptionKeys(given: NodeJS.ProcessEnv, dataFolder: string): Promise<NodeJS.ProcessEnv> {
  const file = 'DESKFERRY_ENCRYPTION_KEYS_FILE';
  if (given['DESKFERRY_ENCRYPTION_KEYS']?.trim() || given[file]?.trim()) return {};
  const kept = join(dataFolder, 'encryption-keys');
  await keptSecret(kept, () => `local:${randomBytes(32).toString('base64')}\n`);
  return { [file]: kept };
}

/** A secret of this data folder, made at its first start: links signed before a restart work after it. */
async function keptSecret(
  file: string,
  make = (): string => randomBytes(32).toString('base64url'),
): Promise<string> {
  try {
    await writeFile(file, make(), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFile(file, 'utf8');
}

async function ready(url: string): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      if (answer.ok) return;
    } catch {
      // It is still starting.
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function within(milliseconds: number, all: Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the service did not become ready within ${milliseconds / 1000} s`)),
      milliseconds,
    );
  });
  try {
    await Promise.race([Promise.all(all), late]);
  } finally {
    clearTimeout(timer);
  }
}
