import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { z } from 'zod';
import type { auditAnswer } from '../../api/answers.ts';
import { CommandFailure, EXIT, type ExitCode, usageFailure } from '../command-failure.ts';
import { addInstallationOption } from '../installation-option.ts';
import type { Installation, InstallationOptions } from '../open-installation.ts';
import { localTime } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { perform, type Session } from '../session.ts';
import { table } from '../show-progress.ts';

type AuditAnswer = z.input<typeof auditAnswer>;

interface VerifyOptions extends InstallationOptions {
  against?: string;
}

/** A request's chain as it was found. */
interface VerifiedChain {
  request: string;
  entries: number;
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
        'Recomputes every hash of the log of all requests, or of those named: finds entries that were changed, removed, replaced or cut off. Who can write to MongoDB could compute a whole chain anew; --against finds that too, with what an earlier run answered and was kept elsewhere. Ends with 1 when anything was changed.',
      )
      .argument('[ids...]', 'requests; all of them otherwise')
      .option('--against <file>', 'what an earlier run answered with --json'),
  )
    .addHelpText(
      'after',
      `
Examples:
  deskferry audit verify --env-file .env
  deskferry audit verify --env-file .env --json > audit-2026-05.json
  deskferry audit verify --env-file .env --against audit-2026-05.json`,
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
  const earlier = options.against === undefined ? [] : await readEarlier(options.against);
  const { withInstallation } = await import('../open-installation.ts');
  const chains = await withInstallation(options, async (installation) => {
    const known = earlier.filter(({ request }) => ids.length === 0 || ids.includes(request));
    const wanted = new Set(ids.length > 0 ? ids : await allRequests(installation));
    for (const { request } of known) wanted.add(request);
    const found: VerifiedChain[] = [];
    for (const request of [...wanted].toSorted()) {
      signal.throwIfAborted();
      const before = known.find((each) => each.request === request) ?? null;
      found.push(await verifyOne(installation, request, before, ids.length > 0));
    }
    return found;
  });
  const broken = chains.filter((chain) => chain.broken !== null);
  const entries = chains.reduce((sum, chain) => sum + chain.entries, 0);
  const lines = broken.map(
    (chain) => `${chain.request}  entry ${chain.broken?.position}: ${chain.broken?.problem}`,
  );
  const whole = `Whole: ${entries} entries of ${chains.length} requests are as they were written.`;
  output.result(
    { at: new Date().toISOString(), whole: broken.length === 0, chains },
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

async function verifyOne(
  { stores: { audit, requests } }: Installation,
  request: string,
  before: VerifiedChain | null,
  named: boolean,
): Promise<VerifiedChain> {
  const { entries, broken } = await audit.verifyChain(request);
  const chain = await audit.list(request);
  if (entries === 0 && broken === null) {
    if (named && before === null && (await requests.get(request)) === null) {
      throw new CommandFailure(EXIT.denied, 'not-found', `There is no request ${request}.`);
    }
    // its creation is an entry: a request without any has lost them
    return { request, entries, last: null, broken: { position: 1, problem: 'the whole log is missing' } };
  }
  // of what was verified: entries may have been added since
  const last = chain[entries - 1]?.hash ?? null;
  const changed =
    before !== null && before.entries > 0 && chain[before.entries - 1]?.hash !== before.last
      ? { position: before.entries, problem: 'the chain is not the one that was verified earlier' }
      : null;
  return { request, entries, last, broken: broken ?? changed };
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
