import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addNativeRecords } from '../desk/embedded/portals.ts';
import type { Fields } from '../domain/canonical.ts';
import type { Tab } from '../domain/tab.ts';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  readReport,
  type Row,
  rowsOf,
  runPhase,
  startEngine,
} from '../test/import-engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const AGENTS = [
  { id: 'a1', lastName: 'Sato', email: 'Sato@desk.example', status: 'active' as const },
  { id: 'a2', lastName: 'Gone', email: 'gone@desk.example', status: 'inactive' as const },
];

/** Imports files and gives the report's rows of a tab by external id, and the records in the desk. */
async function imported(portal: string, files: Record<string, string>, tab: Tab, title: string) {
  const request = await makeRequest(engine, portal, files);
  const { report } = await runPhase(engine, request);
  const rows = rowsOf((await readReport(engine, request, report)).get(`${title}.csv`));
  const byId = new Map<string, Row>(rows.map((row) => [row['external_id'] ?? '', row]));
  const stored = new Map<string, Fields>();
  for (const record of await engine.desk.read(portal, 'files', tab, [...byId.keys()])) {
    stored.set(record.externalId, record.fields);
  }
  return { rows: byId, stored };
}

const CONTACTS = csvText(['ContactExtId', 'Last Name', 'Email'], [['c1', 'Mori', 'mori@buyer.example']]);

describe('C3: owners and authors are found by mail address', () => {
  test('a ticket goes to the active agent, whatever the case and the blanks; else to the primary contact with a warning', async () => {
    const portal = await makePortal(engine, { agents: AGENTS });
    const ticket = (id: string, mail: string): string[] => [
      id,
      'c1',
      'S',
      'Kept Name',
      mail,
      '2024-01-01T00:00:00Z',
    ];
    const { rows, stored } = await imported(
      portal,
      {
        'Contacts.csv': CONTACTS,
        'Tickets.csv': csvText(
          ['TicketExtId', 'ContactExtId', 'Subject', 'Assignee Name', 'Assignee Email', 'Created Time'],
          [
            ticket('active', ' sATO@desk.example '),
            ticket('inactive', 'gone@desk.example'),
            ticket('unknown', 'nobody@desk.example'),
            ticket('a-contact', 'mori@buyer.example'),
            ticket('nobody', ''),
          ],
        ),
      },
      'tickets',
      'Tickets',
    );
    expect([...rows].map(([id, row]) => [id, row['warnings']])).toEqual([
      ['active', ''],
      ['inactive', 'OWNER_FALLBACK'],
      ['unknown', 'OWNER_FALLBACK'],
      ['a-contact', 'OWNER_FALLBACK'],
      ['nobody', ''],
    ]);
    expect(stored.get('active')).toMatchObject({
      assigneeId: `${portal}/desk/a1`,
      assigneeEmail: 'sATO@desk.example',
    });
    expect(stored.get('inactive')).toMatchObject({
      assigneeId: `${portal}/desk/owner`,
      assigneeName: 'Kept Name',
      assigneeEmail: 'gone@desk.example',
    });
    expect(stored.get('nobody')).not.toHaveProperty('assigneeId');
  });

  test("a comment is the active agent's, else the contact's with that mail, else the primary contact's with a warning", async () => {
    const portal = await makePortal(engine, { agents: AGENTS });
    await addNativeRecords(engine.db, portal, 'contacts', [
      { id: 'k9', fields: { lastName: 'Was Here', email: 'was@buyer.example' } },
    ]);
    const comment = (id: string, mail: string): string[] => [
      id,
      't1',
      'text',
      'A Name',
      mail,
      '2024-01-01T00:00:00Z',
    ];
    const { rows, stored } = await imported(
      portal,
      {
        'Contacts.csv': CONTACTS,
        'Tickets.csv': csvText(['TicketExtId', 'ContactExtId', 'Subject'], [['t1', 'c1', 'S']]),
        'TicketComments.csv': csvText(
          ['CommentExtId', 'TicketExtId', 'Content', 'Commenter Name', 'Commenter Email', 'Commented Time'],
          [
            comment('agent', 'sato@DESK.example'),
            comment('contact', 'MORI@buyer.example'),
            comment('before', 'was@buyer.example'),
            comment('gone', 'gone@desk.example'),
            comment('nobody', ''),
          ],
        ),
      },
      'comments',
      'Comments',
    );
    expect([...rows].map(([id, row]) => [id, row['warnings']])).toEqual([
      ['agent', ''],
      ['contact', ''],
      ['before', ''],
      ['gone', 'AUTHOR_FALLBACK'],
      ['nobody', ''],
    ]);
    expect(stored.get('agent')).toMatchObject({ commenterId: `${portal}/desk/a1`, commenterType: 'agent' });
    expect(stored.get('contact')).toMatchObject({
      commenterId: `${portal}/files/c1`,
      commenterType: 'contact',
    });
    expect(stored.get('before')).toMatchObject({
      commenterId: `${portal}/desk/k9`,
      commenterType: 'contact',
    });
    expect(stored.get('gone')).toMatchObject({
      commenterId: `${portal}/desk/owner`,
      commenterName: 'A Name',
      commenterEmail: 'gone@desk.example',
    });
    expect(stored.get('nobody')).not.toHaveProperty('commenterId');
  });

  test('agents that came with the files own what follows, but for those the file calls inactive', async () => {
    const portal = await makePortal(engine, { agents: AGENTS });
    const { rows, stored } = await imported(
      portal,
      {
        'Agents.csv': csvText(
          ['AgentExtId', 'Last Name', 'Email', 'Status'],
          [
            ['g1', 'New', 'new@desk.example', ''],
            ['g2', 'Left', 'left@desk.example', 'inactive'],
          ],
        ),
        'Accounts.csv': csvText(
          ['AccountExtId', 'Account Name', 'Owner Email'],
          [
            ['x1', 'One', 'new@desk.example'],
            ['x2', 'Two', 'left@desk.example'],
          ],
        ),
      },
      'accounts',
      'Accounts',
    );
    expect(stored.get('x1')).toMatchObject({ ownerId: `${portal}/files/g1` });
    expect(stored.get('x2')).toMatchObject({ ownerId: `${portal}/desk/owner` });
    expect(rows.get('x2')).toMatchObject({ warnings: 'OWNER_FALLBACK' });
  });

  test('an agent in the file whose mail exists in the portal is mapped to that agent', async () => {
    const portal = await makePortal(engine, { agents: AGENTS });
    const { rows, stored } = await imported(
      portal,
      {
        'Agents.csv': csvText(
          ['AgentExtId', 'Last Name', 'Email'],
          [['g1', 'Other Name', ' SATO@desk.example']],
        ),
      },
      'agents',
      'Agents',
    );
    expect(rows.get('g1')).toMatchObject({ result: 'unchanged', desk_id: `${portal}/desk/a1`, digest: '' });
    expect(stored.size).toBe(0);
    expect(await engine.desk.resolve(portal, 'files', 'agents', ['g1'])).toEqual(
      new Map([['g1', `${portal}/desk/a1`]]),
    );
  });

  test('an unknown department becomes the default one with a warning, an empty one without', async () => {
    const portal = await makePortal(engine);
    const { rows, stored } = await imported(
      portal,
      {
        'Contacts.csv': CONTACTS,
        'Tickets.csv': csvText(
          ['TicketExtId', 'ContactExtId', 'Subject', 'Department', 'Created Time'],
          [
            ['known', 'c1', 'S', ' support', '2024-01-01T00:00:00Z'],
            ['unknown', 'c1', 'S', 'Nowhere', '2024-01-01T00:00:00Z'],
            ['empty', 'c1', 'S', '', '2024-01-01T00:00:00Z'],
          ],
        ),
      },
      'tickets',
      'Tickets',
    );
    expect([...rows].map(([id, row]) => [id, row['warnings'], stored.get(id)?.['departmentId']])).toEqual([
      ['known', '', 'd1'],
      ['unknown', 'DEPARTMENT_FALLBACK', 'd0'],
      ['empty', '', 'd0'],
    ]);
    expect(stored.get('unknown')).toMatchObject({ department: 'Nowhere' });
  });
});

describe('C9: who was in the portal before is not doubled', () => {
  test('a contact is mapped by mail to the oldest, its tickets go there, and doubles within the source stay', async () => {
    const portal = await makePortal(engine);
    await addNativeRecords(engine.db, portal, 'contacts', [
      {
        id: 'young',
        fields: { lastName: 'Y', email: 'mori@buyer.example', createdTime: new Date('2023-01-01') },
      },
      {
        id: 'old',
        fields: { lastName: 'O', email: 'MORI@buyer.example', createdTime: new Date('2020-01-01') },
      },
      { id: 'none', fields: { lastName: 'N', email: ' mori@buyer.example ' } },
    ]);
    const files = {
      'Contacts.csv': csvText(
        ['ContactExtId', 'Last Name', 'Email'],
        [
          ['c1', 'Mori', ' Mori@Buyer.example'],
          ['c2', 'Twin', 'twin@buyer.example'],
          ['c3', 'Twin', 'twin@buyer.example'],
        ],
      ),
      'Tickets.csv': csvText(['TicketExtId', 'ContactExtId', 'Subject'], [['t1', 'c1', 'S']]),
    };
    const contacts = await imported(portal, files, 'contacts', 'Contacts');
    expect([...contacts.rows].map(([id, { result, desk_id }]) => [id, result, desk_id])).toEqual([
      ['c1', 'unchanged', `${portal}/desk/old`],
      ['c2', 'created', `${portal}/files/c2`],
      ['c3', 'created', `${portal}/files/c3`],
    ]);
    const [ticket] = await engine.desk.read(portal, 'files', 'tickets', ['t1']);
    expect(ticket?.fields['contactId']).toBe(`${portal}/desk/old`);
  });

  test('an account is mapped by its name, trimmed, in compatibility form, without regard to case', async () => {
    const portal = await makePortal(engine);
    await addNativeRecords(engine.db, portal, 'accounts', [
      { id: 'kita', fields: { accountName: 'ＫＩＴＡ　商事', createdTime: new Date('2020-01-01') } },
    ]);
    const { rows } = await imported(
      portal,
      {
        'Accounts.csv': csvText(
          ['AccountExtId', 'Account Name'],
          [
            ['x1', '  kita 商事 '],
            ['x2', 'kita商事'],
          ],
        ),
      },
      'accounts',
      'Accounts',
    );
    expect(rows.get('x1')).toMatchObject({ result: 'unchanged', desk_id: `${portal}/desk/kita` });
    expect(rows.get('x2')).toMatchObject({ result: 'created' });
  });

  test('a contact that is at fault fails, whoever was there before', async () => {
    const portal = await makePortal(engine);
    await addNativeRecords(engine.db, portal, 'contacts', [
      { id: 'm', fields: { lastName: 'M', email: 'm@b.example' } },
    ]);
    const { rows } = await imported(
      portal,
      { 'Contacts.csv': csvText(['ContactExtId', 'Last Name', 'Email'], [['c1', '', 'm@b.example']]) },
      'contacts',
      'Contacts',
    );
    expect(rows.get('c1')).toMatchObject({ result: 'failed', code: 'MISSING_REQUIRED' });
  });
});
