import { expect, test } from 'vitest';
import { numberOfFile, sourceFileLabel } from './plan-tab.ts';

test.each([
  ['Tickets_02.csv', 2],
  ['export/Tickets_10.csv', 10],
  ['Tickets.csv', 0],
  ['Tickets_03 (1).csv', 3],
  ['Tickets-4.jsonl', 4],
])('A4: %s is number %i of its tab', (name, number) => {
  expect(numberOfFile(name)).toBe(number);
});

test.each([
  ['Tickets_01.csv', 'Tickets_01'],
  ['Tickets.tsv', 'Tickets.tsv'],
  ['../../etc/Tickets.CSV', 'etc/Tickets'],
  ['/a\\.\\b.csv', 'a/b'],
])('C6: what failed of %s is handed back as failed/%s.csv', (name, label) => {
  expect(sourceFileLabel(name)).toBe(label);
});
