import type { ColumnPlan } from '../domain/columns.ts';
import { type MappedPart, mapperOf } from './part-view.ts';

/** What the stager reads of a row while it stages: its id, what tells rows apart, and which row it replaces. */
export interface RowReader {
  /** A10: only the first row with an id is a record, a row without one is none */
  readonly distinct: boolean;
  /** whether rows that cannot be read are failed records */
  readonly takesUnreadable: boolean;
  /** external id; '' when it is missing */
  id(cells: readonly string[]): string;
  /** the same for rows that say the same, whatever the order of their columns */
  content(cells: readonly string[]): string;
  /** C6: `[file, row]` of the failed row that this one replaces, or null when it does not say */
  replaces(cells: readonly string[]): { file: string; row: string } | null;
  /** id of the article it translates; '' for an original */
  translationOf(cells: readonly string[]): string;
}

function cellOf(cells: readonly string[], index: number): string {
  const cell = cells[index] ?? '';
  return cell.trim() === '' ? '' : cell;
}

/** Makes the reader of a part's rows. */
export function rowReader(part: MappedPart): RowReader {
  const mapper = mapperOf(part);
  if (mapper === null) return { distinct: false, takesUnreadable: true, ...cellReader(part.columns) };
  const reader = cellReader(mapper.columns);
  let last: readonly string[] | null = null;
  let mapped: readonly string[] = [];
  // one row is asked several things, one after the other
  const view = (cells: readonly string[]): readonly string[] => {
    if (cells !== last) {
      mapped = mapper.map(cells).cells;
      last = cells;
    }
    return mapped;
  };
  return {
    distinct: mapper.distinct,
    takesUnreadable: mapper.takesUnreadable,
    id: (cells) => reader.id(view(cells)),
    content: (cells) => reader.content(view(cells)),
    replaces: (cells) => reader.replaces(view(cells)),
    translationOf: (cells) => reader.translationOf(view(cells)),
  };
}

function cellReader(columns: readonly ColumnPlan[]): Omit<RowReader, 'distinct' | 'takesUnreadable'> {
  const fieldAt = (field: string): number =>
    columns.findIndex((each) => each.use === 'field' && each.field === field);
  const handedBackAt = (header: string): number =>
    columns.findIndex(
      (each) =>
        each.use === 'handedBack' &&
        each.header
          .replace(/^\uFEFF/, '')
          .trim()
          .toLowerCase() === header,
    );
  const idAt = fieldAt('externalId');
  const fileAt = handedBackAt('deskferry_file');
  const rowAt = handedBackAt('deskferry_row');
  const translationAt = fieldAt('translationOf');
  const named = columns
    .flatMap((each, index) => {
      if (each.use === 'handedBack') return [];
      const name = each.use === 'field' ? `f${each.field}` : `c${each.name}`;
      return [{ index, name: `${name.length}:${name}` }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    id: (cells) => cellOf(cells, idAt),
    content(cells) {
      let content = '';
      for (const { index, name } of named) {
        const cell = cells[index] ?? '';
        if (cell !== '') content += `${name}${cell.length}:${cell}`;
      }
      return content;
    },
    replaces(cells) {
      const file = cellOf(cells, fileAt).trim();
      const row = cellOf(cells, rowAt).trim();
      return file === '' || row === '' ? null : { file, row };
    },
    translationOf: (cells) => cellOf(cells, translationAt),
  };
}
