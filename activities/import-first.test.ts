import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  rowsOf,
  runPhase,
  startEngine,
} from '../test/import-engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

test('C7: files go to the desk and a report comes back', async () => {
  const portal = await makePortal(engine);
  const request = await makeRequest(engine, portal, {
    'Contacts.csv': csvText(
      ['ContactExtId', 'Last Name', 'Email'],
      [
        ['c1', 'Mori', 'mori@a.example'],
        ['c2', '', 'x@a.example'],
      ],
    ),
    'Tickets.csv': csvText(
      ['TicketExtId', 'ContactExtId', 'Subject', 'Status', 'Assignee Email', 'Created Time'],
      [
        ['t1', 'c1', 'Hello', 'Open', 'nobody@a.example', '2024-05-31T09:08:07.000Z'],
        ['t2', 'c2', 'Parent failed', '', '', ''],
        ['t3', 'c9', 'No parent', '', '', ''],
      ],
    ),
  });
  const { proofs, report } = await runPhase(engine, request);
  expect(proofs.tickets).toMatchObject({
    digestsMatch: true,
    discrepancies: 0,
    counts: { source: 3, created: 1, failed: 2 },
  });
  const files = await readReport(engine, request, report);
  expect([...files.keys()]).toContain('summary.json');
  expect(rowsOf(files.get('Tickets.csv')).map((row) => row['code'])).toEqual([
    '',
    'PARENT_FAILED',
    'MISSING_REFERENCE',
  ]);
});
