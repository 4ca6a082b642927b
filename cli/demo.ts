import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { makeSampleHelpDesk } from '../examples/sample-help-desk.ts';
import { makeReply } from '../examples/sample-reply.ts';
import { noCounts, type TabCounts } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import { TABS } from '../domain/tab.ts';
import { type ApiClient, createApiClient } from './api-client.ts';
import {
  compareWithManifest,
  countByCode,
  type ExpectedOutcome,
  readReport,
  type ReportSummary,
} from './check-report.ts';
import { awaitFindings, followMigration } from './follow-migration.ts';
import { ADMINISTRATOR_MAIL, type LocalService, startLocalService } from './local-service.ts';
import { progressDrawer, table } from './show-progress.ts';

interface DemoOptions {
  tickets: number;
  seed: number;
  folder: string;
  json?: boolean;
  stay?: boolean;
}

interface MailSeen {
  to: string[];
  subject: string;
}

type PhaseResult = Record<string, TabCounts & { digestsMatch: boolean }>;

interface DemoResult {
  migration: string;
  state: string;
  phases: Record<string, PhaseResult>;
  mails: MailSeen[];
  reports: string[];
  temporalUi: string | null;
  seconds: number;
}

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It is a whole number from 1.');
  return value;
};

const command = new Command('demo')
  .description('Shows a whole migration, both phases, on servers started for it.')
  .option('--tickets <n>', 'size of the sample help desk', wholeNumber, 300)
  .option('--seed <n>', 'another seed is another sample', wholeNumber, 1)
  .option('--folder <path>', 'where data, files and reports go', join('.deskferry', 'demo'))
  .option('--json', 'only one line of JSON at the end, progress on standard error')
  .option('--stay', 'keep the servers up at the end until Ctrl-C (the default on a terminal)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run demo\n  npm run demo -- --tickets 5000 --stay\n  npm run demo -- --json',
  );

const options = command.parse().opts<DemoOptions>();
const out = options.json === true ? process.stderr : process.stdout;
const say = (line = ''): void => {
  out.write(`${line}\n`);
};
const folder = resolve(options.folder);
const shown = (path: string): string => relative(process.cwd(), path) || '.';

let service: LocalService | null = null;
let stopping: Promise<void> | null = null;
const stop = (): Promise<void> => (stopping ??= service?.stop() ?? Promise.resolve());
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say('\nStopping ...');
    void stop().then(() => process.exit(130));
  });
}

try {
  await run();
} catch (error) {
  process.stderr.write(
    `The demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.stderr.write(`Logs of the processes: ${shown(join(folder, 'processes.log'))}\n`);
  await stop();
  process.exit(1);
}

async function run(): Promise<void> {
  const began = Date.now();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });

  say(`1  Making a sample help desk of ${options.tickets} tickets ...`);
  const exported = join(folder, 'export');
  const sample = {
    tickets: options.tickets,
    seed: options.seed,
    portalAgents: [{ mail: ADMINISTRATOR_MAIL, active: true }],
  };
  const manifest = await makeSampleHelpDesk({ folder: exported, ...sample });
  const records = TABS.reduce((sum, tab) => sum + manifest.tabs[tab].source, 0);
  say(
    `   ${records} records in ${manifest.files.length} files, ${manifest.failures.length} of them faulty on purpose`,
  );

  say('2  Starting Temporal, MongoDB, a mail catcher, the API and two workers ...');
  const log = openLog(join(folder, 'processes.log'));
  service = await startLocalService({
    dataFolder: join(folder, 'data'),
    port: 0,
    env: { DESKFERRY_REPLY_WINDOW: '20s', ...process.env },
    say: (line) => say(`   ${line}`),
    log,
  });
  const requester = createApiClient(service.url, service.requesterKey);
  const operator = createApiClient(service.url, service.operatorKey);

  say('3  The customer files the request, uploads the files and submits');
  const id = await fileRequest(requester, service.portal, exported, manifest.files);
  say(`   ${id}`);

  say('4  The migration team takes it, looks at the findings and approves');
  await operator.call('POST', `/v1/migrations/${id}/verification`, {});
  const { findings } = await awaitFindings(operator, id);
  for (const severity of ['blocking', 'warning', 'information']) {
    say(`   ${findings.filter((each) => each.severity === severity).length} ${severity}`);
  }
  await operator.call('POST', `/v1/migrations/${id}/approve`, {});

  say('5  Phase 1');
  await follow(requester, id, (state) => state === 'REPLY_WINDOW');
  const first = await fetchReport(requester, id, 'phase-1', manifest);

  say('6  The customer replies with mended rows and what is new since');
  const replyFolder = join(folder, 'reply');
  const reply = await makeReply({ folder: replyFolder, sample });
  await requester.reply(
    `/v1/migrations/${id}/replies`,
    'Please find the mended rows and our new tickets attached.',
    reply.files.map((name) => ({ name, path: join(replyFolder, name) })),
  );

  say('7  The reply window ends by itself (here after seconds, in life after 14 days); phase 2');
  await follow(requester, id, (state) => state === 'COMPLETED');
  const second = await fetchReport(requester, id, 'phase-2', reply);

  const { messages } = await operator.call<{ messages: MailSeen[] }>('GET', `/v1/migrations/${id}/messages`);
  const result: DemoResult = {
    migration: id,
    state: 'COMPLETED',
    phases: { 'phase-1': first.result, 'phase-2': second.result },
    mails: messages.map(({ to, subject }) => ({ to, subject })),
    reports: [first.file, second.file].map(shown),
    temporalUi: service.temporalUi,
    seconds: Math.round((Date.now() - began) / 100) / 10,
  };
  const proven = [first, second].every(
    (each) => each.differences.length === 0 && Object.values(each.result).every((tab) => tab.digestsMatch),
  );
  if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else tell(result, service);
  if (!proven) {
    say('The result is NOT what was expected:');
    for (const each of [first, second]) for (const line of each.differences) say(`   ${line}`);
  }
  const stays = options.stay ?? (options.json !== true && process.stdout.isTTY);
  if (stays) {
    say('The servers stay up for you to look around. Ctrl-C stops them.');
    await new Promise(() => setInterval(() => {}, 1_000_000));
  }
  await stop();
  process.exit(proven ? 0 : 1);
}

async function fileRequest(api: ApiClient, portal: string, files: string, names: string[]): Promise<string> {
  const { id } = await api.call<{ id: string }>('POST', '/v1/migrations', {
    requester: {
      name: 'Sato Keiko',
      mail: ADMINISTRATOR_MAIL,
      company: 'ACME',
      locale: 'ja',
      timeZone: 'Asia/Tokyo',
    },
    source: { system: 'Harbour Desk', kind: 'files', scope: 'harbour' },
    tabs: ['agents', 'accounts', 'contacts', 'products', 'tickets', 'articles'],
    remarks: 'Please keep our ticket numbers.',
  });
  for (const name of names) {
    await api.upload(`/v1/migrations/${id}/files/${encodeURIComponent(name)}`, join(files, name));
  }
  await api.call('PUT', `/v1/migrations/${id}/desk`, { kind: 'embedded', portal });
  await api.call('POST', `/v1/migrations/${id}/submit`, {});
  return id;
}

async function follow(api: ApiClient, id: string, until: (state: string) => boolean): Promise<void> {
  const drawer = progressDrawer(out);
  await followMigration(api, id, {
    until,
    // The bars of phase 2 begin when it does: before, the document still tells of phase 1.
    onProgress: (progress) => {
      if (['PHASE_1', 'PHASE_2'].includes(progress.state) || until(progress.state)) drawer.draw(progress);
    },
    withinMs: Math.max(600_000, options.tickets * 100),
  });
  drawer.end();
}

async function fetchReport(
  api: ApiClient,
  id: string,
  phase: Phase,
  expected: ExpectedOutcome,
): Promise<{ file: string; result: PhaseResult; differences: string[] }> {
  const file = join(folder, `${phase}.zip`);
  await api.download(`/v1/migrations/${id}/reports/${phase}.zip`, file);
  const report = await readReport(file);
  const summary = JSON.parse(report.get('summary.json') ?? '') as ReportSummary;
  const differences = compareWithManifest(report, expected);
  const agrees =
    differences.length === 0
      ? 'exactly as the manifest says'
      : `${differences.length} differences to the manifest`;
  const codes = countByCode(expected.failures).map(([code, count]) => `${code} ${count}`);
  say(`   ${expected.failures.length} failures expected (${codes.join(', ')}): ${agrees}`);
  const result: PhaseResult = {};
  for (const tab of TABS) {
    const reported = summary.tabs[tab];
    if (reported === undefined) continue;
    const { source, created, updated, unchanged, skipped, failed, digestsMatch } = {
      ...noCounts(),
      ...reported,
    };
    result[tab] = { source, created, updated, unchanged, skipped, failed, digestsMatch };
  }
  return { file, result, differences };
}

function tell(result: DemoResult, running: LocalService): void {
  for (const [phase, tabs] of Object.entries(result.phases)) {
    say(`\n${phase}`);
    say(
      table(
        ['tab', 'source', 'created', 'updated', 'unchanged', 'skipped', 'failed', 'digests'],
        Object.entries(tabs).map(([tab, counts]) => [
          tab,
          counts.source,
          counts.created,
          counts.updated,
          counts.unchanged,
          counts.skipped,
          counts.failed,
          counts.digestsMatch ? 'match' : 'DIFFER',
        ]),
      ),
    );
  }
  say(`\nMails (${result.mails.length})`);
  for (const mail of result.mails) say(`  ${mail.to.join(', ')}  ${mail.subject}`);
  say('\nWhere to look');
  say(`  reports      ${result.reports.join('  ')}`);
  say(
    `  Temporal UI  ${running.temporalUi ?? '-'}/namespaces/default/workflows  (migration/${result.migration})`,
  );
  say(`  mail         ${running.mailUi ?? running.smtp}`);
  say(`  API          ${running.url}/docs`);
  say(`  all files    ${shown(folder)}`);
  say(`\n${result.state} after ${result.seconds} s`);
}

function openLog(file: string): (line: string) => void {
  const stream = createWriteStream(file, { flags: 'a' });
  return (line) => stream.write(`${line}\n`);
}
