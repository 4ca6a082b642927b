import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, createApiClient } from '../../cli/api-client.ts';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { TABS } from '../../domain/tab.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS, type SampleManifest } from '../../examples/sample-help-desk.ts';
import { importPhaseWorkflowId } from '../../workflows/messages.ts';
import {
  contentOf,
  fetchReport,
  fileAndApprove,
  makePortal,
  type RunningService,
  startService,
} from './migrate.ts';

interface Progress {
  state: string;
  paused: { reason: string } | null;
  tabs: { tab: string; total: number | null; done: number }[];
}

const WITHIN_MS = 240_000;
const CHOSEN = ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'];

describe('two APIs and three workers, on one Temporal and one MongoDB', () => {
  let service: RunningService;
  let mongo: MongoClient;
  let manifest: SampleManifest;
  /** the API process that nobody kills */
  let other: ApiClient;

  beforeAll(async () => {
    service = await startService({ replyWindow: '1h', importWorkers: 2, apis: 2 });
    mongo = await new MongoClient(service.mongodbUri).connect();
    other = createApiClient(service.urls[1] ?? '', service.operatorKey);
    manifest = await makeSampleHelpDesk({
      folder: join(service.folder, 'export'),
      tickets: 600,
      seed: 8,
      includeTooLarge: false,
      portalAgents: [],
    });
  }, 300_000);
  afterAll(async () => {
    await mongo?.close();
    await service?.end();
  }, 90_000);

  test('D3, F1: one of each kind is killed during a migration; the client goes on at the other API, and nothing is lost', async () => {
    const id = await begin('killed');
    await until(id, underWay);
    for (const name of ['api', 'import worker 1', 'lifecycle worker']) signal(name, 'SIGKILL');
    await until(id, inWindow);
    expect(await toldOf(id)).toEqual(wanted());
  }, 300_000);

  test('workers that are asked to end in the middle finish or give back what they hold: no activity fails', async () => {
    const id = await begin('asked');
    await until(id, underWay);
    for (const name of ['import worker 1', 'import worker 2']) {
      const ended = service.logged.filter((line) => line.startsWith(`${name} ended`)).length;
      signal(name, 'SIGTERM');
      await poll(
        `${name} ends`,
        async () => service.logged.filter((line) => line.startsWith(`${name} ended`)).length > ended,
      );
      expect(service.logged.findLast((line) => line.startsWith(`${name} ended`))).toContain('ended (0)');
    }
    await until(id, inWindow);
    expect(await toldOf(id)).toEqual(wanted());
    // a task that the server hands to a worker in the moment it ends is begun by nobody, and given out again after a heartbeat
    const begunTwice = (await repeatedIn(id)).filter(
      (each) => !each.endsWith(': activity Heartbeat timeout'),
    );
    expect(begunTwice).toEqual([]);
  }, 300_000);

  test('D3: a worker that is frozen past its heartbeat and thawed when another has done its work doubles nothing', async () => {
    const id = await begin('frozen');
    await until(id, underWay);
    signal('import worker 2', 'SIGSTOP');
    try {
      await until(id, inWindow);
      expect(await toldOf(id)).toEqual(wanted());
    } finally {
      signal('import worker 2', 'SIGCONT');
    }
    const before = await contentOf(mongo.db(service.database), 'frozen');
    // it has come to itself when it imports again: the next migration needs both
    const next = await begin('thawed');
    await until(next, inWindow);
    expect(await toldOf(next)).toEqual(wanted());
    expect(await contentOf(mongo.db(service.database), 'frozen')).toEqual(before);
    expect(await toldOf(id)).toEqual(wanted());
  }, 400_000);

  async function begin(portal: string): Promise<string> {
    await makePortal(mongo.db(service.database), portal, {
      departments: [
        { id: 'support', name: 'Support', default: true },
        { id: 'sales', name: 'Sales', default: false },
        { id: 'accounting', name: '経理', default: false },
      ],
      statuses: ['Open', 'On Hold', 'Escalated', 'Closed'],
    });
    return fileAndApprove(service, {
      portal,
      files: [...SAMPLE_UPLOADS],
      folder: join(service.folder, 'export'),
      tabs: CHOSEN,
      requesterMail: ADMINISTRATOR_MAIL,
    });
  }

  const underWay = ({ tabs }: Progress): boolean =>
    (tabs.find(({ tab }) => tab === 'contacts')?.done ?? 0) > 0;
  const inWindow = ({ state }: Progress): boolean => state === 'REPLY_WINDOW';

  function until(id: string, enough: (progress: Progress) => boolean): Promise<void> {
    return poll(`${id} comes so far`, async () => {
      const progress = await other.call<Progress>('GET', `/v1/migrations/${id}/progress`);
      if (progress.paused !== null) throw new Error(`paused: ${progress.paused.reason}`);
      return enough(progress);
    });
  }

  async function poll(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + WITHIN_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`in time: ${what}`);
      await wait(50);
    }
  }

  function signal(name: string, kind: NodeJS.Signals): void {
    const pid = service.processes.find((each) => each.name === name)?.pid();
    if (pid === null || pid === undefined) throw new Error(`${name} does not run`);
    process.kill(pid, kind);
  }

  /** What the report says of every tab (D1, D2). */
  async function toldOf(id: string): Promise<unknown[]> {
    const report = await fetchReport({ ...service, operator: other }, id, 'phase-1');
    const { tabs } = JSON.parse(report.get('summary.json') ?? '') as {
      tabs: Record<string, Record<string, unknown>>;
    };
    return TABS.map((tab) => {
      const { source, created, updated, unchanged, skipped, failed, digestsMatch } = tabs[tab] ?? {};
      return [tab, { source, created, updated, unchanged, skipped, failed, digestsMatch }];
    });
  }

  /** What the sample's manifest says, with source and desk agreeing. */
  function wanted(): unknown[] {
    return TABS.map((tab) => [tab, { ...manifest.tabs[tab], digestsMatch: true }]);
  }

  /** The activities of phase 1 that took more than one attempt, and why. */
  async function repeatedIn(id: string): Promise<string[]> {
    const connection = await Connection.connect({ address: service.temporalAddress });
    try {
      const client = new Client({ connection });
      const { events } = await client.workflow.getHandle(importPhaseWorkflowId(id, 'phase-1')).fetchHistory();
      const names = new Map(
        (events ?? []).map(({ eventId, activityTaskScheduledEventAttributes: scheduled }) => [
          String(eventId),
          scheduled?.activityType?.name,
        ]),
      );
      return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
        (started?.attempt ?? 1) === 1
          ? []
          : [`${names.get(String(started?.scheduledEventId))}: ${started?.lastFailure?.message}`],
      );
    } finally {
      await connection.close();
    }
  }
});
