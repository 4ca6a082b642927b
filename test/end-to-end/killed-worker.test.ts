import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MongoClient } from 'mongodb';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { createPortal } from '../../desk/embedded/portals.ts';
import { TABS } from '../../domain/tab.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS } from '../../examples/sample-help-desk.ts';
import { fetchReport, fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

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

  /** What the desk holds of a portal, without what names the portal or the request. */
  async function contentOf(portal: string): Promise<string[]> {
    const lines: string[] = [];
    for (const tab of TABS) {
      const records = await mongo
        .db(service.database)
        .collection<{ _id: string }>(tab)
        .find({ _id: { $gt: `${portal}/`, $lt: `${portal}0` } }, { sort: { _id: 1 } })
        .toArray();
      for (const { migration, ...record } of records as ({ _id: string } & Record<string, unknown>)[]) {
        lines.push(`${tab} ${JSON.stringify(record).replaceAll(`${portal}/`, 'portal/')}`);
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
    const runs: { portal: string; id: string }[] = [];
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
    const [calm, shaken] = runs as [{ portal: string; id: string }, { portal: string; id: string }];

    const wanted = await contentOf('calm');
    expect(wanted.length).toBeGreaterThan(1_500);
    expect(await contentOf('shaken')).toEqual(wanted);

    const [calmReport, shakenReport] = [
      await fetchReport(service, calm.id, 'phase-1'),
      await fetchReport(service, shaken.id, 'phase-1'),
    ];
    expect([...shakenReport.keys()].toSorted()).toEqual([...calmReport.keys()].toSorted());
    for (const [name, content] of calmReport) {
      // What differs is only what names portal and request, and times.
      if (name.startsWith('summary')) continue;
      expect(withoutDigests(withoutNames(shakenReport.get(name) ?? '', 'shaken', shaken.id)), name).toBe(
        withoutDigests(withoutNames(content, 'calm', calm.id)),
      );
    }
  }, 300_000);

  /** Digests cover desk ids in references, and those name the portal. */
  function withoutDigests(csv: string): string {
    return csv.replaceAll(/(?<=,)[A-Za-z0-9_-]{43}(?=\r?\n)/g, 'digest');
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
