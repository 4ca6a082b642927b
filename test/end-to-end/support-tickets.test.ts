import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ReportSummary } from '../../cli/check-report.ts';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { prepareSupportTickets } from '../../examples/prepare-support-tickets.ts';
import { fetchReport, fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

// Uses ../shared: the one kind of test that may be skipped, when that folder is absent.
const REAL_FILE = join(import.meta.dirname, '../../../shared/data/customer_support_tickets.csv');

describe.skipIf(!existsSync(REAL_FILE))('a real ticket list of a small company (../shared)', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService({ replyWindow: '1h' });
  }, 180_000);
  afterAll(() => service?.end(), 90_000);

  test('D1, D2: all 8,469 tickets are accounted for', async () => {
    const folder = join(service.folder, 'prepared');
    await prepareSupportTickets(REAL_FILE, folder);
    const id = await fileAndApprove(service, {
      portal: service.portal,
      files: ['Contacts.csv', 'Products.csv', 'Tickets.csv'],
      folder,
      tabs: ['contacts', 'products', 'tickets'],
      requesterMail: ADMINISTRATOR_MAIL,
      scope: 'smallco',
    });
    await reach(service, id, 'REPLY_WINDOW', 280_000);
    const report = await fetchReport(service, id, 'phase-1');
    const { tabs } = JSON.parse(report.get('summary.json') ?? '') as ReportSummary;
    expect(tabs.contacts).toMatchObject({ source: 8_320, created: 8_320, failed: 0, digestsMatch: true });
    expect(tabs.products).toMatchObject({ source: 42, created: 42, failed: 0, digestsMatch: true });
    expect(tabs.tickets).toMatchObject({ source: 8_469, created: 8_469, failed: 0, digestsMatch: true });
  }, 300_000);
});
