import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { csvText } from '../import-engine.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { fetchReport, fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

interface Shown {
  state: string;
  reason: string | null;
  closedAt: string | null;
  reports: { name: string }[];
  erased: { complete: boolean; files: number } | null;
}

const CUSTOMERS = 1_000;

describe('The whole service after its workflows were handled in Temporal, and the ways back', () => {
  let service: RunningService;
  let temporal: Client;
  let connection: Connection;
  let id: string;
  let path: string;

  beforeAll(async () => {
    service = await startService({ replyWindow: '1h' });
    connection = await Connection.connect({ address: service.temporalAddress });
    temporal = new Client({ connection });
    const folder = join(service.folder, 'export');
    await mkdir(folder);
    const contacts = Array.from({ length: CUSTOMERS }, (_, n) => [`C${n}`, `Last ${n}`, `c${n}@example.com`]);
    await writeFile(join(folder, 'Contacts.csv'), csvText(['ContactExtId', 'Last Name', 'Email'], contacts));
    id = await fileAndApprove(service, {
      portal: service.portal,
      files: ['Contacts.csv'],
      folder,
      tabs: ['contacts'],
      requesterMail: ADMINISTRATOR_MAIL,
    });
    path = `/v1/migrations/${id}`;
    await reach(service, id, 'REPLY_WINDOW');
  }, 180_000);
  afterAll(async () => {
    await connection?.close();
    await service?.end();
  }, 90_000);

  const shown = (): Promise<Shown> => service.operator.call<Shown>('GET', path);

  async function becomes(what: string, withinMs: number, holds: (now: Shown) => boolean): Promise<Shown> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const now = await shown();
      if (holds(now)) return now;
      if (Date.now() > deadline) throw new Error(`did not come about: ${what}; it is ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  test('F2, A8: terminated in Temporal, it says so within a minute; the portal takes another request', async () => {
    await temporal.workflow.getHandle(migrationWorkflowId(id)).terminate('pressed in the Web UI');
    const now = await becomes('it is stopped', 100_000, ({ closedAt }) => closedAt !== null);
    expect(now).toMatchObject({ state: 'STOPPED', reason: 'terminated in Temporal' });
    const portal = await service.operator.call<{ open: boolean; integrationsLockedBy: string | null }>(
      'GET',
      `/v1/portals/${service.portal}`,
    );
    expect(portal).toMatchObject({ open: true, integrationsLockedBy: null });
  }, 120_000);

  test('F1: undone through the API; the report lists every record', async () => {
    await service.operator.call('POST', `${path}/undo`, { reason: 'the wrong export' });
    await becomes('it is undone', 60_000, ({ reports }) => reports.some(({ name }) => name === 'undo'));
    const report = await fetchReport(service, id, 'undo');
    expect(JSON.parse(report.get('summary.json') ?? '')).toMatchObject({
      tabs: { contacts: { created: CUSTOMERS, removed: CUSTOMERS, changedSince: 0, referredTo: 0 } },
    });
    expect(report.get('Contacts.csv')?.trim().split('\n')).toHaveLength(CUSTOMERS + 1);
  }, 120_000);

  test('F5: erased through the API', async () => {
    await service.operator.call('POST', `${path}/erase`, { reason: 'asked for by the requester' });
    const { erased } = await becomes('it is erased', 60_000, (now) => now.erased?.complete === true);
    expect(erased?.files).toBe(1);
  }, 120_000);

  test('B6: a sample runs through the API, and leaves only its report', async () => {
    const created = await service.requester.call<{ id: string }>('POST', '/v1/migrations', {
      requester: { name: 'Sato Keiko', mail: ADMINISTRATOR_MAIL },
      source: { system: 'Old Desk', kind: 'files', scope: `s${randomUUID().slice(0, 8)}` },
      tabs: ['contacts'],
      desk: { kind: 'embedded', portal: service.portal },
    });
    id = created.id;
    path = `/v1/migrations/${id}`;
    await service.requester.upload(`${path}/files/Contacts.csv`, join(service.folder, 'export/Contacts.csv'));
    await service.requester.call('POST', `${path}/sample`, { records: 3 });
    await becomes('it is reported', 60_000, ({ reports }) => reports.some(({ name }) => name === 'sample'));
    const report = await fetchReport(service, id, 'sample');
    expect(JSON.parse(report.get('summary.json') ?? '')).toMatchObject({
      phase: 'sample',
      tabs: { contacts: { source: CUSTOMERS, created: 3, skipped: CUSTOMERS - 3, failed: 0 } },
    });
    expect((await shown()).state).toBe('PENDING');
  }, 120_000);

  test('C4: none of 1,000 customers was mailed, whatever happened to their records', async () => {
    const answer = await fetch(`${service.mailUi}/messages`);
    const caught = (await answer.json()) as { envelope: { to: string[] } }[];
    expect(caught.length).toBeGreaterThan(3);
    expect(new Set(caught.flatMap(({ envelope }) => envelope.to))).toEqual(new Set([ADMINISTRATOR_MAIL]));
  });
});
