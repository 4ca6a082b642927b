import { type Command, Option } from 'commander';
import type { PortalAnswer, PortalsAnswer } from '../../api/answers.ts';
import { collect, someText, wholeNumber } from '../arguments.ts';
import { CommandFailure, EXIT, usageFailure } from '../command-failure.ts';
import { addInstallationOption } from '../installation-option.ts';
import type { InstallationOptions } from '../open-installation.ts';
import { readPages } from '../read-pages.ts';
import { perform, type Session } from '../session.ts';
import { table } from '../show-progress.ts';
import { mailbox } from './migrate.ts';

interface PortalOptions extends InstallationOptions {
  id: string;
  name: string;
  tenant: string;
  plan: 'paid' | 'trial';
  contact: { name: string; mail: string };
  agent?: { name: string; mail: string }[];
  department?: string[];
  status?: string[];
  quota?: number;
}

/** `portals`, `portal create`: the portals of the desk. */
export function addPortalCommands(program: Command): void {
  program
    .command('portals')
    .summary('list the portals you may migrate into')
    .addHelpText('after', '\nExample:\n  deskferry portals')
    .action((_: object, command: Command) =>
      perform(command, async ({ output, api }) => {
        const answer = await readPages<PortalsAnswer>(await api(), '/v1/portals', 'portals');
        output.result(answer, portalsText(answer.portals));
      }),
    );
  const portal = program
    .command('portal')
    .summary('make portals in the embedded desk (on MongoDB)')
    .description('Works on an installation itself: on the MongoDB its settings name.');
  addInstallationOption(
    portal
      .command('create')
      .summary('make a portal in the embedded desk')
      .description(
        'Makes a portal with its primary contact as its first agent. The first department is the default one.',
      )
      .requiredOption('--id <id>', 'id of the portal: letters, digits, ".", "_" and "-"', someText)
      .requiredOption('--name <name>', 'its name', someText)
      .requiredOption('--tenant <tenant>', 'whose it is; keys of requesters name the same', someText)
      .requiredOption('--contact <mailbox>', 'primary contact, as "Name <mail>"', mailbox)
      .addOption(new Option('--plan <plan>', 'its plan').choices(['paid', 'trial']).default('paid'))
      .option('--agent <mailbox>', 'one more active agent; may be given again', collect(mailbox))
      .option('--department <name>', 'a department; may be given again (default: Support)', collect(someText))
      .option(
        '--status <name>',
        'a ticket status; may be given again (default: Open, On Hold, Escalated, Closed)',
        collect(someText),
      )
      .option('--quota <records>', 'most records it may hold', wholeNumber(1)),
  )
    .addHelpText(
      'after',
      `
Example:
  deskferry portal create --env-file .env --id acme --name "ACME Support" --tenant acme \\
    --contact "Sato Keiko <keiko.sato@acme.example>" --department Support --department Sales`,
    )
    .action((options: PortalOptions, command: Command) =>
      perform(command, (session) => create(session, options)),
    );
}

function portalsText(portals: readonly PortalAnswer[]): string {
  if (portals.length === 0) return 'There is no portal.';
  return table(
    ['portal', 'name', 'plan', 'agents', 'integrations', 'primary contact'],
    portals.map(({ id, name, plan, open, integrations, primaryContact }) => [
      id,
      name,
      plan,
      open ? 'open' : 'closed',
      [integrations.zohoCrm ? 'Zoho CRM' : '', integrations.salesforce ? 'Salesforce' : '']
        .filter((each) => each !== '')
        .join(', ') || 'off',
      `${primaryContact.name} <${primaryContact.mail}>`,
    ]),
  );
}

const idOf = (name: string, index: number): string =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '') || `department-${index + 1}`;

async function create({ output }: Session, options: PortalOptions): Promise<void> {
  const { id, name, tenant, plan, contact } = options;
  const departments = uniqueDepartments(options.department ?? ['Support']);
  const agents = [contact, ...(options.agent ?? [])];
  // needed by the few commands on MongoDB alone
  const [{ withInstallation }, portals, errors] = await Promise.all([
    import('../open-installation.ts'),
    import('../../desk/embedded/portals.ts'),
    import('../../desk/errors.ts'),
  ]);
  const agentIds = agents.map((_, index) => (index === 0 ? 'admin' : `agent-${index}`));
  await withInstallation(options, async ({ database: { db } }) => {
    try {
      await portals.createPortal(db, {
        id,
        name,
        tenant,
        plan,
        recordQuota: options.quota ?? null,
        departments,
        statuses: options.status ?? ['Open', 'On Hold', 'Escalated', 'Closed'],
        integrations: { zohoCrm: false, salesforce: false },
        primaryContact: { agentId: portals.nativeId(id, 'admin'), ...contact },
      });
    } catch (error) {
      if (error instanceof errors.BadName) throw usageFailure(error.message);
      if (!(error instanceof errors.PortalExists)) throw error;
      const there = await portals.findPortal(db, id);
      // cut off between the portal and its agents, the same command completes it
      if (there.tenant !== tenant || there.primaryContact.mail !== contact.mail) {
        throw new CommandFailure(EXIT.failed, 'portal-exists', error.message, ['Choose another --id.']);
      }
    }
    await portals.addAgents(
      db,
      id,
      agents.map(({ name, mail }, index) => ({
        id: agentIds[index] ?? '',
        lastName: name,
        email: mail,
        status: 'active' as const,
        department: departments[0]?.name ?? 'Support',
        role: index === 0 ? 'Administrator' : 'Agent',
      })),
    );
  });
  output.result(
    { id, name, tenant, plan, departments, primaryContact: contact, agents: agents.length },
    `Made portal ${id} (${plan}) of tenant ${tenant}; primary contact ${contact.name} <${contact.mail}>.\nKeys for it: deskferry keys create --role requester --tenant ${tenant} --name <name>`,
  );
}

function uniqueDepartments(names: readonly string[]): { id: string; name: string; default: boolean }[] {
  const departments = names.map((name, index) => ({ id: idOf(name, index), name, default: index === 0 }));
  if (new Set(departments.map(({ id }) => id)).size < departments.length) {
    throw usageFailure('Two departments have names that are too alike.');
  }
  return departments;
}
