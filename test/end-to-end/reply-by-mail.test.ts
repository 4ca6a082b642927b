import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR_MAIL } from '../../cli/local-service.ts';
import { makeSampleHelpDesk, SAMPLE_UPLOADS } from '../../examples/sample-help-desk.ts';
import { makeReply } from '../../examples/sample-reply.ts';
import { compareWithManifest } from '../../cli/check-report.ts';
import { fetchReport, fileAndApprove, reach, type RunningService, startService } from './migrate.ts';

interface CaughtMail {
  subject: string;
  envelope: { from: string; to: string[] };
  headers: Record<string, string>;
  attachments: { filename: string }[];
}

describe('E1, E2: a reply by mail', () => {
  let service: RunningService;
  beforeAll(async () => {
    service = await startService({ replyWindow: '14d' });
  }, 180_000);
  afterAll(() => service?.end(), 90_000);

  async function caught(): Promise<CaughtMail[]> {
    return (await (await fetch(`${service.mailUi}/messages`)).json()) as CaughtMail[];
  }
  async function caughtOne(what: (mail: CaughtMail) => boolean): Promise<CaughtMail> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const mail = (await caught()).find(what);
      if (mail !== undefined) return mail;
      if (Date.now() > deadline) throw new Error('the mail did not come');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  test('carries mended files into phase 2, which both sides start early; no customer is mailed', async () => {
    const sample = { tickets: 50, seed: 5, portalAgents: [{ mail: ADMINISTRATOR_MAIL, active: true }] };
    const folder = join(service.folder, 'export');
    await makeSampleHelpDesk({ folder, ...sample });
    const id = await fileAndApprove(service, {
      portal: service.portal,
      files: [...SAMPLE_UPLOADS],
      folder,
      tabs: ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'],
      requesterMail: ADMINISTRATOR_MAIL,
    });
    await reach(service, id, 'REPLY_WINDOW');

    const report = await caughtOne((mail) => mail.subject.includes('Phase 1 of your migration is done'));
    expect(report.attachments.map((each) => each.filename)).toEqual([`${id}-phase-1.zip`]);
    const replyTo = report.headers['reply-to'] ?? '';
    expect(replyTo).toMatch(/^replies\+/);

    const mended = join(service.folder, 'reply');
    const reply = await makeReply({ folder: mended, sample });
    const transport = createTransport(service.smtp);
    await transport.sendMail({
      from: ADMINISTRATOR_MAIL,
      to: replyTo,
      subject: `Re: ${report.subject}`,
      inReplyTo: report.headers['message-id'] ?? '',
      text: 'Here is what we mended.\n\nOn Mon, the migration team wrote:\n> please reply\n',
      attachments: reply.files.map((filename) => ({ filename, path: join(mended, filename) })),
    });
    transport.close();
    await caughtOne((mail) => mail.subject === 'We have received your reply');

    await service.requester.call('POST', `/v1/migrations/${id}/phase-2`, {});
    await service.operator.call('POST', `/v1/migrations/${id}/phase-2`, {});
    await reach(service, id, 'COMPLETED');
    expect(compareWithManifest(await fetchReport(service, id, 'phase-2'), reply)).toEqual([]);

    await caughtOne((mail) => mail.subject === 'Your migration is complete');
    const told = new Set((await caught()).flatMap((mail) => mail.envelope.to));
    expect(told).toEqual(new Set([ADMINISTRATOR_MAIL, replyTo]));
  }, 300_000);
});
