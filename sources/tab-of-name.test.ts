import { expect, test } from 'vitest';
import { tabOfName } from './tab-of-name.ts';

test.each([
  ['Tickets.csv', 'tickets'],
  ['export/TICKETS_02.CSV', 'tickets'],
  ['TicketComments_1.json', 'comments'],
  ['Tickets.json.csv', 'tickets'],
  ['Tickets (2).csv', 'tickets'],
  ['Tickets_01.xml (3).csv', 'tickets'],
  ['Ticket list.csv', null],
  ['Tickets', null],
  ['Tickets.pdf', null],
  ['constructor.csv', null],
])('formats, C6: %s stands for %s', (name, tab) => {
  expect(tabOfName(name)).toBe(tab);
});
