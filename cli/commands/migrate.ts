import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { MigrationAnswer, PortalAnswer, PortalsAnswer } from '../../api/answers.ts';
import { isTab, type Tab, TABS, TICKET_CHILD_TABS } from '../../domain/tab.ts';
import { ENCODINGS } from '../../sources/rows.ts';
import { TABLE_NAME, tabOfName } from '../../sources/tab-of-name.ts';
import { type ApiClient, ApiProblem, type OnSent } from '../api-client.ts';
import {
  EXIT,
  type ExitCode,
  explainFailure,
  interrupted,
  usageFailure,
  withNext,
} from '../command-failure.ts';
import { barText, doStep } from '../do-step.ts';
import { followOnScreen, readMigration } from '../follow-on-screen.ts';
import { listBundle } from '../list-bundle.ts';
import { shellWords, sizeText } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { readSourceKey, SOURCE_KEY_FILE } from '../read-source-key.ts';
import { sha256OfFile } from '../send-body.ts';
import { perform, type Session } from '../session.ts';
import { migrationText } from '../show-migration.ts';
import { type LocalFile, overBrokenLine, uploadFile } from '../upload-file.ts';

interface MigrateOptions {
  portal?: string;
  tabs?: Tab[];
  omit?: Tab[];
  system?: string;
  sourceAddress?: string;
  sourceKeyFile?: string;
  scope?: string;
  mapping?: string;
  encoding?: Record<string, string>;
  remarks?: string;
  requester?: Mailbox;
  company?: string;
  locale?: string;
  timeZone?: string;
  continue?: string;
  submit: boolean;
  follow: boolean;
}

interface Mailbox {
  name: string;
  mail: string;
}

/** `migrate`: files a request from files, and follows it. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .summary('file a migration of these files, or of a source read by its API, and follow it')
    .description(
      'Files a request, uploads the files, authorises the desk, submits, and follows the migration until replies are taken. Interrupted at any point it loses nothing: it tells how to go on.',
    )
    .argument('[files...]', 'CSV files in the prepared format or with a mapping, or ZIPs of them')
    .option('--portal <id>', 'portal to migrate into; may be left out where there is only one')
    .option('--tabs <list>', 'what to move, by commas; told by the names of the files otherwise', tabList)
    .option('--omit <list>', 'which of threads, comments, attachments to leave out', omitList)
    .option('--system <name>', 'name of the other help desk (default: "exported files")')
    .option(
      '--scope <name>',
      'short name of the source account: external ids are unique within it (default: "files")',
    )
    .option('--source-address <url>', 'read the source by its export API (docs/source-api.md); needs --tabs')
    .option(...SOURCE_KEY_FILE)
    .option('--mapping <file>', 'field mapping, as JSON (docs/mapping.md)')
    .option('--encoding <file=name>', 'confirmed encoding of a file; may be given again', encodingOf)
    .option('--remarks <text>', 'anything the migration team should know')
    .option(
      '--requester <mailbox>',
      'who asks, as "Name <mail>"; the primary contact of the portal otherwise',
      mailbox,
    )
    .option('--company <name>', 'the company; the name of the portal otherwise')
    .addOption(new Option('--locale <locale>', 'language of mail and reports').choices(['ja', 'en']))
    .option('--time-zone <zone>', "zone times are told in; this machine's otherwise")
    .option('--continue <id>', 'go on with a request that was begun: what is there is not sent again')
    .option('--no-submit', 'upload only, to look at prechecks first')
    .option('--no-follow', 'end once it is submitted')
    .addHelpText(
      'after',
      `
Examples:
  deskferry migrate Contacts.csv Tickets.csv --portal acme --omit threads,comments,attachments
  deskferry migrate export.zip --portal acme --system "Old Desk" --scope olddesk --no-follow
  deskferry migrate list.csv --portal acme --mapping mapping.json --encoding list.csv=shift_jis
  deskferry migrate --source-address https://desk.example/export --source-key-file olddesk.key --tabs contacts,tickets
  deskferry migrate --continue m_01hx... Contacts.csv Tickets.csv`,
    )
    .action((files: string[], options: MigrateOptions, command: Command) =>
      perform(command, (session) => migrate(session, files, options)),
    );
}

function tabList(text: string): Tab[] {
  return text.split(',').map((name) => {
    const tab = name.trim().toLowerCase();
    if (!isTab(tab)) throw new InvalidArgumentError(`The tabs are ${TABS.join(', ')}.`);
    return tab;
  });
}

function omitList(text: string): Tab[] {
  const tabs = tabList(text);
  if (tabs.every((tab) => (TICKET_CHILD_TABS as readonly Tab[]).includes(tab))) return tabs;
  throw new InvalidArgumentError(`Only ${TICKET_CHILD_TABS.join(', ')} can be left out.`);
}

function encodingOf(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.lastIndexOf('=');
  const encoding = ENCODINGS.find((each) => each.toLowerCase() === text.slice(at + 1).toLowerCase());
  if (at < 1 || encoding === undefined) {
    throw new InvalidArgumentError(`It is written file=encoding; the encodings are ${ENCODINGS.join(', ')}.`);
  }
  return { ...before, [text.slice(0, at)]: encoding };
}

/** `Name <mail>`. */
export function mailbox(text: string): Mailbox {
  const parts = /^\s*"?([^<>"]+?)"?\s*<([^\s<>@]+@[^\s<>@]+)>\s*$/.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined) {
    throw new InvalidArgumentError('It is written "Name <mail>".');
  }
  return { name: parts[1], mail: parts[2] };
}

async function migrate(session: Session, paths: string[], options: MigrateOptions): Promise<ExitCode> {
  const { sourceAddress, sourceKeyFile } = options;
  if (paths.length === 0 && options.continue === undefined && sourceAddress === undefined)
    throw usageFailure('Name the files to migrate, or the --source-address.');
  if (options.continue !== undefined && (sourceAddress !== undefined || sourceKeyFile !== undefined))
    throw usageFailure('A new key is given with: deskferry source-key. The address stays.');
  if (sourceKeyFile !== undefined && sourceAddress === undefined)
    throw usageFailure('--source-key-file needs --source-address, too.');
  const files = await localFiles(paths);
  const mapping = options.mapping === undefined ? undefined : await readMapping(options.mapping);
  const api = await session.api();
  const migration =
    options.continue === undefined
      ? await fileRequest(session, api, files, mapping, options)
      : await takeUp(session, api, options.continue, mapping, options);
  const { id } = migration;
  const goOn = `Go on: ${shellWords(['deskferry', 'migrate', '--continue', id, ...paths])}`;
  try {
    session.signal.throwIfAborted();
    return await complete(session, api, migration, files, options);
  } catch (error) {
    if (session.signal.aborted) {
      const failure =
        error instanceof Error && error.name === 'CommandFailure' ? explainFailure(error) : null;
      throw failure ?? interrupted([`Request ${id} keeps what has arrived. ${goOn}`], { id });
    }
    throw withNext(explainFailure(error), [`Request ${id} keeps what has arrived. ${goOn}`], { id });
  }
}

/** What is to be sent. @throws CommandFailure for what is no file, is empty, or has the name of another */
export async function localFiles(paths: readonly string[]): Promise<LocalFile[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
        throw usageFailure(`${path} ${error.code === 'ENOENT' ? 'is not there' : 'cannot be read'}.`);
      });
      if (!found.isFile()) throw usageFailure(`${path} is no file.`);
      if (found.size === 0) throw usageFailure(`${path} is empty.`);
      return { name: basename(path).normalize('NFC'), path: resolve(path), bytes: found.size };
    }),
  );
  for (const [name, same] of Map.groupBy(files, (file) => file.name)) {
    if (same.length > 1) throw usageFailure(`Two of the files are named ${name}; rename one.`);
  }
  return files;
}

/** A mapping document. @throws CommandFailure when the file holds no JSON object */
export async function readMapping(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  try {
    const mapping = JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
    if (typeof mapping === 'object' && mapping !== null && !Array.isArray(mapping)) return mapping;
  } catch {
    // told below
  }
  throw usageFailure(`${path} holds no mapping: a mapping is a JSON object (docs/mapping.md).`);
}

async function fileRequest(
  session: Session,
  api: ApiClient,
  files: readonly LocalFile[],
  mapping: unknown,
  options: MigrateOptions,
): Promise<MigrationAnswer> {
  const { sourceAddress: address } = options;
  if (address !== undefined && options.tabs === undefined)
    throw usageFailure('Say what to move: --tabs.', `The tabs are ${TABS.join(', ')}`);
  const tabs = options.tabs ?? (await tabsOf(files, mapping));
  if (mapping === undefined) warnOfUnnamed(session, files);
  const sourceKey = address === undefined ? undefined : await readSourceKey(options.sourceKeyFile);
  const portal = await choosePortal(api, options.portal);
  const body = {
    requester: {
      ...(options.requester ?? portal.primaryContact),
      company: options.company ?? portal.name,
      locale: options.locale ?? (localeOfMachine().language === 'ja' ? 'ja' : 'en'),
      timeZone: options.timeZone ?? localeOfMachine().timeZone,
    },
    source: {
      system: options.system ?? (address === undefined ? 'exported files' : 'help desk'),
      scope: options.scope ?? 'files',
      ...(address === undefined ? { kind: 'files' } : { kind: 'api', address }),
    },
    ...(sourceKey === undefined ? {} : { sourceKey }),
    tabs,
    ...steps(options, mapping),
    desk: { kind: 'embedded', portal: portal.id },
  };
  // not cut off by Ctrl-C: a request whose id nobody was told could not be gone on with
  const steady = await session.steadyApi();
  return doStep(session.output, `Filing a request for portal ${portal.id}`, async () => {
    const migration = await steady.call<MigrationAnswer>('POST', '/v1/migrations', body);
    return [migration, `Filed request ${migration.id} for portal ${portal.id}: ${tabs.join(', ')}`];
  });
}

/** Tells before it is sent what will not be read. */
function warnOfUnnamed({ output }: Session, files: readonly LocalFile[]): void {
  for (const { name } of files) {
    if (TABLE_NAME.test(name) && tabOfName(name) === null)
      output.warn(
        `${name} stands for no tab by its name and is not read: name it <Tab>.csv or <Tab>_<number>.csv, or say with --mapping what it holds.`,
      );
  }
}

/** The steps that were given in so many words. */
function steps(options: MigrateOptions, mapping: unknown): Record<string, unknown> {
  return {
    ...(options.omit === undefined ? {} : { omit: options.omit }),
    ...(mapping === undefined ? {} : { mapping }),
    ...(options.encoding === undefined ? {} : { encodings: options.encoding }),
    ...(options.remarks === undefined ? {} : { remarks: options.remarks }),
  };
}

function localeOfMachine(): { language: string; timeZone: string } {
  const { locale, timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return { language: locale.split('-', 1)[0] ?? 'en', timeZone: timeZone === '' ? 'UTC' : timeZone };
}

/** A3: the tabs that the files hold, by a mapping or by their names. @throws CommandFailure when neither tells */
async function tabsOf(files: readonly LocalFile[], mapping: unknown): Promise<Tab[]> {
  const mapped = (mapping as { files?: { tabs?: { tab?: unknown }[] }[] } | undefined)?.files;
  const named = Array.isArray(mapped)
    ? mapped.flatMap((file) => (file.tabs ?? []).map(({ tab }) => tab))
    : [];
  const names = await Promise.all(
    files.map(async ({ name, path }) => (/\.zip$/i.test(name) ? await listBundle(path) : [name])),
  );
  const found = new Set([...named, ...names.flat().map(tabOfName)].filter(isTab));
  if (found.size > 0) return TABS.filter((tab) => found.has(tab));
  throw usageFailure(
    'The names of the files do not tell what they hold.',
    `Say it: --tabs with some of ${TABS.join(', ')}`,
  );
}

async function choosePortal(api: ApiClient, named: string | undefined): Promise<PortalAnswer> {
  if (named !== undefined) {
    return api.call<PortalAnswer>('GET', `/v1/portals/${encodeURIComponent(named)}`);
  }
  const { portals } = await readPages<PortalsAnswer>(api, '/v1/portals', 'portals');
  const [only] = portals;
  if (only !== undefined && portals.length === 1) return only;
  throw usageFailure(
    only === undefined ? 'There is no portal to migrate into.' : 'There are several portals.',
    ...(only === undefined
      ? []
      : [`Say which: --portal with one of ${portals.map(({ id }) => id).join(', ')}`]),
  );
}

/** Takes up a request that was begun, with what is said anew. */
async function takeUp(
  session: Session,
  api: ApiClient,
  id: string,
  mapping: unknown,
  options: MigrateOptions,
): Promise<MigrationAnswer> {
  const migration = await readMigration(api, id);
  session.output.say(`Going on with request ${migration.id}`);
  if (migration.submitted) return migration;
  const redone = {
    ...steps(options, mapping),
    ...(options.tabs === undefined ? {} : { tabs: options.tabs }),
    ...(options.system === undefined && options.scope === undefined
      ? {}
      : {
          source: {
            ...(migration.source ?? { system: 'exported files', kind: 'files', scope: 'files' }),
            ...(options.system === undefined ? {} : { system: options.system }),
            ...(options.scope === undefined ? {} : { scope: options.scope }),
          },
        }),
  };
  const path = `/v1/migrations/${encodeURIComponent(id)}`;
  const portal = options.portal ?? (migration.missingSteps.includes('portal') ? null : undefined);
  if (portal !== undefined) {
    const desk = { kind: 'embedded', ...(portal === null ? {} : { portal }) };
    await api.call('PUT', `${path}/desk`, desk);
  }
  return Object.keys(redone).length === 0 ? readMigration(api, id) : api.call('PATCH', path, redone);
}

/** Uploads what is not there yet, submits, follows. */
async function complete(
  session: Session,
  api: ApiClient,
  migration: MigrationAnswer,
  files: readonly LocalFile[],
  options: MigrateOptions,
): Promise<ExitCode> {
  const { output } = session;
  const { id } = migration;
  const sent: string[] = [];
  const kept: string[] = [];
  if (migration.submitted && files.length > 0) output.say('It is submitted: no file is sent any more.');
  for (const file of migration.submitted ? [] : files) {
    if (await isThere(migration, file)) {
      kept.push(file.name);
      output.say(`${file.name} is there already`);
      continue;
    }
    const size = sizeText(file.bytes);
    await doStep(output, `Uploading ${file.name} (${size})`, async (tell) => {
      const onSent: OnSent = (bytes, total) =>
        tell(barText(bytes / total, `${file.name}: ${sizeText(bytes)} of ${size}`));
      await uploadFile(api, id, file, onSent, session.signal);
      return [null, `Uploaded ${file.name} (${size})`];
    });
    sent.push(file.name);
  }
  if (options.submit && !migration.submitted) {
    await doStep(output, 'Submitting', async () => {
      await overBrokenLine(session.signal, () => submit(api, id));
      return [null, 'Submitted; the migration team takes it from here'];
    });
  }
  let exit: ExitCode = EXIT.ok;
  if (options.submit && options.follow) ({ exit } = await followOnScreen(session, api, id, 'REPLY_WINDOW'));
  const now = await overBrokenLine(session.signal, () => readMigration(api, id));
  output.result({ sent, kept, migration: now }, `\n${migrationText(now)}`);
  return exit;
}

/** Whether the very same file is part of the request already. */
async function isThere(migration: MigrationAnswer, file: LocalFile): Promise<boolean> {
  const there = migration.files.find(({ name, bytes }) => name === file.name && bytes === file.bytes);
  return there !== undefined && there.sha256 === (await sha256OfFile(file.path));
}

/** Submits; one that is submitted already is fine. */
async function submit(api: ApiClient, id: string): Promise<void> {
  try {
    await api.call('POST', `/v1/migrations/${encodeURIComponent(id)}/submit`, {});
  } catch (error) {
    if (!(error instanceof ApiProblem && error.type.endsWith(':already-submitted'))) throw error;
  }
}
