import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESULTS } from '../domain/codes.ts';
import { type Random, randomFor } from '../examples/random.ts';
import {
  csvText,
  makePortal,
  makeRequest,
  type PhaseResult,
  readReport,
  rowsOf,
  runPhase,
  sendReply,
  type StartedEngine,
  startEngine,
} from '../test/import-engine.ts';
import { verifyReport } from './verify-report.ts';

let engine: StartedEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const ODD_CELLS = [
  '',
  ' ',
  '  x ',
  "'",
  '"',
  '""',
  '=1+1',
  "'=1",
  '+1',
  '-',
  '@a',
  '\t',
  '\r',
  '\n',
  'a\r\nb',
  'a\0b',
  '\0',
  '\uFEFF',
  '\uFEFFx',
  'NULL',
  'null',
  'true',
  '0',
  '-0',
  '1e400',
  'NaN',
  '__proto__',
  'constructor',
  '$set',
  'a.b',
  '.',
  '%',
  '%2F',
  '/',
  'a/b',
  '..',
  '\\',
  'C-0',
  'c-0',
  'C-0 ',
  '件名',
  'か\u3099',
  'が',
  '😀',
  '\u{10FFFF}',
  '\uFFFF',
  '\u2028',
  '\u200b',
  '\u202e',
  'é',
  'e\u0301',
  '1970-01-01',
  '2024-02-30T00:00:00Z',
  '2024-01-02 03:04',
  '9999-12-31T23:59:59Z',
  '-271821-04-20',
  'a@b.example',
  'A@B.example',
  'a@b',
  '"a b"@c.example',
  '{}',
  '[]',
  'x'.repeat(101),
  'x'.repeat(256),
  'é'.repeat(1_001),
  'x'.repeat(70_000),
  '<img src="cid:x">',
  '1,2',
  '1;2',
  'Open',
  'ON HOLD',
  'email',
  'yes',
  'TRUE',
  '1',
  '[object Object]',
  'undefined',
  '../x',
  'toString',
];
const ODD_HEADERS = [
  '$x',
  'a.b',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  'Notes',
  'Notes',
  '件名',
  '1',
  '10',
  '%2E',
  'a%',
  'deskferry_row',
  'migration',
  '_id',
  'customFields',
  'length',
  "'",
  '"',
  '\uFEFFx',
  'x'.repeat(1_000),
];
const TIME = '2024-01-02T03:04:05Z';

/** Columns and what a sound cell of each is like, the record's own id first. */
type Columns = readonly (readonly [header: string, sound: (random: Random, row: number) => string])[];
const own = (prefix: string) => (random: Random, row: number) =>
  `${prefix}-${random.chance(0.9) ? row : random.int(40)}`;
const other = (prefix: string) => (random: Random) => `${prefix}-${random.int(40)}`;
const mail = (random: Random): string => `p${random.int(9)}@x.example`;
const text = (random: Random, row: number): string =>
  random.chance(0.3) ? random.pick(ODD_CELLS) : `text ${row}`;
const just = (cell: string) => () => cell;

const TABLES = {
  contacts: [
    ['ContactExtId', own('C')],
    ['First Name', text],
    ['Last Name', text],
    ['Email', mail],
    ['Created Time', just(TIME)],
    ['Owner Email', mail],
  ],
  tickets: [
    ['TicketExtId', own('T')],
    ['ContactExtId', other('C')],
    ['Subject', text],
    ['Description', text],
    ['Status', just('Open')],
    ['Channel', just('Email')],
    ['Assignee Email', mail],
    ['Created Time', just(TIME)],
    ['Closed Time', just(TIME)],
    ['Tags', text],
    ['CC', mail],
  ],
  comments: [
    ['CommentExtId', own('K')],
    ['TicketExtId', other('T')],
    ['Content', text],
    ['Is Public', just('true')],
    ['Commenter Email', mail],
    ['Commented Time', just(TIME)],
  ],
} satisfies Record<string, Columns>;
type TableTab = keyof typeof TABLES;
const TAB_NAMES = { contacts: 'Contacts', tickets: 'Tickets', comments: 'Comments' } as const;
const TABS = Object.keys(TABLES) as TableTab[];

interface Table {
  header: string[];
  rows: string[][];
  /** another cell for a column of it */
  cell: (column: number, row: number) => string;
}

/** A table of a tab: most columns, odd ones between them, and cells that are mostly sound. */
function tableOf(random: Random, tab: TableTab): Table {
  const columns: [string, (random: Random, row: number) => string][] = TABLES[tab]
    .filter((_, place) => place === 0 || random.chance(0.9))
    .map(([header, sound]) => [header, sound]);
  for (let odd = random.int(4); odd > 0; odd--)
    columns.splice(random.int(columns.length + 1), 0, [random.pick(ODD_HEADERS), text]);
  const cell: Table['cell'] = (column, row) =>
    random.chance(0.85) ? (columns[column]?.[1](random, row) ?? '') : random.pick(ODD_CELLS);
  const rows = Array.from({ length: random.int(40) }, (_, row) =>
    columns.map((__, place) => cell(place, row)),
  );
  return { header: columns.map(([header]) => header), rows, cell };
}

/** Every record is accounted for, what the desk holds is what was written, and the report says so by itself. */
async function judge(request: string, { proofs, report }: PhaseResult, name: string): Promise<unknown[]> {
  const files = await readReport(engine, request, report);
  const kept = await engine.stores.reports.find(request, report.name, report.version);
  const { problems } = await verifyReport(await engine.storage.localPath(kept?.storageKey ?? ''));
  const told: unknown[] = [name, problems];
  for (const tab of TABS) {
    const proof = proofs[tab];
    if (proof === undefined) continue;
    const { counts, discrepancies, digestsMatch } = proof;
    const sum = RESULTS.reduce((all, result) => all + counts[result], 0);
    const rows = rowsOf(files.get(`${TAB_NAMES[tab]}.csv`)).length;
    told.push([tab, discrepancies, digestsMatch, sum - counts.source, rows - counts.source]);
  }
  return told;
}
const sound = (name: string): unknown[] => [name, [], ...TABS.map((tab) => [tab, 0, true, 0, 0])];

/** Of each record that was created the custom fields, and the cells of its row that are none of the format's. */
async function verbatim(portal: string, tab: TableTab, { header, rows }: Table, told: Buffer | undefined) {
  const names: string[] = TABLES[tab].map(([each]) => each);
  const known = new Set(names);
  const idAt = header.indexOf(names[0] ?? '');
  const lost: unknown[] = [];
  for (const { result, row, external_id } of rowsOf(told)) {
    if (result !== 'created') continue;
    const cells = rows[Number(row) - 1] ?? [];
    const [record] = await engine.desk.read(portal, 'files', tab, [cells[idAt] ?? '']);
    const values = Object.values((record?.fields['customFields'] ?? {}) as object);
    for (const [place, cell] of cells.entries()) {
      const name = header[place] ?? '';
      const isKept = name.trim() !== '' && !known.has(name) && !name.startsWith('deskferry_') && cell !== '';
      if (isKept && !values.includes(cell)) lost.push([external_id, name, cell]);
    }
  }
  return lost;
}

test('C4, D1, D2: whatever names and cells hold, both phases account for every record, and keep what is nobody’s as it is', async () => {
  const seed = Number(process.env['DESKFERRY_TEST_SEED'] ?? Date.now() % 100_000);
  process.stderr.write(`any-cells: DESKFERRY_TEST_SEED=${seed}\n`);
  for (let round = 0; round < 15; round++) {
    const random = randomFor(seed, round);
    const all: Record<TableTab, Table> = {
      contacts: tableOf(random, 'contacts'),
      tickets: tableOf(random, 'tickets'),
      comments: tableOf(random, 'comments'),
    };
    const portal = await makePortal(engine, {
      agents: [{ id: 'p1', lastName: 'P', email: 'p1@x.example', status: 'active' }],
    });
    const request = await makeRequest(
      engine,
      portal,
      Object.fromEntries(
        TABS.map((tab) => [`${TAB_NAMES[tab]}.csv`, csvText(all[tab].header, all[tab].rows)]),
      ),
      { tabs: ['contacts', 'tickets'], omit: ['threads', 'attachments'] },
    );
    const one = await runPhase(engine, request);
    expect(await judge(request, one, `${round} phase-1`)).toEqual(sound(`${round} phase-1`));
    const files = await readReport(engine, request, one.report);
    for (const tab of TABS) {
      expect(one.proofs[tab]?.counts.source).toBe(all[tab].rows.length);
      expect(await verbatim(portal, tab, all[tab], files.get(`${TAB_NAMES[tab]}.csv`))).toEqual([]);
    }
    // some changed, some as they were, and what failed as it was handed back
    for (const tab of TABS) {
      const { header, rows, cell } = all[tab];
      const changed = rows
        .filter(() => random.chance(0.3))
        .map((row) => row.map((each, place) => (place > 0 && random.chance(0.2) ? cell(place, 0) : each)));
      const name = `${TAB_NAMES[tab]}.csv`;
      await sendReply(engine, request, 'r1', { [name]: csvText(header, changed) });
      const failed = files.get(`failed/${name}`);
      if (failed !== undefined && random.chance(0.5))
        await sendReply(engine, request, 'r2', { [name]: failed });
    }
    const two = await runPhase(engine, request, 'phase-2');
    expect(await judge(request, two, `${round} phase-2`)).toEqual(sound(`${round} phase-2`));
  }
}, 120_000);
