import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../domain/request.ts';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  startEngine,
  openSourceOf,
} from '../test/import-engine.ts';
import { makeRunChecks } from './run-checks.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const LIMITS = { files: 5, fileBytes: 1e9, totalBytes: 1e9 };

async function check(mapping: unknown, files: Record<string, string>) {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, files, {
    tabs: ['contacts', 'tickets'],
    omit: ['threads', 'comments', 'attachments'],
    mapping,
  });
  const runChecks = makeRunChecks({
    ...engine,
    openSource: openSourceOf(engine),
    supportAddress: 'support@desk.example',
  });
  const result = await runChecks({ request, revision: 1, limits: LIMITS, at: 0 });
  const findings = (await engine.stores.findings.latest(request))?.findings ?? [];
  return { result, findings, codes: findings.map(({ code }: Finding) => code) };
}

const LIST = csvText(
  ['No', 'Mail', 'Name', 'Title', 'Agent'],
  [
    ['1', 'a@a.example', 'A', 'one', 'nobody@a.example'],
    ['2', 'A@a.example', 'A', 'two', ''],
    ['3', '', '', 'three', ''],
  ],
);
const TABS = [
  {
    tab: 'tickets',
    fields: {
      TicketExtId: 'No',
      ContactExtId: { idFrom: 'Mail' },
      Subject: 'Title',
      'Assignee Email': 'Agent',
    },
  },
  {
    tab: 'contacts',
    distinct: true,
    fields: { ContactExtId: { idFrom: 'Mail' }, 'Last Name': 'Name', Email: 'Mail' },
  },
];

describe('the automatic checks of mapped files', () => {
  test('B1, A10: records are counted per tab as the mapping has them, and nothing is missing', async () => {
    const mapping = { version: 1, files: [{ file: 'list.csv', tabs: TABS }] };
    const { result, findings, codes } = await check(mapping, { 'list.csv': LIST });
    expect(result).toMatchObject({ blocking: 0, records: 4 });
    expect(result.tabs.map(({ tab, records }) => [tab, records])).toEqual([
      ['tickets', 3],
      ['contacts', 1],
    ]);
    for (const code of ['UNKNOWN_TAB', 'UPLOAD_ORDER', 'TAB_WITHOUT_FILE', 'MAPPED_COLUMN_MISSING']) {
      expect(codes).not.toContain(code);
    }
    expect(findings.find(({ code }) => code === 'AGENT_UNKNOWN')).toMatchObject({
      file: 'list.csv',
      column: 'Agent',
      row: 1,
    });
  });

  test('B1, A10: without its mapping the file stands for no tab', async () => {
    const { result, codes } = await check(null, { 'list.csv': LIST });
    expect(result.blocking).toBeGreaterThan(0);
    expect(codes).toEqual(expect.arrayContaining(['UNKNOWN_TAB', 'NOTHING_TO_MIGRATE']));
  });

  test('B1, A10: columns that the file lacks are a warning, required ones block', async () => {
    const [tickets, contacts] = TABS;
    const fields = { ...tickets?.fields, Subject: 'Headline', Description: 'Body' };
    const mapping = { version: 1, files: [{ file: 'list.csv', tabs: [{ ...tickets, fields }, contacts] }] };
    const { findings } = await check(mapping, { 'list.csv': LIST });
    expect(findings.filter(({ code }) => code === 'MAPPED_COLUMN_MISSING')).toHaveLength(2);
    expect(findings.filter(({ severity }) => severity === 'blocking')).toMatchObject([
      { code: 'MISSING_COLUMN', column: 'Subject', tab: 'tickets' },
    ]);
  });

  test('B1: very many findings of one kind are told by the first, and all of them count', async () => {
    const wide = Array.from({ length: 150 }, (_, n) => `Column ${n}`);
    const files = Object.fromEntries(wide.map((name, n) => [`Tickets_${n}.csv`, csvText([name], [['1']])]));
    const { result, findings } = await check(null, files);
    const missing = findings.filter(({ code }) => code === 'MISSING_COLUMN');
    expect(missing).toHaveLength(101);
    expect(missing.at(-1)?.message).toBe('There are 350 more findings of this kind.');
    expect(result.blocking).toBeGreaterThan(450);
  });

  test.each([
    [1_000, []],
    [1_001, ['TOO_MANY_STATUSES']],
  ])('C4: %i different statuses', async (count, codes) => {
    const states = csvText(
      ['No', 'Mail', 'Name', 'Title', 'Agent'],
      Array.from({ length: count }, (_, n) => [`${n}`, 'a@a.example', 'A', `State ${n}`, '']),
    );
    const [tickets, contacts] = TABS;
    const fields = { ...tickets?.fields, Status: 'Title' };
    const mapping = { version: 1, files: [{ file: 'list.csv', tabs: [{ ...tickets, fields }, contacts] }] };
    const { findings } = await check(mapping, { 'list.csv': states });
    const blocking = findings.filter(({ severity }) => severity === 'blocking');
    expect(blocking.map(({ code }) => code)).toEqual(codes);
  });

  test('A10: tables and a mapping that no plan can hold block', async () => {
    const values = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, n) => [`An unusual state ${n}`, 'Open']),
    );
    const [tickets, contacts] = TABS;
    const fields = { ...tickets?.fields, Status: { column: 'Agent', values } };
    const mapping = {
      version: 1,
      files: [{ file: 'list*.csv', tabs: [{ ...tickets, fields }, contacts] }],
    };
    const { findings } = await check(mapping, { 'list1.csv': LIST, 'list2.csv': LIST });
    expect(findings.filter(({ severity }) => severity === 'blocking')).toMatchObject([
      { code: 'TOO_MANY_TABLES', message: expect.stringContaining('6000000 are possible') as string },
    ]);
  });

  test('B1, A10: a mapping that cannot be used blocks', async () => {
    const { findings } = await check({ version: 1 }, { 'list.csv': LIST });
    expect(findings).toContainEqual(
      expect.objectContaining({ severity: 'blocking', code: 'MAPPING_FAULTY' }),
    );
  });
});
