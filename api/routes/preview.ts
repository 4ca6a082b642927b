import { z } from 'zod';
import { mappedPart, readerOf } from '../../activities/part-view.ts';
import { rowReader } from '../../activities/row-keys.ts';
import { FAILURE_CODES, WARNING_CODES } from '../../domain/codes.ts';
import type { FedTab } from '../../domain/fed-tabs.ts';
import { checkMappedColumns } from '../../domain/field-mapping.ts';
import { proposeMapping } from '../../domain/propose-mapping.ts';
import { TABS } from '../../domain/tab.ts';
import type { ReadRow } from '../../sources/rows.ts';
import { faultAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { notFound } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { firstRows, mappingOf, readTables, type RequestTable, tabsFedBy } from '../read-tables.ts';
import { type Call, type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

const count = z.int().min(0);
const tab = z.enum(TABS);

const previewQuery = z.strictObject({
  file: z
    .string()
    .max(1_500)
    .optional()
    .meta({ description: 'Name of a file, or `file.zip/entry.csv`; without it, every file.' }),
  tab: z.enum(TABS, `is no tab; the tabs are ${TABS.join(', ')}`).optional(),
  rows: z.coerce
    .number('is not a number')
    .int('is not a whole number')
    .min(1, 'is less than 1')
    .max(50, 'is more than 50')
    .default(10)
    .meta({ description: 'How many of the first rows.' }),
});

const rowAnswer = z
  .strictObject({
    row: count.meta({ description: '1 = the first record after the header.' }),
    result: z
      .enum(['record', 'repeated', 'unreadable'])
      .meta({ description: '`repeated`: no record of this tab, because an earlier row is.' }),
    externalId: z.string(),
    fields: z.record(z.string(), z.unknown()).meta({ description: "By the desk's field names." }),
    references: z.record(z.string(), z.string()).meta({ description: 'External ids of parents, by field.' }),
    warnings: z.array(z.enum(WARNING_CODES)),
    faults: z.array(z.strictObject({ code: z.enum(FAILURE_CODES), column: z.string(), message: z.string() })),
  })
  .meta({ id: 'PreviewRow' });

const previewAnswer = z
  .strictObject({
    files: z.array(
      z.strictObject({
        file: z.string(),
        header: z.array(z.string()),
        encoding: z.string(),
        mapped: z.boolean().meta({ description: 'Whether the mapping reads it; else the prepared format.' }),
        tabs: z.array(
          z.strictObject({
            tab,
            missing: z.array(z.string()).meta({ description: 'Required fields that nothing fills.' }),
            custom: z.array(z.string()).meta({ description: 'Columns kept as custom fields.' }),
            rows: z.array(rowAnswer),
          }),
        ),
      }),
    ),
    mappingFaults: z
      .array(faultAnswer)
      .meta({ description: 'Columns the mapping names and its files do not have.' }),
  })
  .meta({ id: 'Preview' });

const proposalAnswer = z
  .strictObject({
    mapping: z.record(z.string(), z.unknown()).meta({ description: 'To be confirmed by PATCH.' }),
    fields: z.array(
      z.strictObject({
        file: z.string(),
        tab,
        field: z.string(),
        columns: z.array(z.string()),
        confidence: z.number().min(0).max(1).meta({ description: 'Below 0.5 it is a guess.' }),
      }),
    ),
    missing: z.array(z.strictObject({ file: z.string(), tab, field: z.string() })),
    prepared: z.array(z.string()).meta({ description: 'Files that need no mapping.' }),
    unknown: z.array(z.string()).meta({ description: 'Files of which not even the tab could be told.' }),
  })
  .meta({ id: 'MappingProposal' });

/** Rows that a proposal is judged by. */
const SAMPLE_ROWS = 50;

type PreviewCall = Call<z.output<typeof requestParams>, z.output<typeof previewQuery>>;

/** What the request's mapping makes of its files, and what a mapping of them could be (A10). */
export function previewRoutes(api: Api): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/migrations/{request}/preview',
      operation: 'previewMapping',
      tag: 'Mappings',
      summary: 'See the first rows as the records they become',
      description:
        'What the portal itself decides (people, departments, whether parents are there) is not looked at.',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      query: previewQuery,
      answers: { 200: { description: 'File by file, tab by tab.', schema: previewAnswer } },
      handle: async (call) => ({ status: 200, body: await preview(api, call) }),
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/mapping-proposal',
      operation: 'proposeMapping',
      tag: 'Mappings',
      summary: 'Propose a mapping for the uploaded files',
      description:
        "From the names of files and columns and their first rows. Times that name no offset are taken for the requester's zone. Nothing is changed: a person looks at it and sends it by PATCH.",
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: { 200: { description: 'The proposal.', schema: proposalAnswer } },
      handle: async ({ principal, params }) => {
        const request = await readRequest(api, principal, params.request);
        const tables = await readTables(api, request);
        const sampled = await Promise.all(
          tables.map(async (table) => ({
            ...table,
            rows: (await firstRows(table, SAMPLE_ROWS)).flatMap((row) => ('cells' in row ? [row.cells] : [])),
          })),
        );
        return { status: 200, body: proposeMapping(sampled, request.requester?.timeZone ?? null) };
      },
    }),
  ];
}

async function preview(
  api: Api,
  { principal, params, query }: PreviewCall,
): Promise<z.input<typeof previewAnswer>> {
  const request = await readRequest(api, principal, params.request);
  const { file } = query;
  // an upload's name holds no slash
  const tables = (await readTables(api, request, file?.split('/', 1)[0])).filter(
    (table) => file === undefined || file === table.file || file === nameOf(table),
  );
  if (file !== undefined && tables.length === 0) throw notFound('The request has no table of that name.');
  const files = await Promise.all(
    tables.map(async (table) => {
      const fed = tabsFedBy(request, table).filter(
        (each) => query.tab === undefined || each.tab === query.tab,
      );
      const rows = fed.length === 0 ? [] : await firstRows(table, query.rows);
      return {
        file: nameOf(table),
        header: [...table.header],
        encoding: table.encoding,
        mapped: fed.some(({ mapping }) => mapping !== null),
        tabs: fed.map((each) => previewTab(table, each, rows)),
      };
    }),
  );
  const mapping = mappingOf(request);
  const mappingFaults = mapping === null ? [] : checkMappedColumns(mapping, tables);
  return { files, mappingFaults };
}

function nameOf({ file, entry }: RequestTable): string {
  return entry === null ? file : `${file}/${entry}`;
}

type PreviewTab = z.input<typeof previewAnswer>['files'][number]['tabs'][number];

function previewTab(table: RequestTable, fed: FedTab, rows: readonly ReadRow[]): PreviewTab {
  const { tab, missing } = fed;
  const part = mappedPart(fed, table.header);
  const keys = rowReader(part);
  const read = readerOf(part);
  const seen = new Set<string>();
  return {
    tab,
    missing,
    custom: fed.columns.flatMap((each) => (each.use === 'custom' ? [each.name] : [])),
    rows: rows.flatMap((row): PreviewTab['rows'] => {
      if (!('cells' in row)) {
        const { code, message } = row;
        const unreadable = { ...NOTHING, row: row.row, result: 'unreadable' as const };
        return keys.takesUnreadable ? [{ ...unreadable, faults: [{ code, column: '', message }] }] : [];
      }
      const { externalId, fields, references, warnings, faults } = read(row.cells);
      const id = keys.id(row.cells);
      const isRepeated = keys.distinct && (id === '' || seen.has(id));
      seen.add(id);
      if (isRepeated) return [{ ...NOTHING, row: row.row, result: 'repeated', externalId }];
      return [
        {
          row: row.row,
          result: 'record',
          externalId,
          fields,
          references: Object.fromEntries(references.map((each) => [each.field, each.externalId])),
          warnings,
          faults: faults.map(({ code, column, message }) => ({ code, column, message })),
        },
      ];
    }),
  };
}

const NOTHING = { externalId: '', fields: {}, references: {}, warnings: [], faults: [] };
