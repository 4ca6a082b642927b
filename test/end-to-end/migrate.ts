import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { type ApiClient, ApiProblem, createApiClient } from '../../cli/api-client.ts';
import { readReport } from '../../cli/check-report.ts';
import { awaitFindings, followMigration } from '../../cli/follow-migration.ts';
import { ADMINISTRATOR_MAIL, type LocalService, startLocalService } from '../../cli/local-service.ts';
import type { DeskDocument } from '../../desk/embedded/desk-document.ts';
import { createPortal, type NewPortal } from '../../desk/embedded/portals.ts';
import { TABS, type Tab } from '../../domain/tab.ts';
import { UNDESCRIBED } from '../api/hold-to-contract.ts';

/** The whole service in its own processes, with its servers, in a folder that is gone afterwards. */
export interface RunningService extends LocalService {
  requester: ApiClient;
  operator: ApiClient;
  folder: string;
  /** what its processes logged */
  logged: string[];
  /** @throws Error when an answer was not as it is described */
  end(): Promise<void>;
}

/** A folder that is gone once it is dropped. @param former one that was made before */
export async function temporaryFolder(
  former?: string,
): Promise<{ folder: string; drop: () => Promise<void> }> {
  const folder = former ?? (await mkdtemp(join(tmpdir(), 'deskferry-')));
  return { folder, drop: () => rm(folder, { recursive: true, force: true }) };
}

export async function startService(options: {
  replyWindow: string;
  env?: NodeJS.ProcessEnv;
  importWorkers?: number;
  apis?: number;
  /** of a service that ran before */
  folder?: string;
}): Promise<RunningService> {
  const { folder, drop } = await temporaryFolder(options.folder);
  const logged: string[] = [];
  const service = await startLocalService({
    dataFolder: join(folder, 'data'),
    port: 0,
    env: {
      ...process.env,
      // every answer of its API processes is held against the OpenAPI document
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${import.meta.resolve('../api/hold-to-contract.ts')}`,
      DESKFERRY_REPLY_WINDOW: options.replyWindow,
      ...options.env,
    },
    say: (line) => logged.push(line),
    log: (line) => logged.push(line),
    ...(options.importWorkers === undefined ? {} : { importWorkers: options.importWorkers }),
    ...(options.apis === undefined ? {} : { apis: options.apis }),
  });
  return {
    ...service,
    folder,
    logged,
    requester: createApiClient(service.url, service.requesterKey),
    operator: createApiClient(service.url, service.operatorKey),
    async end() {
      await service.stop();
      await drop();
      const undescribed = logged.filter((line) => line.startsWith(UNDESCRIBED));
      if (undescribed.length > 0) throw new Error(undescribed.join('\n'));
    },
  };
}

interface FiledRequest {
  portal: string;
  files: string[];
  folder: string;
  tabs: string[];
  requesterMail: string;
  scope?: string;
}

/** Makes a paid portal of the requester's tenant, whose primary contact is its administrator. @param more what is otherwise */
export async function makePortal(db: Db, id: string, more: Partial<NewPortal> = {}): Promise<void> {
  await createPortal(db, {
    id,
    name: id,
    tenant: 'acme',
    plan: 'paid',
    recordQuota: null,
    departments: [{ id: 'support', name: 'Support', default: true }],
    statuses: ['Open', 'Closed'],
    integrations: { zohoCrm: false, salesforce: false },
    primaryContact: { agentId: `${id}/desk/admin`, name: 'Admin', mail: ADMINISTRATOR_MAIL },
    ...more,
  });
}

/** Every record of a portal as it is stored, tab by tab, in order. */
export async function* recordsIn(db: Db, portal: string): AsyncGenerator<{ tab: Tab; record: DeskDocument }> {
  for (const tab of TABS) {
    const found = db
      .collection<DeskDocument>(tab)
      .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } });
    for await (const record of found) yield { tab, record };
  }
}

/** Every record of a portal as a line. */
export async function contentOf(db: Db, portal: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { tab, record } of recordsIn(db, portal)) lines.push(`${tab} ${JSON.stringify(record)}`);
  return lines;
}

/** Files a request, uploads its files, submits it, and lets an operator take and approve it. */
export async function fileAndApprove(service: RunningService, options: FiledRequest): Promise<string> {
  const id = await fileAndTake(service, options);
  await service.operator.call('POST', `/v1/migrations/${id}/approve`, {});
  return id;
}

/** Files a request, uploads its files, submits it, and lets an operator take it and look at what the checks find. */
export async function fileAndTake(service: RunningService, options: FiledRequest): Promise<string> {
  const { requester, operator } = service;
  const { id } = await requester.call<{ id: string }>('POST', '/v1/migrations', {
    requester: {
      name: 'Sato Keiko',
      mail: options.requesterMail,
      company: 'ACME',
      locale: 'en',
      timeZone: 'Asia/Tokyo',
    },
    source: { system: 'Old Desk', kind: 'files', scope: options.scope ?? 'files' },
    tabs: options.tabs,
    desk: { kind: 'embedded', portal: options.portal },
  });
  for (const name of options.files) {
    await requester.upload(
      `/v1/migrations/${id}/files/${encodeURIComponent(name)}`,
      join(options.folder, name),
    );
  }
  await requester.call('POST', `/v1/migrations/${id}/submit`, {});
  await operator.call('POST', `/v1/migrations/${id}/verification`, {});
  await awaitFindings(operator, id);
  return id;
}

/** Posts a command until it is taken, as its answers advise while servers or workers come back. */
export async function insist(by: Pick<ApiClient, 'call'>, path: string, body: object = {}): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await by.call('POST', path, body);
      return;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      // what was not answered in time may be done: then it is refused the second time
      if (tries > 1 && error.status === 409) return;
      if (error.status !== 503 || tries === 20) throw error;
      await wait(1_000);
    }
  }
}

/** Waits until a migration is in a state. @throws MigrationHalted */
export async function reach(
  service: RunningService,
  id: string,
  state: string,
  withinMs = 180_000,
): Promise<void> {
  await followMigration(service.operator, id, { until: (now) => now === state, withinMs });
}

/** The entries of a report, by name. */
export async function fetchReport(
  service: RunningService,
  id: string,
  name: string,
): Promise<Map<string, string>> {
  const file = join(service.folder, `${id}-${name}.zip`);
  await service.operator.download(`/v1/migrations/${id}/reports/${name}.zip`, file);
  return readReport(file);
}
