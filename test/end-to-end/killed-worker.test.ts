import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MongoClient } from 'mongodb';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { createPortal } from '../../desk/embedded/portals.ts';
import { TABS } from '../../domain/tab.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS } from '../../examples/sample-help-desk.ts';
import { fetchReport, fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

interface Run {
  portal: string;
  id: string;
}

const began = new Date().toISOString();

/** The first place where two lists differ; null when they are the same. A test that fails prints one line, not thousands. */
function firstDifference(given: string[], wanted: string[]): { given?: string; wanted?: string } | null {
  for (let i = 0; i < Math.max(given.length, wanted.length); i++) {
    if (given[i] !== wanted[i]) return { given: given[i] ?? '-', wanted: wanted[i] ?? '-' };
  }
  return null;
}

const CHOSEN = ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'];

describe('D3: a worker killed in the middle of phase 1', () => {
  let service: RunningService;
  let mongo: MongoClient;
  let folder = '';

  beforeAll(async () => {
    service = await startService({ replyWindow: '1h' });
    mongo = await new MongoClient(service.mongodbUri).connect();
    folder = join(service.folder, 'export');
    await makeSampleHelpDesk({
      folder,
      tickets: 1_500,
      seed: 3,
      includeTooLarge: false,
      portalAgents: [{ mail: 'admin@calm.example', active: true }],
    });
  }, 180_000);
  afterAll(async () => {
    await mongo?.close();
    await service?.end();
  }, 90_000);

  /** What the desk holds of a portal, without what names the portal, the request or the time of the import. */
  async function contentOf({ portal, id }: Run): Promise<string[]> {
    const lines: string[] = [];
    const plain = (_: string, value: unknown): unknown =>
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && value >= began
        ? 'time of import'
        : value;
    for (const tab of TABS) {
      const records = await mongo
        .db(service.database)
        .collection<{ _id: string }>(tab)
        .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } })
        .toArray();
      for (const { migration, ...record } of records as ({ _id: string } & Record<string, unknown>)[]) {
        lines.push(`${tab} ${withoutNames(JSON.stringify(record, plain), portal, id)}`);
      }
    }
    return lines;
  }

  async function portalWith(id: string): Promise<void> {
    await createPortal(mongo.db(service.database), {
      id,
      name: id,
      tenant: 'acme',
      plan: 'paid',
      recordQuota: null,
      departments: [{ id: 'support', name: 'Support', default: true }],
      statuses: ['Open', 'Closed'],
      integrations: { zohoCrm: false, salesforce: false },
      primaryContact: { agentId: `${id}/desk/admin`, name: 'Admin', mail: ADMINISTRATOR_MAIL },
    });
  }

  const withoutNames = (text: string, portal: string, request: string): string =>
    text.replaceAll(`${portal}/`, 'portal/').replaceAll(request, 'request');

  test('gives the same desk and the same report, record for record', async () => {
    const runs: Run[] = [];
    for (const portal of ['calm', 'shaken']) {
      await portalWith(portal);
      const id = await fileAndApprove(service, {
        portal,
        files: [...SAMPLE_UPLOADS],
        folder,
        tabs: CHOSEN,
        requesterMail: ADMINISTRATOR_MAIL,
      });
      runs.push({ portal, id });
      if (portal === 'shaken') await killWorkerWhileTickets(id);
      await reach(service, id, 'REPLY_WINDOW');
    }
    const [calm, shaken] = runs as [Run, Run];

    const wanted = await contentOf(calm);
    expect(wanted.length).toBeGreaterThan(1_500);
    expect(firstDifference(await contentOf(shaken), wanted)).toBeNull();

    const [calmReport, shakenReport] = [
      await fetchReport(service, calm.id, 'phase-1'),
      await fetchReport(service, shaken.id, 'phase-1'),
    ];
    expect([...shakenReport.keys()].toSorted()).toEqual([...calmReport.keys()].toSorted());
    for (const [name, content] of calmReport) {
      // What differs is only what names portal and request, and times.
      if (name.startsWith('summary')) continue;
      const lines = (text: string, { portal, id: request }: Run): string[] =>
        withoutDigests(withoutNames(text, portal, request)).split('\n');
      expect(
        firstDifference(lines(shakenReport.get(name) ?? '', shaken), lines(content, calm)),
        name,
      ).toBeNull();
    }
  }, 300_000);

  /** Digests cover desk ids in references, and those name the portal. */
  function withoutDigests(csv: string): string {
    return csv.replaceAll(/(?<=,)[0-9a-f]{64}(?=\r?\n)/g, 'digest');
  }

  async function killWorkerWhileTickets(id: string): Promise<void> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const { tabs } = await service.operator.call<{
        tabs: { tab: string; total: number | null; done: number }[];
      }>('GET', `/v1/migrations/${id}/progress`);
      const begun = tabs.filter((tab) => tab.done > 0).map((tab) => tab.tab);
      const threads = tabs.find((tab) => tab.tab === 'threads');
      if (begun.includes('tickets') && threads !== undefined && threads.done < (threads.total ?? 1)) break;
      if (Date.now() > deadline) throw new Error('phase 1 never came to its tickets');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const worker = service.processes.find((each) => each.name.startsWith('import worker'));
    const pid = worker?.pid();
    if (pid === null || pid === undefined) throw new Error('there is no import worker');
    process.kill(pid, 'SIGKILL');
  }
});
