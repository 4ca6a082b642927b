import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchHeaders } from './columns.ts';
import { accountNameKey, completeRecord, type Parent, sayFaults, type World } from './complete-record.ts';
import { recordDigest } from './digest.ts';
import { recordReader } from './read-record.ts';
import type { Tab } from './tab.ts';

const NOW = Date.parse('2025-06-01T00:00:00Z');

function world(given: Partial<World> = {}): World {
  return {
    importTime: NOW,
    primaryContact: 'owner',
    departments: new Map([['support', 'd1']]),
    defaultDepartment: 'd0',
    statuses: new Set(['Open']),
    parent: (tab, id): Parent => ({ deskId: `${tab}/${id}` }),
    agent: () => undefined,
    contact: () => undefined,
    ...given,
  };
}

function complete(tab: Tab, record: Record<string, string>, given: Partial<World> = {}) {
  const read = recordReader({ tab, columns: matchHeaders(tab, Object.keys(record)).columns })(
    Object.values(record),
  );
  return completeRecord(tab, read, world(given));
}

const TICKET = { TicketExtId: 't', ContactExtId: 'c', Subject: 'S', 'Created Time': '2024-01-01T00:00:00Z' };

describe('completing a record', () => {
  test('defaults: a ticket is Open, an agent active, a thread comes by Email, a comment is private plain text', () => {
    expect(complete('tickets', TICKET)).toMatchObject({
      fields: { status: 'Open', departmentId: 'd0' },
      warnings: [],
    });
    expect(
      complete('agents', { AgentExtId: 'a', 'Last Name': 'L', Email: 'a@b.example' }).fields,
    ).toMatchObject({ status: 'active' });
    expect(complete('comments', { CommentExtId: 'k', TicketExtId: 't', Content: 'x' })).toMatchObject({
      fields: { contentType: 'plainText', isPublic: false, commentedTime: new Date(NOW) },
      warnings: ['TIME_DEFAULTED'],
    });
  });

  test('E3: what the source gave does not change with what the desk fills in', () => {
    const one = complete('tickets', { ...TICKET, 'Created Time': '', 'Assignee Email': 'a@b.example' });
    const other = complete(
      'tickets',
      { ...TICKET, 'Created Time': '', 'Assignee Email': 'a@b.example' },
      {
        importTime: 5,
        primaryContact: 'new',
        agent: () => ({ deskId: 'x', active: true }),
        parent: () => ({ deskId: 'y' }),
      },
    );
    expect(recordDigest(other.given)).toBe(recordDigest(one.given));
    expect(recordDigest(other.fields)).not.toBe(recordDigest(one.fields));
    const changed = complete('tickets', {
      ...TICKET,
      'Created Time': '',
      'Assignee Email': 'a@b.example',
      ContactExtId: 'c2',
    });
    expect(recordDigest(changed.given)).not.toBe(recordDigest(one.given));
  });

  test('C3: an inactive agent is nobody; who is an agent is not looked for among contacts', () => {
    const record = {
      CommentExtId: 'k',
      TicketExtId: 't',
      Content: 'x',
      'Commenter Email': ' A@b.example ',
      'Commented Time': '2024-01-01T00:00:00Z',
    };
    const contact = (mail: string): string | undefined => (mail === 'a@b.example' ? 'kontakt' : undefined);
    expect(
      complete('comments', record, { agent: () => ({ deskId: 'a1', active: true }), contact }).fields,
    ).toMatchObject({
      commenterId: 'a1',
      commenterType: 'agent',
    });
    expect(complete('comments', record, { contact })).toMatchObject({
      fields: { commenterId: 'kontakt', commenterType: 'contact' },
      warnings: [],
    });
    expect(complete('comments', record, { agent: () => ({ deskId: 'a1', active: false }) })).toMatchObject({
      fields: { commenterId: 'owner', commenterEmail: 'A@b.example' },
      warnings: ['AUTHOR_FALLBACK'],
    });
  });

  test('C3: an owner is an agent, never a contact; so is the author of an article', () => {
    const contact = (): string => 'kontakt';
    expect(complete('tickets', { ...TICKET, 'Assignee Email': 'a@b.example' }, { contact })).toMatchObject({
      fields: { assigneeId: 'owner' },
      warnings: ['OWNER_FALLBACK'],
    });
    const article = {
      ArticleExtId: 'a',
      Title: 'T',
      Answer: 'A',
      Category: 'C',
      'Author Email': 'a@b.example',
    };
    expect(complete('articles', article, { contact })).toMatchObject({
      fields: { authorId: 'owner' },
      warnings: ['AUTHOR_FALLBACK'],
    });
  });

  test('C5: the first fault counts, the message names all, and a reference comes after all else', () => {
    const { faults } = complete(
      'tickets',
      { ...TICKET, Subject: '', ProductExtId: 'p' },
      { parent: (tab) => (tab === 'products' ? 'missing' : 'failed') },
    );
    expect(faults.map(({ code }) => code)).toEqual([
      'MISSING_REQUIRED',
      'PARENT_FAILED',
      'MISSING_REFERENCE',
    ]);
    expect(sayFaults(faults)).toMatchObject({ code: 'MISSING_REQUIRED', column: 'Subject' });
    for (const word of ['Subject is empty', '"c" of contacts failed', '"p" of products']) {
      expect(sayFaults(faults)?.message).toContain(word);
    }
    expect(sayFaults([])).toBeNull();
  });

  test('messages stay short, however many and however long the faults are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 5_000 }), { minLength: 1, maxLength: 50 }), (messages) => {
        const said = sayFaults(
          messages.map((message, index) => ({ code: 'BAD_FORMAT', column: message, index, message })),
        );
        expect(said?.message.length).toBeLessThanOrEqual(4_100);
        expect(said?.column.length).toBeLessThanOrEqual(101);
      }),
    );
  });

  test('C9: account names are one in any case, width and surrounding blanks', () => {
    expect(accountNameKey(' ＡＢＣ　株式会社 ')).toBe(accountNameKey('abc 株式会社'));
    expect(accountNameKey('ABC')).not.toBe(accountNameKey('AB C'));
  });
});
