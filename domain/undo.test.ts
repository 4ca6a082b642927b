import { expect, test } from 'vitest';
import { TABS } from './tab.ts';
import { fieldsReferringTo, isOfStep, tabOfStep, UNDO_STEPS } from './undo.ts';

test('F1: every tab is undone after all tabs that may refer to it', () => {
  const order = UNDO_STEPS.map(tabOfStep);
  const late = TABS.flatMap((tab) =>
    [...fieldsReferringTo(tab).keys()]
      .filter((from) => from !== tab && order.indexOf(from) > order.indexOf(tab))
      .map((from) => `${from} after ${tab}`),
  );
  expect(late).toEqual([]);
});

test('F1: parents, owners and authors are references', () => {
  expect(Object.fromEntries(fieldsReferringTo('tickets'))).toEqual({
    threads: ['ticketId'],
    comments: ['ticketId'],
    attachments: ['ticketId'],
  });
  expect(fieldsReferringTo('agents').get('tickets')).toEqual(['assigneeId']);
  expect(fieldsReferringTo('agents').get('accounts')).toEqual(['ownerId']);
  expect(fieldsReferringTo('contacts').get('comments')).toEqual(['commenterId']);
  expect(fieldsReferringTo('contacts').get('accounts')).toBeUndefined();
  expect(fieldsReferringTo('articles').get('articles')).toEqual(['translationOf']);
});

test('F1: translations are decided before the originals that they refer to', () => {
  expect(UNDO_STEPS.indexOf('translations')).toBeLessThan(UNDO_STEPS.indexOf('articles'));
  expect(isOfStep('translations', 'p/s/1')).toBe(true);
  expect(isOfStep('translations', undefined)).toBe(false);
  expect(isOfStep('articles', undefined)).toBe(true);
  expect(isOfStep('articles', 'p/s/1')).toBe(false);
  expect(isOfStep('tickets', undefined)).toBe(true);
});
