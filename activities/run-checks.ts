import type { Desk, Portal } from '../desk/desk.ts';
import { PortalNotFound } from '../desk/errors.ts';
import { type FedTab, fedTabs } from '../domain/fed-tabs.ts';
import { type Mapping, readMapping } from '../domain/field-mapping.ts';
import {
  type FoundTable,
  judgeIntegrations,
  judgeLimits,
  judgeMapping,
  judgePlan,
  judgePlanSize,
  judgeStatuses,
  judgeTables,
  MOST_STATUSES,
  shortenFindings,
} from '../domain/judge-request.ts';
import { EMPTY_DRAFT, type Finding } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';
import {
  type FileInspection,
  type FileProblem,
  type InspectedPart,
  inspectFile,
} from '../sources/inspect-file.ts';
import { confirmedEncodings } from '../sources/confirmed-encodings.ts';
import { DEFAULT_ZIP_CAPS } from '../sources/open-zip.ts';
import { type PartKind, readPart } from '../sources/read-part.ts';
import type { FileAccess } from '../sources/rows.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import type { OpenSource } from './ask-source.ts';
import { beat } from './beat.ts';
import { type CountedPart, countDistinct } from './count-distinct.ts';
import { inspectSource } from './inspect-source.ts';
import type { ChecksResult, LifecycleActivities } from './lifecycle-activities.ts';
import { mappedPart, mapperOf } from './part-view.ts';
import { accessTo } from './plan-view.ts';

interface Dependencies {
  stores: Pick<Stores, 'drafts' | 'uploads' | 'findings'>;
  storage: Storage;
  desk: Pick<Desk, 'portal' | 'scanPortal'>;
  openSource: OpenSource;
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
  /** its tables that can be read, and the tabs each feeds (A10) */
  tables: { part: ReadableTable; fed: FedTab[] }[];
}

type ReadableTable = InspectedPart & { kind: PartKind };

/**
 * B1, A11: the automatic checks over one revision of a request. Findings are kept for the API; only counts are answered.
 * Nothing is changed, so it can run as often as wanted.
 */
export function makeRunChecks(deps: Dependencies): LifecycleActivities['runChecks'] {
  return async ({ request, revision, limits, at }) => {
    const { stores, supportAddress } = deps;
    const draft = (await stores.drafts.get(request, revision)) ?? EMPTY_DRAFT;
    const uploads = await stores.uploads.list(request, null);
    const read = readMapping(draft.mapping);
    const mapping = 'mapping' in read ? read.mapping : null;
    const inspected: Inspected[] = [];
    for (const upload of uploads) {
      const access = accessTo(deps.storage, upload);
      const encoding = confirmedEncodings(upload.name, draft.encodings);
      const caps = { ...DEFAULT_ZIP_CAPS, unpackedBytes: limits.totalBytes };
      const inspection = await inspectFile(access, { encoding, caps, onBytes: () => beat() });
      const confirmed = new Set(Object.keys(encoding));
      inspected.push({ access, inspection, confirmed, tables: tablesOf(mapping, inspection) });
    }
    const uploaded = inspected.reduce((sum, { inspection }) => sum + inspection.unpackedBytes, 0);
    const source =
      draft.source?.kind === 'api' ? await inspectSource(deps.openSource, request, draft) : NO_SOURCE;
    for (const { access, inspection } of source.inspected) {
      const confirmed = new Set([inspection.name]);
      inspected.push({ access, inspection, confirmed, tables: tablesOf(mapping, inspection) });
    }
    const unpacked = inspected.reduce((sum, { inspection }) => sum + inspection.unpackedBytes, 0);
    const tables = await foundTables(inspected);
    const portal = await portalOf(deps.desk, draft.desk?.portal ?? null);
    const findings: Finding[] = [
      ...judgeLimits(uploads, uploaded, limits, supportAddress),
      ...source.findings,
      ...inspected.flatMap(({ inspection, tables: found }) =>
        inspection.problems
          .filter(({ code, entry }) => code !== 'UNKNOWN_TAB' || !isFed(found, entry))
          .map((problem) => fileFinding(inspection.name, problem)),
      ),
      ...judgeMapping(
        draft.mapping,
        inspected.flatMap(({ inspection, tables: found }) =>
          found.map(({ part }) => ({ ...part, file: inspection.name, tab: part.tabGuess })),
        ),
      ),
      ...judgeTables(draft, tables),
      ...judgePlanSize(plannedBytes(inspected)),
      ...portal.findings,
    ];
    if (portal.portal !== null) {
      const { plan, integrations } = portal.portal;
      const on = Object.entries(integrations).flatMap(([name, isOn]) => (isOn ? [name] : []));
      findings.push(...judgePlan(plan, unpacked), ...judgeIntegrations(on));
      findings.push(...(await judgeValues(deps.desk, portal.portal.id, inspected)));
    }
    await stores.findings.put(request, revision, shortenFindings(findings), new Date(at));
    return summary(findings, tables, unpacked);
  };
}

const NO_SOURCE: Awaited<ReturnType<typeof inspectSource>> = { findings: [], inspected: [] };

function tablesOf(mapping: Mapping | null, { name, parts }: FileInspection): Inspected['tables'] {
  return parts
    .filter(isReadable)
    .map((part) => ({ part, fed: fedTabs(mapping, { ...part, file: name, tab: part.tabGuess }) }));
}

function isReadable(part: InspectedPart): part is ReadableTable {
  return part.kind !== 'unknown';
}

function isFed(tables: Inspected['tables'], entry: string | null): boolean {
  return tables.some(({ part, fed }) => part.entry === entry && fed.length > 0);
}

/** About what a plan would hold of the tables. */
function plannedBytes(inspected: readonly Inspected[]): number {
  let bytes = 0;
  for (const { inspection, tables } of inspected) {
    for (const { part, fed } of tables) {
      const names = Buffer.byteLength(nameOf(inspection.name, part.entry));
      for (const each of fed)
        bytes += names * 2 + Buffer.byteLength(JSON.stringify(mappedPart(each, part.header)));
    }
  }
  return bytes;
}

const nameOf = (file: string, entry: string | null): string => (entry === null ? file : `${file}/${entry}`);

interface CountedTable {
  table: FoundTable;
  /** null when it feeds no tab */
  source: (CountedPart & { access: FileAccess }) | null;
}

/** What every table gives every tab, counted (D1): of a tab that takes one record per external id, those. */
async function foundTables(inspected: readonly Inspected[]): Promise<FoundTable[]> {
  const found = inspected.flatMap(({ access, inspection, confirmed, tables }) =>
    tables.flatMap(({ part, fed }): CountedTable[] => {
      const common = {
        file: nameOf(inspection.name, part.entry),
        records: part.records,
        bytes: part.bytes,
        encoding: part.encoding,
        confirmed: confirmed.has(part.entry ?? inspection.name),
      };
      if (fed.length === 0)
        return [{ table: { ...common, tab: null, columns: [], missing: [] }, source: null }];
      return fed.map((each) => ({
        table: { ...common, tab: each.tab, columns: each.columns, missing: each.missing },
        source: { ...part, ...mappedPart(each, part.header), access },
      }));
    }),
  );
  const counts = new Map<unknown, number>();
  const sources = found.flatMap(({ source }) => (source === null ? [] : [source]));
  for (const ofTab of Map.groupBy(sources, ({ tab }) => tab).values()) {
    const ordered = ofTab.toSorted((a, b) => Number(isDistinct(a)) - Number(isDistinct(b)));
    const counted = await countDistinct(ordered, ({ access }) => access);
    for (const [place, source] of ordered.entries()) counts.set(source, counted[place] ?? source.records);
  }
  return found.map(({ table, source }) => ({ ...table, records: counts.get(source) ?? table.records }));
}

function isDistinct(part: Parameters<typeof mapperOf>[0]): boolean {
  return mapperOf(part)?.distinct === true;
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

/** Where a mail address stands first. */
type Named = Required<Pick<Finding, 'tab' | 'file' | 'column' | 'row'>>;

/** Values that the checks look for in the rows. */
interface Values {
  /** mail addresses of agents -> whether they are active */
  active: Map<string, boolean>;
  /** mail addresses of owners */
  named: Map<string, Named>;
  /** of tickets, until there are too many */
  statuses: Set<string>;
}

/**
 * C3: agents that records name by a mail which is unknown, or whose agent is inactive: their records get another owner. C4: more
 * statuses than any desk has.
 */
async function judgeValues(
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
  const named = new Map<string, Named>();
  const statuses = new Set<string>();
  for (const each of inspected) {
    for (const { part, fed } of each.tables) {
      for (const tab of fed) await collectValues(each, part, tab, { active, named, statuses });
    }
  }
  const findings: Finding[] = judgeStatuses(statuses.size);
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

async function collectValues(
  { access, inspection }: Inspected,
  part: ReadableTable,
  fed: FedTab,
  { active, named, statuses }: Values,
): Promise<void> {
  const { tab, columns } = fed;
  const mapper = mapperOf(mappedPart(fed, part.header));
  const at = (field: string): number =>
    columns.findIndex((column) => column.use === 'field' && column.field === field);
  const agents = tab === 'agents' ? { mail: at('email'), status: at('status') } : null;
  // Authors may be contacts; an owner can only be an agent.
  const owners = ['assigneeEmail', 'ownerEmail'].map(at).filter((index) => index >= 0);
  const status = tab === 'tickets' ? at('status') : -1;
  if (agents === null && owners.length === 0 && status === -1) return;
  for await (const { rows } of readPart(access, part)) {
    beat();
    for (const row of rows) {
      if (!('cells' in row)) continue;
      const cells = mapper === null ? row.cells : mapper.map(row.cells).cells;
      if (agents !== null) {
        const mail = mailKey(cells[agents.mail] ?? '');
        // An agent of the portal with this mail is the one that counts.
        if (mail !== '' && !active.has(mail))
          active.set(mail, mailKey(cells[agents.status] ?? '') !== 'inactive');
      }
      const value = cells[status]?.trim() ?? '';
      if (value !== '' && statuses.size <= MOST_STATUSES) statuses.add(value);
      for (const index of owners) {
        const mail = mailKey(cells[index] ?? '');
        if (mail === '' || named.has(mail)) continue;
        named.set(mail, {
          tab,
          file: nameOf(inspection.name, part.entry),
          column: columns[index]?.header ?? '',
          row: row.row,
        });
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
