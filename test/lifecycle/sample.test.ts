import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { verifyReport } from '../../activities/verify-report.ts';
import { addAgents, addNativeRecords } from '../../desk/embedded/portals.ts';
import { TABS, type Tab } from '../../domain/tab.ts';
import { startExportApi } from '../../examples/export-api.ts';
import {
  LIFECYCLE_TASK_QUEUE,
  SAMPLE_RUN,
  type SampleRunInput,
  sampleWorkflowId,
} from '../../workflows/messages.ts';
import type { Sampled } from '../../workflows/sample-run.ts';
import { csvText, rowsOf, unzip, zipOf } from '../import-engine.ts';
import { type FiledRequest, OPERATOR, REQUESTER, ServiceInProcess } from './service-in-process.ts';

vi.setConfig({ testTimeout: 180_000 });

let service: ServiceInProcess;
let portal: string;
beforeAll(async () => {
  service = await ServiceInProcess.start();
});
beforeEach(async () => {
  portal = await service.portal();
  await addAgents(service.db, portal, [
    { id: 'owner', lastName: 'Owner', email: 'owner@portal.example', status: 'active' },
  ]);
  await addNativeRecords(service.db, portal, 'contacts', [
    { id: 'n1', fields: { lastName: 'Native', email: 'c3@example.com' } },
  ]);
});
afterAll(() => service.stop());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Thirty of each; who refers to whom is far away in its file. */
const export_ = (lastNameOf2 = 'Last 2') =>
  zipOf({
    'Agents.csv': csvText(
      ['AgentExtId', 'Last Name', 'Email'],
      numbers(30).map((n) => [`A${n}`, `Agent ${n}`, `a${n}@example.com`]),
    ),
    'Contacts.csv': csvText(
      ['ContactExtId', 'Last Name', 'Email'],
      numbers(30).map((n) => [`C${n}`, n === 2 ? lastNameOf2 : `Last ${n}`, `c${n}@example.com`]),
    ),
    'Tickets.csv': csvText(
      ['TicketExtId', 'ContactExtId', 'Subject', 'Assignee Email'],
      numbers(30).map((n) => [
        `T${n}`,
        n <= 2 ? `C${n === 1 ? 25 : 2}` : 'C3',
        `Subject ${n}`,
        `a${31 - n}@example.com`,
      ]),
    ),
    'Comments.csv': csvText(
      ['CommentExtId', 'TicketExtId', 'Content', 'Commenter Email'],
      numbers(30).map((n) => [`K${n}`, `T${31 - n}`, `Text ${n}`, `c${((n + 9) % 30) + 1}@example.com`]),
    ),
    'Attachments.csv': csvText(
      ['AttachmentExtId', 'CommentExtId', 'File Name', 'File Path'],
      numbers(3).map((n) => [`X${n}`, `K${n + 20}`, `${n}.txt`, `files/${n}.txt`]),
    ),
    ...Object.fromEntries(numbers(3).map((n) => [`files/${n}.txt`, `file ${n}`])),
    'Articles.csv': csvText(
      ['ArticleExtId', 'Title', 'Answer', 'Category', 'Translation Of'],
      numbers(4).map((n) => [`R${n}`, `Title ${n}`, 'x', 'General', n === 1 ? 'R4' : '']),
    ),
  });

const create = async (): Promise<FiledRequest> =>
  service.create(portal, {
    tabs: ['agents', 'contacts', 'tickets', 'articles'],
    files: { 'Export.zip': await export_() },
  });

const sample = (request: FiledRequest, records: number, draw = false): Promise<Sampled> =>
  service.client.workflow.execute(SAMPLE_RUN, {
    taskQueue: LIFECYCLE_TASK_QUEUE,
    workflowId: sampleWorkflowId(request.id),
    args: [{ request: request.id, by: REQUESTER, records, draw } satisfies SampleRunInput],
  }) as Promise<Sampled>;

async function reportOf({ id }: FiledRequest, { report }: Sampled): Promise<Map<string, Buffer>> {
  const path = await service.deps.storage.localPath(`reports/${id}/sample-v${report.version}.zip`);
  expect((await verifyReport(path)).problems).toEqual([]);
  return unzip(await service.deps.storage.get(`reports/${id}/sample-v${report.version}.zip`));
}

/** External ids of what the sample took, of those with a result. */
const idsOf = (report: Map<string, Buffer>, file: string, result: string): string[] =>
  rowsOf(report.get(`${file}.csv`))
    .filter((row) => row['result'] === result)
    .map((row) => row['external_id'] ?? '');

/** Everything in the desk, whoever's it is, and every portal. */
async function wholeDesk(): Promise<string[]> {
  const lines: string[] = [];
  for (const name of [...TABS, 'portals', 'links'] as (Tab | 'portals')[]) {
    const found = await service.db
      .collection<{ _id: string }>(name)
      .find({}, { sort: { _id: 1 } })
      .toArray();
    for (const record of found) lines.push(`${name} ${JSON.stringify(record)}`);
  }
  return lines;
}

/** What is kept of sample runs but for their report and audit: names of collections and keys in storage. */
async function leftBehind({ id }: FiledRequest): Promise<string[]> {
  const left: string[] = [];
  for (const { name } of await service.db.listCollections().toArray()) {
    for (const prefix of [`${id}/sample`, `${id}.sample`]) {
      const found = await service.db
        .collection<{ _id: string }>(name)
        .findOne({ _id: { $gte: prefix, $lt: `${prefix}0` } });
      // the report, and what says that the run's audit entries are written
      if (found !== null && name !== 'reports' && name !== 'auditPlaces') left.push(`${name} ${found._id}`);
    }
  }
  for (const folder of ['segments', 'folded', 'blobs', 'drawn']) {
    for (const prefix of [`${folder}/${id}/`, `${folder}/${id}.sample/`]) {
      for await (const key of service.deps.storage.list(prefix)) left.push(key);
    }
  }
  return left;
}

test('B6, D1: the first N of each tab with everything they refer to; all others are told as not in the sample', async () => {
  const request = await create();
  const before = await wholeDesk();
  const sampled = await sample(request, 2);
  expect(sampled.discrepancies).toBe(0);
  const report = await reportOf(request, sampled);

  // T1 and T2, and those that the first comments are on, and the one whose comment X1 and X2 hang on
  expect(idsOf(report, 'Tickets', 'created')).toEqual(['T1', 'T2', 'T9', 'T10', 'T29', 'T30']);
  expect(idsOf(report, 'Comments', 'created')).toEqual(['K1', 'K2', 'K21', 'K22']);
  expect(idsOf(report, 'Attachments', 'created')).toEqual(['X1', 'X2']);
  // the first two, the parents of tickets, the authors of comments; C3 is the portal's own
  expect(idsOf(report, 'Contacts', 'created')).toEqual(['C1', 'C2', 'C11', 'C12', 'C25']);
  expect(idsOf(report, 'Contacts', 'unchanged')).toEqual(['C3']);
  // the first two, and the owners of tickets
  expect(idsOf(report, 'Agents', 'created')).toEqual(['A1', 'A2', 'A21', 'A22', 'A29', 'A30']);
  // of articles originals come first
  expect(idsOf(report, 'Articles', 'created')).toEqual(['R2', 'R3']);

  const summary = JSON.parse(String(report.get('summary.json'))) as {
    phase: string;
    portal: string;
    tabs: Record<string, Record<string, number>>;
  };
  expect(summary).toMatchObject({ phase: 'sample', portal });
  expect(summary.tabs['tickets']).toMatchObject({
    source: 30,
    created: 6,
    skipped: 24,
    failed: 0,
    // nobody falls back: agents and authors came with the records
    warnings: rowsOf(report.get('Tickets.csv')).filter((row) => row['warnings'] !== '').length,
  });
  expect(
    rowsOf(report.get('Tickets.csv'))
      .map((row) => row['warnings'])
      .join(''),
  ).not.toContain('FALLBACK');
  expect(
    rowsOf(report.get('Comments.csv'))
      .map((row) => row['warnings'])
      .join(''),
  ).not.toContain('FALLBACK');
  const skipped = rowsOf(report.get('Tickets.csv')).filter((row) => row['result'] === 'skipped');
  expect(new Set(skipped.map((row) => row['code']))).toEqual(new Set(['NOT_IN_SAMPLE']));

  // nothing is left but the report
  expect(await wholeDesk()).toEqual(before);
  expect(await leftBehind(request)).toEqual([]);
  expect((await request.document())?.state).toBe('PENDING');
  expect((await request.actions()).slice(-2)).toEqual(['requester:acme sampleOrdered', 'system sampled']);
});

test('B6: again, with what was mended: another version; nothing of a sample counts for phase 1', async () => {
  const request = await create();
  await request.upload('Export.zip', await export_(''));
  const first = await sample(request, 2);
  const broken = await reportOf(request, first);
  expect(idsOf(broken, 'Contacts', 'failed')).toEqual(['C2']);
  const failed = rowsOf(broken.get('Tickets.csv')).filter((row) => row['result'] === 'failed');
  expect(failed.map((row) => [row['external_id'], row['code']])).toEqual([['T2', 'PARENT_FAILED']]);
  expect(broken.has('failed/Contacts.csv')).toBe(true);

  await request.upload('Export.zip', await export_());
  const second = await sample(request, 2);
  expect([first.report.version, second.report.version]).toEqual([1, 2]);
  expect(idsOf(await reportOf(request, second), 'Contacts', 'failed')).toEqual([]);

  await request.approved();
  const { phases } = await request.reaches('the window is open', ({ state }) => state === 'REPLY_WINDOW');
  expect(phases.map(({ phase }) => phase)).toEqual(['phase-1']);
  expect(phases[0]?.tabs.tickets).toMatchObject({ source: 30, created: 30, failed: 0, digestsMatch: true });
  expect(phases[0]?.tabs.contacts).toMatchObject({ created: 29, unchanged: 1 });
  expect(phases[0]?.tabs.attachments).toMatchObject({ created: 3 });
  await request.command('stop', { by: OPERATOR, reason: 'test is over' });
});

test('B6, B3: a source read by its API is read anew for each sample, and nothing of the reading stays', async () => {
  const key = 'key-of-the-source-12345';
  const api = await startExportApi({ key, pageSize: 7 });
  try {
    for (const n of numbers(30)) {
      api.put('contacts', `C${n}`, { ContactExtId: `C${n}`, 'Last Name': `Last ${n}` });
      api.put('tickets', `T${n}`, { TicketExtId: `T${n}`, ContactExtId: `C${31 - n}`, Subject: `S ${n}` });
    }
    const request = await service.create(portal, {
      tabs: ['contacts', 'tickets'],
      api: { address: api.address, key },
    });
    const before = await wholeDesk();
    const first = await reportOf(request, await sample(request, 2, true));
    expect(idsOf(first, 'Tickets', 'created')).toEqual(['T1', 'T2']);
    expect(idsOf(first, 'Contacts', 'created')).toEqual(['C1', 'C2', 'C29', 'C30']);
    expect(idsOf(first, 'Tickets', 'skipped')).toHaveLength(28);

    api.put('contacts', 'C29', { ContactExtId: 'C29', 'Last Name': '' });
    const second = await reportOf(request, await sample(request, 2, true));
    expect(idsOf(second, 'Contacts', 'failed')).toEqual(['C29']);
    expect(idsOf(second, 'Tickets', 'failed')).toEqual(['T2']);

    expect(await wholeDesk()).toEqual(before);
    expect(await leftBehind(request)).toEqual([]);
    expect((await request.document())?.state).toBe('PENDING');
  } finally {
    await api.stop();
  }
});

test('B6: more than there is takes everything', async () => {
  const request = await create();
  const { tabs } = await sample(request, 100);
  expect(tabs).toEqual({
    agents: 30,
    contacts: 30,
    tickets: 30,
    threads: 0,
    comments: 30,
    attachments: 3,
    articles: 4,
  });
});

test('B6: one that fails leaves nothing behind, and says why', async () => {
  const request = await create();
  await service.stores.drafts.insert(request.id, 2, {
    ...(await service.stores.drafts.get(request.id, 1)),
    mapping: { version: 'none' },
  });
  const before = await wholeDesk();
  // the plan is tried again and again before it is given up: it is ended meanwhile
  const handle = await service.client.workflow.start(SAMPLE_RUN, {
    taskQueue: LIFECYCLE_TASK_QUEUE,
    workflowId: sampleWorkflowId(request.id),
    args: [{ request: request.id, by: REQUESTER, records: 2 } satisfies SampleRunInput],
  });
  await service.until('it tries', async () =>
    (await handle.describe()).raw.pendingActivities?.some((each) => each.activityType?.name === 'planPhase'),
  );
  await handle.cancel();
  // by the fault itself, where that comes at the very moment
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect(await wholeDesk()).toEqual(before);
  expect(await leftBehind(request)).toEqual([]);
  expect((await request.actions()).at(-1)).toBe('system sampleFailed');
});
