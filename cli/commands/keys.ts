import { rm, writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readDuration } from '../../configuration/read-configuration.ts';
import { StoreError } from '../../store/errors.ts';
import type { KeyHolder, Role } from '../../store/keys.ts';
import { someText } from '../arguments.ts';
import { CommandFailure, EXIT, usageFailure } from '../command-failure.ts';
import { addInstallationOption } from '../installation-option.ts';
import type { InstallationOptions } from '../open-installation.ts';
import { localTime, shellWords } from '../output.ts';
import { perform, type Session } from '../session.ts';
import { addRotateCommand } from './rotate-encryption.ts';
import { table } from '../show-progress.ts';

interface CreateOptions extends InstallationOptions {
  name: string;
  role: Role;
  tenant?: string;
  expires?: Date;
  out?: string;
}

/** `keys create`, `keys list`, `keys revoke`, `keys rotate-encryption`: on MongoDB itself, so that the first key can be made (F4). */
export function addKeyCommands(program: Command): void {
  const keys = program
    .command('keys')
    .summary('make, list and revoke API keys (on MongoDB)')
    .description(
      'Works on an installation itself: on the MongoDB its settings name. This is how the first key is made.',
    );
  addInstallationOption(
    keys
      .command('create')
      .summary('make a key; it is shown once')
      .requiredOption('--name <name>', 'unique name; the audit log names it, so let it be no person', keyName)
      .addOption(
        new Option('--role <role>', 'what it may do')
          .choices(['requester', 'operator', 'auditor'])
          .makeOptionMandatory(),
      )
      .option('--tenant <tenant>', 'the only tenant it sees; a requester needs one', someText)
      .option('--expires <when>', 'date such as 2026-12-31, or length such as 90d', expiry)
      .option('--out <file>', 'write it to a new file that only you can read, instead of showing it'),
  )
    .addHelpText(
      'after',
      `
Examples:
  deskferry keys create --env-file .env --name acme-console --role requester --tenant acme
  deskferry keys create --env-file .env --name team --role operator --expires 365d --out operator.key`,
    )
    .action((options: CreateOptions, command: Command) =>
      perform(command, (session) => create(session, options)),
    );
  addInstallationOption(keys.command('list').summary('list the keys by name, never the keys themselves'))
    .addHelpText('after', '\nExample:\n  deskferry keys list --env-file .env')
    .action((options: InstallationOptions, command: Command) =>
      perform(command, async ({ output }) => {
        const { withInstallation } = await import('../open-installation.ts');
        const found = await withInstallation(options, ({ stores }) => stores.keys.list());
        output.result({ keys: found.map(keyAnswer) }, keysText(found));
      }),
    );
  addInstallationOption(
    keys.command('revoke').summary('end a key').argument('<name>', 'name of the key', keyName),
  )
    .addHelpText('after', '\nExample:\n  deskferry keys revoke acme-console --env-file .env')
    .action((name: string, options: InstallationOptions, command: Command) =>
      perform(command, async ({ output }) => {
        const { withInstallation } = await import('../open-installation.ts');
        const held = await withInstallation(options, ({ stores }) => stores.keys.revoke(name, new Date()));
        if (!held) throw new CommandFailure(EXIT.denied, 'not-found', `There is no key named "${name}".`);
        output.result({ name, revoked: true }, `Key ${name} is revoked: it opens nothing any more.`);
      }),
    );
  addRotateCommand(keys);
}

function keyName(text: string): string {
  // it stands in logs, audit entries and lists
  if (/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,99}$/u.test(text)) return text;
  throw new InvalidArgumentError('It is 1 to 100 letters, digits, spaces, ".", "_", "@" and "-".');
}

function expiry(text: string): Date {
  const length = readDuration(text);
  const time = length === null ? Date.parse(text) : Date.now() + length;
  const isTime = length !== null || /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  if (!isTime || Number.isNaN(time)) {
    throw new InvalidArgumentError('It is a date such as 2026-12-31, or a length such as 90d.');
  }
  if (time <= Date.now()) throw new InvalidArgumentError('It is past.');
  return new Date(time);
}

async function create({ output }: Session, options: CreateOptions): Promise<void> {
  const { name, role, tenant = null, expires = null, out } = options;
  if (role === 'requester' && tenant === null) {
    throw usageFailure('A requester belongs to a tenant.', 'Give --tenant: the one its portals are of.');
  }
  const { withInstallation } = await import('../open-installation.ts');
  const key = await withInstallation(options, async ({ stores }) => {
    // before the key: one that could not be kept would be lost
    if (out !== undefined) await writeFile(out, '', { mode: 0o600, flag: 'wx' }).catch(refuseFile(out));
    try {
      return (await stores.keys.create({ name, role, tenant, expiresAt: expires })).key;
    } catch (error) {
      if (out !== undefined) await rm(out, { force: true });
      if (!(error instanceof StoreError)) throw error;
      throw new CommandFailure(EXIT.failed, 'name-taken', error.message, ['Choose another --name.']);
    }
  });
  const holder = { name, role, tenant, expiresAt: expires?.toISOString() ?? null };
  const whose = `Key ${name}: ${role}${tenant === null ? '' : ` of tenant ${tenant}`}${
    expires === null ? '' : `, until ${localTime(expires.toISOString())}`
  }.`;
  if (out !== undefined) {
    await writeFile(out, `${key}\n`);
    const login = shellWords(['deskferry', 'login', '--key-file', out]);
    output.result(
      { ...holder, file: out },
      `${whose}\nIt stands in ${out}. Use it: ${login} --url <address>`,
    );
    return;
  }
  output.result({ ...holder, key }, `${whose} It is shown this once:\n\n${key}`);
}

function refuseFile(file: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw error.code === 'EEXIST' ? usageFailure(`${file} is there already; choose another --out.`) : error;
  };
}

const stateOf = ({ revokedAt, expiresAt }: KeyHolder): 'revoked' | 'expired' | 'active' => {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? 'expired' : 'active';
};

function keyAnswer(holder: KeyHolder): Record<string, unknown> {
  const { name, role, tenant, expiresAt, revokedAt } = holder;
  return {
    name,
    role,
    tenant,
    state: stateOf(holder),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}

function keysText(keys: readonly KeyHolder[]): string {
  if (keys.length === 0) return 'There is no key yet: deskferry keys create';
  return table(
    ['name', 'role', 'tenant', 'state', 'expires'],
    keys.map((holder) => [
      holder.name,
      holder.role,
      holder.tenant ?? 'all',
      stateOf(holder),
      holder.expiresAt === null ? 'never' : localTime(holder.expiresAt.toISOString()),
    ]),
  );
}
