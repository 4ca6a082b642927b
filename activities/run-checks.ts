import type { Desk, Portal } from '../desk/desk.ts';
import { PortalNotFound } from '../desk/errors.ts';
import { matchHeaders } from '../domain/columns.ts';
import {
  type FoundTable,
  judgeIntegrations,
  judgeLimits,
  judgePlan,
  judgeTables,
} from '../domain/judge-request.ts';
import { EMPTY_DRAFT, type Finding } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import {
  type FileInspection,
  type FileProblem,
  type InspectedPart,
  inspectFile,
} from '../sources/inspect-file.ts';
import { DEFAULT_ZIP_CAPS } from '../sources/open-zip.ts';
import { readPart } from '../sources/read-part.ts';
import type { Encoding, FileAccess } from '../sources/rows.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import { beat } from './beat.ts';
import type { ChecksResult, LifecycleActivities } from './lifecycle-activities.ts';
import { accessTo } from './plan-view.ts';

interface Dependencies {
  stores: Pick<Stores, 'drafts' | 'uploads' | 'findings'>;
  storage: Storage;
  desk: Pick<Desk, 'portal' | 'scanPortal'>;
  /** whom a request over a limit is sent to (A4) */
  supportAddress: string;
}

/** What to do about a problem of a file, by severity; the message itself says what is wrong. */
const REMEDIES: Record<FileProblem['severity'], string> = {
  blocking: 'Mend the file and upload it again under the same name.',
  warning: 'Look at it; rows that cannot be read fail alone and are handed back.',
  information: 'Nothing needs to be done.',
};

interface Inspected {
  access: FileAccess;
  confirmed: ReadonlySet<string>;
  inspection: FileInspection;
}

/**
 * B1, A11: the automatic checks over one revision of a request. Findings are kept for the API; only counts are answered.
 * Nothing is changed, so it can run as often as wanted.
 */
export function makeRunChecks(deps: Dependencies): LifecycleActivities['runChecks'] {
  return async ({ request, revision, limits, at }) => {
    const { stores, supportAddress } = deps;
    const draft = (await stores.drafts.get(request, revision)) ?? EMPTY_DRAFT;
    const uploads = await stores.uploads.list(request, null);
    const inspected: Inspected[] = [];
    for (const upload of uploads) {
      const access = accessTo(deps.storage, upload);
      const encoding = encodingsOf(upload.name, draft.encodings);
      const caps = { ...DEFAULT_ZIP_CAPS, unpackedBytes: limits.totalBytes };
      const inspection = await inspectFile(access, { encoding, caps, onBytes: () => beat() });
      inspected.push({ access, inspection, confirmed: new Set(Object.keys(encoding)) });
    }
    const unpacked = inspected.reduce((sum, { inspection }) => sum + inspection.unpackedBytes, 0);
    const tables = inspected.flatMap(tablesOf);
    const portal = await portalOf(deps.desk, draft.desk?.portal ?? null);
    const findings: Finding[] = [
      ...judgeLimits(uploads, unpacked, limits, supportAddress),
      ...inspected.flatMap(({ inspection }) =>
        inspection.problems.map((problem) => fileFinding(inspection.name, problem)),
      ),
      ...judgeTables(draft, tables),
      ...portal.findings,
    ];
    if (portal.portal !== null) {
      const { plan, integrations } = portal.portal;
      const on = Object.entries(integrations).flatMap(([name, isOn]) => (isOn ? [name] : []));
      findings.push(...judgePlan(plan, unpacked), ...judgeIntegrations(on));
      findings.push(...(await judgeAgents(deps.desk, portal.portal.id, inspected)));
    }
    await stores.findings.put(request, revision, findings, new Date(at));
    return summary(findings, tables, unpacked);
  };
}

function encodingsOf(name: string, confirmed: Readonly<Record<string, string>>): Record<string, Encoding> {
  const encodings: Record<string, Encoding> = {};
  for (const [file, encoding] of Object.entries(confirmed)) {
    // confirmed by file name, or by `file.zip/entry.csv`
    if (file === name) encodings[file] = encoding as Encoding;
    else if (file.startsWith(`${name}/`)) encodings[file.slice(name.length + 1)] = encoding as Encoding;
  }
  return encodings;
}

const nameOf = (file: string, entry: string | null): string => (entry === null ? file : `${file}/${entry}`);

function tablesOf({ inspection, confirmed }: Inspected): FoundTable[] {
  return inspection.parts.flatMap((part) =>
    part.kind === 'unknown'
      ? []
      : [
          {
            file: nameOf(inspection.name, part.entry),
            tab: part.tabGuess,
            header: part.header,
            records: part.records,
            bytes: part.bytes,
            encoding: part.encoding,
            confirmed: confirmed.has(part.entry ?? inspection.name),
          },
        ],
  );
}

function fileFinding(file: string, { severity, code, entry, row, message }: FileProblem): Finding {
  return {
    severity,
    code,
    message,
    remedy: REMEDIES[severity],
    file: nameOf(file, entry),
    ...(row === undefined ? {} : { row }),
  };
}

async function portalOf(
  desk: Dependencies['desk'],
  id: string | null,
): Promise<{ portal: Portal | null; findings: Finding[] }> {
  if (id === null) return { portal: null, findings: [] };
  try {
    return { portal: await desk.portal(id), findings: [] };
  } catch (error) {
    if (!(error instanceof PortalNotFound)) throw error;
    const finding: Finding = {
      severity: 'blocking',
      code: 'PORTAL_NOT_FOUND',
      message: 'The desk authorisation no longer opens the chosen portal.',
      remedy: 'Authorise the desk again and choose a portal.',
    };
    return { portal: null, findings: [finding] };
  }
}

/** C3: agents that records name by a mail which is unknown, or whose agent is inactive: their records get another owner. */
async function judgeAgents(
  desk: Dependencies['desk'],
  portal: string,
  inspected: readonly Inspected[],
): Promise<Finding[]> {
  const active = new Map<string, boolean>();
  for await (const page of desk.scanPortal(portal, 'agents', ['email', 'status'])) {
    for (const { fields } of page) {
      if (typeof fields['email'] === 'string')
        active.set(mailKey(fields['email']), fields['status'] !== 'inactive');
    }
  }
  const named = new Map<string, { tab: Tab; file: string; column: string }>();
  for (const each of inspected) {
    for (const part of each.inspection.parts) await collectMails(each, part, active, named);
  }
  const findings: Finding[] = [];
  const groups = [
    {
      code: 'AGENT_UNKNOWN',
      what: 'belong to no agent',
      of: [...named].filter(([mail]) => !active.has(mail)),
    },
    {
      code: 'AGENT_INACTIVE',
      what: 'belong to inactive agents',
      of: [...named].filter(([mail]) => active.get(mail) === false),
    },
  ];
  for (const { code, what, of } of groups) {
    const [first] = of;
    if (first === undefined) continue;
    findings.push({
      severity: 'warning',
      code,
      message: `${of.length} mail addresses of assignees and owners ${what}; their records go to the primary contact.`,
      remedy:
        'Add or activate the agents in the portal, or in Agents.csv, if their records should be theirs.',
      ...first[1],
    });
  }
  return findings;
}

const mailKey = (mail: string): string => mail.trim().toLowerCase();

async function collectMails(
  { access, inspection }: Inspected,
  part: InspectedPart,
  active: Map<string, boolean>,
  named: Map<string, { tab: Tab; file: string; column: string }>,
): Promise<void> {
  const { kind, tabGuess: tab } = part;
  if (kind === 'unknown' || tab === null) return;
  const { columns } = matchHeaders(tab, part.header);
  const at = (field: string): number =>
    columns.findIndex((column) => column.use === 'field' && column.field === field);
  const agents = tab === 'agents' ? { mail: at('email'), status: at('status') } : null;
  // Authors may be contacts; an owner can only be an agent.
  const owners = ['assigneeEmail', 'ownerEmail'].map(at).filter((index) => index >= 0);
  if (agents === null && owners.length === 0) return;
  for await (const { rows } of readPart(access, { ...part, kind })) {
    beat();
    for (const row of rows) {
      if (!('cells' in row)) continue;
      if (agents !== null) {
        const mail = mailKey(row.cells[agents.mail] ?? '');
        // An agent of the portal with this mail is the one that counts.
        if (mail !== '' && !active.has(mail))
          active.set(mail, mailKey(row.cells[agents.status] ?? '') !== 'inactive');
      }
      for (const index of owners) {
        const mail = mailKey(row.cells[index] ?? '');
        if (mail === '' || named.has(mail)) continue;
        named.set(mail, { tab, file: nameOf(inspection.name, part.entry), column: part.header[index] ?? '' });
      }
    }
  }
}

function summary(findings: readonly Finding[], tables: readonly FoundTable[], bytes: number): ChecksResult {
  const tabs = new Map<Tab, { tab: Tab; records: number; bytes: number }>();
  for (const { tab, records, bytes: size } of tables) {
    if (tab === null) continue;
    const sum = tabs.get(tab) ?? { tab, records: 0, bytes: 0 };
    tabs.set(tab, { tab, records: sum.records + records, bytes: sum.bytes + size });
  }
  const blocking = findings.filter((finding) => finding.severity === 'blocking');
  return {
    blocking: blocking.length,
    ungranted: blocking.filter((finding) => finding.grantable === true).length,
    warnings: findings.filter((finding) => finding.severity === 'warning').length,
    bytes,
    records: [...tabs.values()].reduce((sum, tab) => sum + tab.records, 0),
    tabs: [...tabs.values()],
  };
}
