import { readFile, rename, rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { noCounts } from '../../domain/codes.ts';
import { TABS } from '../../domain/tab.ts';
import { wholeNumber } from '../arguments.ts';
import { CommandFailure, EXIT, type ExitCode } from '../command-failure.ts';
import { readMigration } from '../follow-on-screen.ts';
import { shellWords } from '../output.ts';
import { perform, type Session } from '../session.ts';
import { table } from '../show-progress.ts';
import { localFiles } from './migrate.ts';

interface ReportOptions {
  name?: string;
  reportVersion?: number;
  out?: string;
}

/** `report`, `verify-report`: the proof of a phase (C7, D1, D2). */
export function addReportCommands(program: Command): void {
  program
    .command('report')
    .summary('download a report')
    .description('The latest report, or the one named, as a ZIP in this folder or where --out says.')
    .argument('<id>', 'id of the request')
    .addOption(
      new Option('--name <name>', 'which report; the latest otherwise').choices([
        'sample',
        'phase-1',
        'phase-2',
        'undo',
      ]),
    )
    .option('--report-version <n>', 'which version of it; the latest otherwise', wholeNumber(1))
    .option('--out <file>', 'where to write it')
    .addHelpText(
      'after',
      '\nExamples:\n  deskferry report m_01hx...\n  deskferry report m_01hx... --name phase-1 --out phase-1.zip',
    )
    .action((id: string, options: ReportOptions, command: Command) =>
      perform(command, (session) => download(session, id, options)),
    );
  program
    .command('verify-report')
    .summary('recompute the counts and digests of a report')
    .description(
      'Reads every row of a report and compares counts and digests with its summary. Needs no login and no service. Ends with 1 when the summary is not true.',
    )
    .argument('<file>', 'the ZIP of the report')
    .option(
      '--public-key <file>',
      "PEM of the service's key (GET /v1/report-key): tells whether the report is its own",
    )
    .addHelpText(
      'after',
      '\nExamples:\n  deskferry verify-report m_01hx...-phase-1-v1.zip\n  deskferry verify-report phase-1.zip --public-key deskferry.pem',
    )
    .action((file: string, options: { publicKey?: string }, command: Command) =>
      perform(command, (session) => verify(session, file, options.publicKey)),
    );
}

async function download({ output, api: open }: Session, id: string, options: ReportOptions): Promise<void> {
  const api = await open();
  const { id: request, reports } = await readMigration(api, id);
  const latest = reports
    .filter(({ name }) => options.name === undefined || name === options.name)
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .at(-1);
  if (latest === undefined) {
    throw new CommandFailure(EXIT.denied, 'not-found', 'There is no such report yet.', [
      `See where the request is: deskferry status ${request}`,
    ]);
  }
  const { name } = latest;
  const version = options.reportVersion ?? latest.version;
  const file = options.out ?? `${request}-${name}-v${version}.zip`;
  const part = `${file}.${process.pid}.part`;
  try {
    await api.download(
      `/v1/migrations/${encodeURIComponent(request)}/reports/${name}.zip?version=${version}`,
      part,
    );
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
  output.result(
    { request, name, version, file },
    `Wrote ${file}\nCheck it: ${shellWords(['deskferry', 'verify-report', file])}`,
  );
}

async function verify({ output }: Session, file: string, keyFile: string | undefined): Promise<ExitCode> {
  // needed by this command alone
  const [{ verifyReport }, { ImportError }] = await Promise.all([
    import('../../activities/verify-report.ts'),
    import('../../activities/errors.ts'),
  ]);
  await localFiles([file]);
  const publicKey = keyFile === undefined ? undefined : await readKeyFile(keyFile);
  const verdict = await verifyReport(file, publicKey).catch((error: unknown) => {
    if (!(error instanceof ImportError)) throw error;
    throw new CommandFailure(EXIT.failed, 'report-unreadable', `${file} is no report: ${error.message}.`);
  });
  const { summary, records, signature, problems } = verdict;
  const proven = problems.length === 0;
  const rows = TABS.flatMap((tab) => {
    const said = summary.tabs[tab];
    if (said === undefined) return [];
    const { source, created, updated, unchanged, skipped, failed } = { ...noCounts(), ...said };
    return [
      [tab, source, created, updated, unchanged, skipped, failed, said.digestsMatch ? 'match' : 'DIFFER'],
    ];
  });
  const head = ['tab', 'source', 'created', 'updated', 'unchanged', 'skipped', 'failed', 'digests'];
  const conclusion = proven
    ? `True: ${records} records add up to what the summary says. Signature: ${signature}.`
    : ['NOT true:', ...problems.map((problem) => `  ${problem}`)].join('\n');
  output.result(
    { file, proven, records, signature, problems, summary },
    `${summary.phase} of request ${summary.request}, portal ${summary.portal}\n\n${table(head, rows)}\n\n${conclusion}`,
  );
  return proven ? EXIT.ok : EXIT.failed;
}

/** The key of a service, as PEM. */
export async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new CommandFailure(EXIT.usage, 'file-unreadable', `The key file ${file} cannot be read.`);
  }
}
