import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitFindings } from '../../cli/follow-migration.ts';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { randomFor } from '../../examples/random.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS } from '../../examples/sample-help-desk.ts';
import { startMongo, startTemporal } from '../../stack/stack.ts';
import { csvText } from '../import-engine.ts';
import {
  fetchReport,
  fileAndApprove,
  insist,
  makePortal,
  reach,
  recordsIn,
  type RunningService,
  startService,
  temporaryFolder,
} from './migrate.ts';

interface Run {
  portal: string;
  id: string;
}

interface Progress {
  state: string;
  paused: { reason: string } | null;
  tabs: { tab: string; total: number | null; done: number }[];
}

const began = new Date().toISOString();
const CHOSEN = ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'];
const WITHIN_MS = 240_000;

describe('D3: processes killed in the middle of phase 1', () => {
  let service: RunningService;
  let mongo: MongoClient;
  let folder = '';
  let dropFolder: () => Promise<void>;
  let servers: {
    mongodb: Awaited<ReturnType<typeof startMongo>>;
    temporal: Awaited<ReturnType<typeof startTemporal>>;
  };
  let wanted: { desk: string[]; report: Map<string, string[]> };

  beforeAll(async () => {
    const temporary = await temporaryFolder();
    folder = temporary.folder;
    dropFolder = temporary.drop;
    const [mongodb, temporal] = await Promise.all([
      startMongo({ dataFolder: folder }),
      startTemporal({ dataFolder: folder }),
    ]);
    servers = { mongodb, temporal };
    service = await startService({
      replyWindow: '1h',
      env: { MONGODB_URI: mongodb.address, TEMPORAL_ADDRESS: temporal.address },
    });
    mongo = await new MongoClient(mongodb.address).connect();
    await makeSampleHelpDesk({
      folder: join(folder, 'export'),
      tickets: 900,
      seed: 3,
      includeTooLarge: false,
      portalAgents: [{ mail: 'admin@calm.example', active: true }],
    });
    const calm = await begin('calm');
    await reach(service, calm.id, 'REPLY_WINDOW', WITHIN_MS);
    wanted = { desk: await contentOf(calm), report: await reportOf(calm) };
    if (wanted.desk.length < 900) throw new Error('the calm run did not import its records');
  }, 600_000);
  afterAll(async () => {
    await mongo?.close();
    await service?.end();
    await Promise.all([servers?.mongodb.stop(), servers?.temporal.stop()]);
    await dropFolder?.();
  }, 90_000);

  test('a worker: the same desk and the same report, record for record', async () => {
    const run = await begin('worker');
    await until(run, ({ tabs }) => {
      const at = (name: string) => tabs.find(({ tab }) => tab === name);
      const threads = at('threads');
      return (at('tickets')?.done ?? 0) > 0 && (threads === undefined || threads.done < (threads.total ?? 1));
    });
    await killWorker();
    await reach(service, run.id, 'REPLY_WINDOW', WITHIN_MS);
    expect(await differences(run)).toEqual([]);
  }, 300_000);

  test('a worker, MongoDB and Temporal, each at a moment of chance: the same desk and the same report', async () => {
    const seed = Number(process.env['DESKFERRY_TEST_SEED'] ?? Date.now() % 100_000);
    process.stderr.write(`killed-processes: DESKFERRY_TEST_SEED=${seed}\n`);
    const random = randomFor(seed);
    const run = await begin('servers');
    await until(run, ({ state }) => state === 'PHASE_1');
    const kills = [killWorker, killMongo, killTemporal].toSorted(() => random.next() - 0.5);
    for (const kill of kills) {
      await wait(random.next() * 2_500);
      await kill();
    }
    await until(run, ({ state }) => state === 'REPLY_WINDOW');
    expect(await differences(run)).toEqual([]);
  }, 600_000);

  test('F6, A8, B2, B4, C2: the lifecycle worker, then Temporal and MongoDB, are killed in every state of a life: it goes on', async () => {
    const [walker, behind] = [await file('walker'), await file('behind')];
    const command = async ({ id }: Run, path: string, by = service.operator): Promise<void> => {
      await insist(by, `/v1/migrations/${id}/${path}`, path === 'undo' ? { reason: 'as planned' } : {});
    };
    const survive = async (...standings: [Run, Standing][]): Promise<void> => {
      for (const [run, expected] of standings) await stands(run, expected);
      // while it is being started again its servers go as well
      await killProcess('lifecycle worker');
      await Promise.all([killMongo(), killTemporal()]);
      for (const [run, expected] of standings) await stands(run, expected);
    };
    const claimed = { open: true, locked: false, runs: false, waits: false };
    const inWindow = { state: 'REPLY_WINDOW', ...claimed, locked: true };
    for (const run of [walker, behind]) await command(run, 'submit', service.requester);
    await command(walker, 'verification');
    await survive([walker, { state: 'VERIFYING', ...claimed }], [behind, { state: 'PENDING', ...claimed }]);

    // as long as nobody imports the one keeps its turn, and the other waits
    const importing = pidOf('import worker');
    process.kill(importing, 'SIGSTOP');
    try {
      await awaitFindings(service.operator, walker.id);
      await command(walker, 'approve');
      const imports = { state: 'PHASE_1', ...claimed, open: false, locked: true, runs: true };
      await stands(walker, imports);
      await command(behind, 'verification');
      await awaitFindings(service.operator, behind.id);
      await command(behind, 'approve');
      await survive([walker, imports], [behind, { state: 'QUEUED', ...claimed, locked: true, waits: true }]);
    } finally {
      process.kill(importing, 'SIGCONT');
    }
    for (const run of [walker, behind]) await stands(run, inWindow);

    process.kill(importing, 'SIGSTOP');
    try {
      await command(walker, 'phase-2', service.requester);
      await command(walker, 'phase-2');
      await survive([walker, { state: 'PHASE_2', ...claimed, locked: true, runs: true }], [behind, inWindow]);
    } finally {
      process.kill(importing, 'SIGCONT');
    }
    const over = { state: 'COMPLETED', ...claimed };
    await survive([walker, over], [behind, inWindow]);
    const told = ['completed', 'confirmation', 'phase1Report', 'phaseStarted', 'phaseStarted'];
    await holds('each mail has gone out once', async () => {
      const { messages } = await service.operator.call<{
        messages: { kind: string; sentAt: string | null }[];
      }>('GET', `/v1/migrations/${walker.id}/messages`);
      const sent = messages.filter(({ sentAt }) => sentAt !== null).map(({ kind }) => kind);
      return sent.toSorted().join(' ') === told.join(' ');
    });

    await command(walker, 'undo');
    await Promise.all([killProcess('lifecycle worker'), killProcess('import worker'), killTemporal()]);
    await holds('it is undone', async () => {
      const { reports } = await service.operator.call<{ reports: { name: string }[] }>(
        'GET',
        `/v1/migrations/${walker.id}`,
      );
      return reports.some(({ name }) => name === 'undo');
    });
    await stands(walker, over);
    expect(await contentOf(walker)).toEqual([]);
  }, 600_000);

  interface Standing {
    state: string;
    /** the portal is open to its agents */
    open: boolean;
    /** B2 */
    locked: boolean;
    runs: boolean;
    waits: boolean;
  }

  /** Within a minute document, portal and queue say so, also where something is being started again. */
  async function stands({ id, portal }: Run, expected: Standing): Promise<void> {
    let last: unknown = null;
    await holds(`${id} stands at ${JSON.stringify(expected)}`, async () => {
      const { operator } = service;
      const { state } = await operator.call<{ state: string }>('GET', `/v1/migrations/${id}`);
      const { open, integrationsLockedBy } = await operator.call<{
        open: boolean;
        integrationsLockedBy: string | null;
      }>('GET', `/v1/portals/${portal}`);
      const queue = await operator.call<Record<'running' | 'waiting', { request: string }[]>>(
        'GET',
        '/v1/queue',
      );
      const isIn = (line: { request: string }[]): boolean => line.some(({ request }) => request === id);
      last = {
        state,
        open,
        locked: integrationsLockedBy === id,
        runs: isIn(queue.running),
        waits: isIn(queue.waiting),
      };
      return JSON.stringify(last) === JSON.stringify(expected);
    }).catch((error: unknown) => {
      throw new Error(`it stands at ${JSON.stringify(last)}`, { cause: error });
    });
  }

  async function holds(what: string, look: () => Promise<boolean>): Promise<void> {
    // on a machine that others use as well
    const deadline = Date.now() + WITHIN_MS;
    let fault: unknown = null;
    // servers that are away are asked again
    const away = (error: unknown): false => {
      fault = error;
      return false;
    };
    while (!(await look().catch(away))) {
      if (Date.now() > deadline) throw new Error(`did not come about: ${what}`, { cause: fault });
      await wait(100);
    }
  }

  function pidOf(name: string): number {
    const pid = service.processes.find((each) => each.name.startsWith(name))?.pid();
    if (pid === null || pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  async function killProcess(name: string): Promise<void> {
    const killed = pidOf(name);
    process.kill(killed, 'SIGKILL');
    await holds(`${name} is started again`, async () => pidOf(name) !== killed);
  }

  /** A request of one small file, PENDING. */
  async function file(portal: string): Promise<Run> {
    await makePortal(mongo.db(service.database), portal);
    const export_ = join(folder, 'Contacts.csv');
    await writeFile(export_, csvText(['ContactExtId', 'Last Name'], [['C1', 'Sato']]));
    const { id } = await service.requester.call<{ id: string }>('POST', '/v1/migrations', {
      requester: { name: 'Sato Keiko', mail: ADMINISTRATOR_MAIL },
      source: { system: 'Old Desk', kind: 'files', scope: 'files' },
      tabs: ['contacts'],
      desk: { kind: 'embedded', portal },
    });
    await service.requester.upload(`/v1/migrations/${id}/files/Contacts.csv`, export_);
    return { portal, id };
  }

  async function begin(portal: string): Promise<Run> {
    await makePortal(mongo.db(service.database), portal);
    const id = await fileAndApprove(service, {
      portal,
      files: [...SAMPLE_UPLOADS],
      folder: join(folder, 'export'),
      tabs: CHOSEN,
      requesterMail: ADMINISTRATOR_MAIL,
    });
    return { portal, id };
  }

  /** Waits for a progress document of a kind; a service whose servers are away is asked again. */
  async function until({ id }: Run, enough: (progress: Progress) => boolean): Promise<void> {
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const progress = await service.operator
        .call<Progress>('GET', `/v1/migrations/${id}/progress`)
        .catch(() => null);
      if (progress !== null && enough(progress)) return;
      if (progress !== null && progress.paused !== null) throw new Error(`paused: ${progress.paused.reason}`);
      if (Date.now() > deadline) throw new Error(`still ${progress?.state}`);
      await wait(50);
    }
  }

  async function killWorker(): Promise<void> {
    const pid = service.processes.find((each) => each.name.startsWith('import worker'))?.pid();
    // It may be being started again just now.
    if (pid !== null && pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  async function killMongo(): Promise<void> {
    const port = Number(new URL(servers.mongodb.address).port);
    await servers.mongodb.kill();
    servers.mongodb = await startMongo({ dataFolder: folder, port });
  }

  async function killTemporal(): Promise<void> {
    const port = Number(servers.temporal.address.split(':')[1]);
    await servers.temporal.kill();
    servers.temporal = await startTemporal({ dataFolder: folder, port });
  }

  /** Where a run's desk and report differ from the calm one's. */
  async function differences(run: Run): Promise<unknown[]> {
    const report = await reportOf(run);
    const files = [...new Set([...report.keys(), ...wanted.report.keys()])];
    return [
      firstDifference(await contentOf(run), wanted.desk),
      ...files.map((name) => firstDifference(report.get(name) ?? [], wanted.report.get(name) ?? [])),
    ].filter((difference) => difference !== null);
  }

  /** What the desk holds of a portal, without what names the portal, the request or the time of the import. */
  async function contentOf({ portal, id }: Run): Promise<string[]> {
    const lines: string[] = [];
    const plain = (_: string, value: unknown): unknown =>
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && value >= began
        ? 'time of import'
        : value;
    for await (const { tab, record } of recordsIn(mongo.db(service.database), portal)) {
      const { migration, ...fields } = record;
      lines.push(`${tab} ${withoutNames(JSON.stringify(fields, plain), { portal, id })}`);
    }
    return lines;
  }

  /** The report's files without what names the portal and the request; its summary also tells times. */
  async function reportOf(run: Run): Promise<Map<string, string[]>> {
    const report = await fetchReport(service, run.id, 'phase-1');
    const names = [...report.keys()].filter((name) => !name.startsWith('summary')).toSorted();
    return new Map(
      names.map((name) => [name, withoutDigests(withoutNames(report.get(name) ?? '', run)).split('\n')]),
    );
  }
});

/** The first place where two lists differ; null when they are the same. A test that fails prints one line, not thousands. */
function firstDifference(given: string[], wanted: string[]): { given?: string; wanted?: string } | null {
  for (let i = 0; i < Math.max(given.length, wanted.length); i++) {
    if (given[i] !== wanted[i]) return { given: given[i] ?? '-', wanted: wanted[i] ?? '-' };
  }
  return null;
}

function withoutNames(text: string, { portal, id }: Run): string {
  return text.replaceAll(`${portal}/`, 'portal/').replaceAll(id, 'request');
}

/** Digests cover desk ids in references, and those name the portal. */
function withoutDigests(csv: string): string {
  return csv.replaceAll(/(?<=,)[0-9a-f]{64}(?=\r?\n)/g, 'digest');
}
