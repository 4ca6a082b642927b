import { type ColumnPlan, COLUMNS } from './columns.ts';
import { checkMappedColumns, readMapping } from './field-mapping.ts';
import type { Table } from './fed-tabs.ts';
import { type Limits, TRIAL_BYTES } from './lifecycle.ts';
import { listNames } from './list-names.ts';
import type { Draft, Finding } from './request.ts';
import { chooseTabs, TAB_TITLES, TABS, type Tab } from './tab.ts';

/** What a table that was found in an upload gives one tab; `tab` null = nothing. */
export interface FoundTable {
  /** `Tickets.csv`, or `bundle.zip/Tickets.csv` */
  file: string;
  tab: Tab | null;
  /** what the tab makes of its columns (A10) */
  columns: readonly ColumnPlan[];
  /** required columns, by the desk's header, that nothing fills */
  missing: readonly string[];
  records: number;
  bytes: number;
  encoding: string;
  /** whether the requester confirmed the encoding */
  confirmed: boolean;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;

/** A4: the files of a request against its limits; an operator can grant larger ones. */
export function judgeLimits(
  files: readonly { name: string; bytes: number }[],
  unpackedBytes: number,
  limits: Limits,
  supportAddress: string,
): Finding[] {
  const remedy = `Leave something out, or write to ${supportAddress} for a larger limit.`;
  const findings: Finding[] = [];
  const blocking = (code: string, message: string, file?: string): void => {
    findings.push({
      severity: 'blocking',
      code,
      message,
      remedy,
      grantable: true,
      ...(file === undefined ? {} : { file }),
    });
  };
  if (files.length > limits.files) {
    blocking('TOO_MANY_FILES', `There are ${files.length} files; at most ${limits.files} are possible.`);
  }
  for (const { name, bytes } of files) {
    if (bytes > limits.fileBytes) {
      blocking(
        'FILE_TOO_LARGE',
        `The file has ${gigabytes(bytes)}; at most ${gigabytes(limits.fileBytes)} are possible.`,
        name,
      );
    }
  }
  if (unpackedBytes > limits.totalBytes) {
    blocking(
      'FILES_TOO_LARGE',
      `The files have ${gigabytes(unpackedBytes)} unpacked; at most ${gigabytes(limits.totalBytes)} are possible.`,
    );
  }
  return findings;
}

/** A5: a trial portal takes at most 2 GB; no operator can grant more, a paid plan can. */
export function judgePlan(plan: 'trial' | 'paid', unpackedBytes: number): Finding[] {
  if (plan === 'paid' || unpackedBytes <= TRIAL_BYTES) return [];
  return [
    {
      severity: 'blocking',
      code: 'TRIAL_LIMIT',
      message: `The data has ${gigabytes(unpackedBytes)}; into a trial portal at most ${gigabytes(TRIAL_BYTES)} can be migrated.`,
      remedy: 'Choose a paid plan for the portal, or leave something out.',
    },
  ];
}

/** B2: integrations that are on would double contacts and accounts. */
export function judgeIntegrations(on: readonly string[]): Finding[] {
  return on.map((name) => ({
    severity: 'blocking',
    code: 'INTEGRATION_ON',
    message: `The integration ${name} of the portal is on; contacts and accounts would be doubled.`,
    remedy: 'Switch it off until the migration has ended.',
  }));
}

const MOST_NAMED = 20;

/** A10: a mapping that cannot be used, and columns it names that its files do not have. */
export function judgeMapping(mapping: unknown, tables: readonly Table[]): Finding[] {
  if (mapping === null) return [];
  const read = readMapping(mapping);
  if ('faults' in read) {
    return read.faults.slice(0, MOST_NAMED).map(({ pointer, detail }) => ({
      severity: 'blocking',
      code: 'MAPPING_FAULTY',
      message: `The field mapping cannot be used: ${pointer === '' ? 'it' : pointer} ${detail}.`,
      remedy: 'Correct the mapping.',
    }));
  }
  return checkMappedColumns(read.mapping, tables)
    .slice(0, MOST_NAMED)
    .map(({ pointer, detail }) => ({
      severity: 'warning',
      code: 'MAPPED_COLUMN_MISSING',
      message: `The field mapping at ${pointer} ${detail}; the field stays empty.`,
      remedy: 'Correct the mapping, or add the column.',
    }));
}

/** Most findings of one kind that are told one by one. */
const MOST_ALIKE = 100;

/** B1: of very many findings of one kind the first; how many more there are the last one tells. */
export function shortenFindings(findings: readonly Finding[]): Finding[] {
  const kinds = Map.groupBy(findings, ({ severity, code }) => `${severity} ${code}`);
  return [...kinds.values()].flatMap((alike) => {
    const more = alike.length - MOST_ALIKE;
    const [first] = alike;
    if (first === undefined || more <= 0) return alike;
    const { severity, code, remedy } = first;
    const message = `There are ${more} more findings of this kind.`;
    return [...alike.slice(0, MOST_ALIKE), { severity, code, message, remedy }];
  });
}

/** More different statuses than this are no statuses. */
export const MOST_STATUSES = 1_000;

/** C4: an unknown status is added to the desk; a column of texts or numbers would fill it up. @param count of different statuses */
export function judgeStatuses(count: number): Finding[] {
  if (count <= MOST_STATUSES) return [];
  return [
    {
      severity: 'blocking',
      code: 'TOO_MANY_STATUSES',
      message: `Tickets have more than ${MOST_STATUSES} different values as their status; each would be added to the desk.`,
      remedy: 'Map the column that holds the status, or its values to statuses of the desk.',
      tab: 'tickets',
    },
  ];
}

/** How much a plan may hold; twice as much, as in phase 2, fits into a document of the database. */
const MOST_PLAN_BYTES = 6_000_000;

/** B1: tables and mappings that are more than a plan can hold. @param bytes what it would hold of them */
export function judgePlanSize(bytes: number): Finding[] {
  if (bytes <= MOST_PLAN_BYTES) return [];
  return [
    {
      severity: 'blocking',
      code: 'TOO_MANY_TABLES',
      message: `The tables of the files, their columns and what maps them take ${bytes} bytes; ${MOST_PLAN_BYTES} are possible.`,
      remedy: 'Join files of the same tab, or shorten the mapping.',
    },
  ];
}

/** B1: columns, tabs and their files, as far as headers and counts tell. */
export function judgeTables(draft: Pick<Draft, 'tabs' | 'omit'>, tables: readonly FoundTable[]): Finding[] {
  const chosen = draft.tabs === null ? null : chooseTabs(draft.tabs, draft.omit);
  const findings: Finding[] = [];
  const looked = new Set<string>();
  for (const table of tables) {
    const { tab, file } = table;
    if (tab === null) continue;
    if (chosen !== null && !chosen.includes(tab)) {
      findings.push({
        severity: 'information',
        code: 'TAB_NOT_CHOSEN',
        message: `${TAB_TITLES[tab]} is not among the chosen tabs; the file is not migrated.`,
        remedy: 'Choose the tab too if it should be.',
        file,
        tab,
      });
      continue;
    }
    findings.push(...judgeHeader(tab, table));
    // a file that feeds several tabs has one encoding
    if (!looked.has(file)) findings.push(...judgeEncoding(tab, table));
    looked.add(file);
  }
  if (chosen !== null) findings.push(...judgeTabs(chosen, tables));
  findings.push(...judgeOrder(tables));
  return findings;
}

function judgeHeader(tab: Tab, { file, columns, missing }: FoundTable): Finding[] {
  const findings: Finding[] = [];
  for (const column of missing) {
    findings.push({
      severity: 'blocking',
      code: 'MISSING_COLUMN',
      message: `The required column ${column} is not there; every row would fail.`,
      remedy: 'Add the column, or map another one to it.',
      file,
      column,
      tab,
    });
  }
  const custom = columns.flatMap((column) => (column.use === 'custom' ? [column.header] : []));
  if (custom.length > 0) {
    findings.push({
      severity: 'information',
      code: 'CUSTOM_COLUMNS',
      message: `${custom.length} columns are none of the format's and are kept as custom fields: ${listNames(custom)}.`,
      remedy: 'Map them if they belong to a field.',
      file,
      tab,
    });
  }
  if (tab === 'tickets') {
    const present = new Set(columns.flatMap((column) => (column.use === 'field' ? [column.field] : [])));
    for (const field of ['assigneeName', 'assigneeEmail', 'department']) {
      const column = COLUMNS.tickets.find((each) => each.field === field)?.header ?? field;
      if (present.has(field)) continue;
      findings.push({
        severity: 'warning',
        code: 'ASSIGNEE_COLUMN_MISSING',
        message: `Without the column ${column} tickets cannot be related to their agents and departments.`,
        remedy: 'Add the column to the export.',
        file,
        column,
        tab,
      });
    }
  }
  return findings;
}

function judgeEncoding(tab: Tab, { file, encoding, confirmed }: FoundTable): Finding[] {
  if (encoding === 'utf-8' || confirmed) return [];
  return [
    {
      severity: 'warning',
      code: 'ENCODING_NOT_CONFIRMED',
      message: `The file is read as ${encoding}, as detected.`,
      remedy: 'Look at the preview and confirm the encoding.',
      file,
      tab,
    },
  ];
}

/** Which tabs a tab's references lead to. */
function parentsOf(tab: Tab): Tab[] {
  return [
    ...new Set(COLUMNS[tab].flatMap((column) => (column.refersTo === undefined ? [] : [column.refersTo]))),
  ];
}

function judgeTabs(chosen: readonly Tab[], tables: readonly FoundTable[]): Finding[] {
  const findings: Finding[] = [];
  const withFile = new Set(tables.flatMap(({ tab }) => (tab === null ? [] : [tab])));
  if (!chosen.some((tab) => withFile.has(tab))) {
    findings.push({
      severity: 'blocking',
      code: 'NOTHING_TO_MIGRATE',
      message: 'None of the files holds records of a chosen tab.',
      remedy: `Upload files named after their tab, for example Tickets.csv; the chosen tabs are ${chosen.join(', ')}.`,
    });
  }
  for (const tab of chosen) {
    if (!withFile.has(tab)) {
      findings.push({
        severity: 'warning',
        code: 'TAB_WITHOUT_FILE',
        message: `${TAB_TITLES[tab]} is chosen, but no file holds its records.`,
        remedy: `Upload ${TAB_TITLES[tab]}.csv, or do not choose the tab.`,
        tab,
      });
      continue;
    }
    const records = tables
      .filter((table) => table.tab === tab)
      .reduce((sum, table) => sum + table.records, 0);
    findings.push({
      severity: 'information',
      code: 'RECORDS',
      message: `${TAB_TITLES[tab]}: ${records} records.`,
      remedy: 'Compare the number with your old help desk.',
      tab,
    });
    for (const parent of parentsOf(tab)) {
      if (parent === tab || withFile.has(parent)) continue;
      const header = COLUMNS[tab].find((column) => column.refersTo === parent);
      const refers = tables.some(
        (table) =>
          table.tab === tab &&
          table.columns.some((column) => column.use === 'field' && column.field === header?.field),
      );
      if (!refers) continue;
      findings.push({
        severity: 'warning',
        code: 'PARENT_TAB_MISSING',
        message: `${TAB_TITLES[tab]} refer to ${TAB_TITLES[parent]}, of which there is no file.`,
        remedy: `Upload ${TAB_TITLES[parent]}.csv, unless the portal holds them already by an earlier migration.`,
        tab,
      });
    }
  }
  return findings;
}

/** A3: uploads in another order than that of the import; the import order is unaffected. */
function judgeOrder(tables: readonly FoundTable[]): Finding[] {
  const placeOf = new Map<string, number>();
  for (const { file, tab } of tables) {
    if (tab !== null) placeOf.set(file, Math.min(placeOf.get(file) ?? TABS.length, TABS.indexOf(tab)));
  }
  const places = [...placeOf.values()];
  if (places.every((place, index) => index === 0 || place >= (places[index - 1] ?? 0))) return [];
  return [
    {
      severity: 'information',
      code: 'UPLOAD_ORDER',
      message: `The files were uploaded in another order than the tabs are imported in (${TABS.join(', ')}).`,
      remedy: 'Nothing needs to be done: the import keeps its own order.',
    },
  ];
}
