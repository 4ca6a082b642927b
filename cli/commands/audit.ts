import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import type { auditAnswer } from '../../api/answers.ts';
import { CommandFailure, EXIT, type ExitCode, usageFailure } from '../command-failure.ts';
import { addInstallationOption } from '../installation-option.ts';
import type { Installation, InstallationOptions } from '../open-installation.ts';
import { localTime } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { readKeyFile } from './report.ts';
import { perform, type Session } from '../session.ts';
import { table } from '../show-progress.ts';

type AuditAnswer = z.input<typeof auditAnswer>;

interface VerifyOptions extends InstallationOptions {
  against?: string;
  export?: string;
  publicKey?: string[];
}

/** A request's chain as it was found. */
interface VerifiedChain {
  request: string;
  entries: number;
  /** how many of them, at the beginning, are not signed */
  unsigned: number;
  /** hash of the last entry, null when there is none */
  last: string | null;
  /** the first place that is not what was written, null when the chain is whole */
  broken: { position: number; problem: string } | null;
}

/** `audit`, `audit verify`: who did what, and whether that was changed (F2). */
export function addAuditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .summary('show who did what, or verify that nobody changed it')
    .description('Shows the audit log of a request: who did what, when and why.')
    .argument('[id]', 'id of the request')
    .addHelpText(
      'after',
      '\nExamples:\n  deskferry audit m_01hx...\n  deskferry audit verify --env-file .env',
    )
    .action((id: string | undefined, _: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        if (id === undefined)
          throw usageFailure('Whose log? deskferry audit <id>, or deskferry audit verify');
        const path = `/v1/migrations/${encodeURIComponent(id)}/audit`;
        const answer = await readPages<AuditAnswer>(await api(), path, 'entries');
        output.result(answer, auditText(answer));
      }),
    );
  addInstallationOption(
    audit
      .command('verify')
      .summary('verify the hash chain of the audit log (on MongoDB)')
      .description(
        "Recomputes every hash of the log of all requests, or of those named, and looks at the service's signatures: finds entries that were changed, removed, added, replaced or cut off. --against finds also that a log was put back to what it was earlier, with what an earlier run answered and was kept elsewhere. With --export it needs no MongoDB. Ends with 1 when anything was changed.",
      )
      .argument('[ids...]', 'requests; all of them otherwise')
      .option('--against <file>', 'what an earlier run answered with --json')
      .option('--export <file>', 'verify what "deskferry audit <id> --json" wrote instead')
      .option(
        '--public-key <file>',
        "PEM of the service's key (GET /v1/report-key), or of an earlier one; may be given again. The key of DESKFERRY_SECRET counts, too",
        (file: string, before: string[] | undefined) => [...(before ?? []), file],
      ),
  )
    .addHelpText(
      'after',
      `
Examples:
  deskferry audit verify --env-file .env
  deskferry audit verify --env-file .env --json > audit-2026-05.json
  deskferry audit verify --env-file .env --against audit-2026-05.json
  deskferry audit verify --export audit-of-m_01hx.json --public-key deskferry.pem`,
    )
    .action((ids: string[], options: VerifyOptions, command: Command) =>
      perform(command, (session) => verify(session, ids, options)),
    );
}

function auditText({ entries }: AuditAnswer): string {
  return table(
    ['', 'at', 'by', 'action', 'reason'],
    entries.map(({ position, at, by, action, reason }) => [
      position,
      localTime(at),
      by,
      action,
      reason ?? '',
    ]),
  );
}

async function verify(
  { output, signal }: Session,
  ids: readonly string[],
  options: VerifyOptions,
): Promise<ExitCode> {
  if (options.export !== undefined) {
    if (ids.length > 0 || options.against !== undefined || options.envFile !== undefined) {
      throw usageFailure('--export is verified alone: without ids, --against and --env-file.');
    }
    const keys = await keysOf(options);
    return tell(output, [await verifyExport(options.export, keys)], keys);
  }
  const earlier = options.against === undefined ? [] : await readEarlier(options.against);
  const { withInstallation } = await import('../open-installation.ts');
  let keys: string[] | null = null;
  const chains = await withInstallation(options, async (installation) => {
    keys = await keysOf(options);
    const known = earlier.filter(({ request }) => ids.length === 0 || ids.includes(request));
    const wanted = new Set(ids.length > 0 ? ids : await allRequests(installation));
    for (const { request } of known) wanted.add(request);
    const found: VerifiedChain[] = [];
    for (const request of [...wanted].toSorted()) {
      signal.throwIfAborted();
      const before = known.find((each) => each.request === request) ?? null;
      found.push(await verifyOne(installation, request, { before, keys, named: ids.length > 0 }));
    }
    return found;
  });
  return tell(output, chains, keys);
}

function tell(
  output: Session['output'],
  chains: readonly VerifiedChain[],
  keys: readonly string[] | null,
): ExitCode {
  const broken = chains.filter((chain) => chain.broken !== null);
  const entries = chains.reduce((sum, chain) => sum + chain.entries, 0);
  const lines = broken.map(
    (chain) => `${chain.request}  entry ${chain.broken?.position}: ${chain.broken?.problem}`,
  );
  const unsigned = chains.reduce((sum, chain) => sum + chain.unsigned, 0);
  const signatures =
    keys === null
      ? 'Signatures were not looked at: give --public-key, or DESKFERRY_SECRET.'
      : unsigned > 0
        ? `${unsigned} of them are not signed: written before entries were, or their signatures were taken away.`
        : 'All are signed.';
  const whole = `Whole: ${entries} entries of ${chains.length} requests are as they were written. ${signatures}`;
  output.result(
    {
      at: new Date().toISOString(),
      whole: broken.length === 0,
      signatures: keys === null ? 'unchecked' : 'checked',
      chains,
    },
    broken.length === 0 ? whole : ['NOT whole:', ...lines].join('\n'),
  );
  return broken.length === 0 ? EXIT.ok : EXIT.failed;
}

async function allRequests({ stores }: Installation): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await stores.requests.list({}, cursor, 100);
    ids.push(...page.requests.map(({ id }) => id));
    if (page.next === null) return ids;
    cursor = page.next;
  }
}

/** The keys whose signatures count; null when none is known. */
async function keysOf({ publicKey: files = [] }: VerifyOptions): Promise<string[] | null> {
  const { createReportSigner } = await import('../../store/report-signature.ts');
  const secret = process.env['DESKFERRY_SECRET'] ?? '';
  const own = secret === '' ? [] : [createReportSigner(secret).publicKey];
  const keys = [...own, ...(await Promise.all(files.map(readKeyFile)))];
  return keys.length === 0 ? null : keys;
}

/** What `deskferry audit <id> --json` wrote. */
async function verifyExport(file: string, keys: readonly string[] | null): Promise<VerifiedChain> {
  const { proveChain } = await import('../../store/audit-chain.ts');
  const { request, entries, end } = await readExport(file);
  const chain = entries.map((entry) => ({ ...entry, request, at: Date.parse(entry.at) }));
  return { request, last: chain.at(-1)?.hash ?? null, ...proveChain(request, chain, end, keys) };
}

async function readExport(file: string): Promise<AuditAnswer> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw usageFailure(`${file} cannot be read.`);
  });
  try {
    const answer = JSON.parse(text) as AuditAnswer;
    if (typeof answer.request === 'string' && Array.isArray(answer.entries) && answer.end !== undefined) {
      return answer;
    }
  } catch {
    // told below
  }
  throw usageFailure(`${file} is no answer of deskferry audit <id> --json.`);
}

async function verifyOne(
  { stores: { audit, requests } }: Installation,
  request: string,
  { before, keys, named }: { before: VerifiedChain | null; keys: readonly string[] | null; named: boolean },
): Promise<VerifiedChain> {
  const { entries, unsigned, broken } = await audit.verifyChain(request, keys);
  const chain = await audit.list(request);
  if (entries === 0 && broken === null) {
    if (named && before === null && (await requests.get(request)) === null) {
      throw new CommandFailure(EXIT.denied, 'not-found', `There is no request ${request}.`);
    }
    // its creation is an entry: a request without any has lost them
    return {
      request,
      entries,
      unsigned,
      last: null,
      broken: { position: 1, problem: 'the whole log is missing' },
    };
  }
  // of what was verified: entries may have been added since
  const last = chain[entries - 1]?.hash ?? null;
  const changed =
    before !== null && before.entries > 0 && chain[before.entries - 1]?.hash !== before.last
      ? { position: before.entries, problem: 'the chain is not the one that was verified earlier' }
      : null;
  return { request, entries, unsigned, last, broken: broken ?? changed };
}

async function readEarlier(file: string): Promise<VerifiedChain[]> {
  const text = await readFile(file, 'utf8');
  try {
    const { chains } = JSON.parse(text) as { chains: VerifiedChain[] };
    if (chains.every(({ request, entries }) => typeof request === 'string' && Number.isInteger(entries))) {
      return chains;
    }
  } catch {
    // told below
  }
  throw usageFailure(`${file} is no answer of deskferry audit verify --json.`);
}
