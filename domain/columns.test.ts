import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COLUMNS, columnFor, HANDED_BACK_HEADERS, headerKey, matchHeaders } from './columns.ts';
import { TABS, type Tab } from './tab.ts';

const tab = fc.constantFrom(...TABS);

/** A header written in another way that means the same. */
const written = (header: string): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.boolean(), fc.constantFrom('', ' ', '_', '-', '\uFEFF')), {
      minLength: header.length,
      maxLength: header.length,
    })
    .map((ways) =>
      Array.from(header)
        .filter((letter) => letter !== ' ')
        .map((letter, index) => {
          const [upper, mark] = ways[index] ?? [false, ''];
          return `${mark}${upper ? letter.toUpperCase() : letter.toLowerCase()}`;
        })
        .join(''),
    );

describe('A10: headers of the prepared format', () => {
  test('match without regard to case, spaces, underscores, hyphens and a byte order mark', () => {
    const pair = tab
      .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...COLUMNS[name])))
      .chain(([name, column]) => fc.tuple(fc.constant(name), fc.constant(column), written(column.header)));
    fc.assert(
      fc.property(pair, ([name, column, header]) => {
        expect(columnFor(name, header)).toBe(column);
      }),
    );
  });

  test.each(TABS)('of %s are all different, and so are its fields', (name: Tab) => {
    const keys = COLUMNS[name].flatMap((each) => [each.header, ...(each.aliases ?? [])].map(headerKey));
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(COLUMNS[name].map(({ field }) => field)).size).toBe(COLUMNS[name].length);
  });

  test('every column of a file becomes a field, a custom field or what it was handed back with: none is lost', () => {
    fc.assert(
      fc.property(tab, fc.array(fc.string()), (name, headers) => {
        const { columns } = matchHeaders(name, headers);
        const custom = columns.flatMap((each) => (each.use === 'custom' ? [each.name] : []));
        expect(columns.map((each) => each.header)).toEqual(headers);
        expect(new Set(custom).size).toBe(custom.length);
      }),
    );
  });

  test('a doubled header keeps its second column as a custom field; missing required ones are named', () => {
    const { columns, doubled, missing } = matchHeaders('contacts', [
      'ContactExtId',
      'Email',
      'e-mail',
      'Notes',
      'Notes',
    ]);
    expect(columns.map((each) => (each.use === 'custom' ? each.name : each.use))).toEqual([
      'field',
      'field',
      'e-mail',
      'Notes',
      'Notes (2)',
    ]);
    expect(doubled).toEqual(['e-mail']);
    expect(missing).toEqual(['Last Name']);
  });

  test('C6: the columns of a handed-back file are no data', () => {
    const { columns } = matchHeaders('tickets', ['TicketExtId', ...HANDED_BACK_HEADERS]);
    expect(columns.map(({ use }) => use)).toEqual([
      'field',
      'handedBack',
      'handedBack',
      'handedBack',
      'handedBack',
      'handedBack',
    ]);
  });
});
