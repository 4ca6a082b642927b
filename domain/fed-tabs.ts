import { type ColumnPlan, COLUMNS, HANDED_BACK_HEADERS, matchHeaders } from './columns.ts';
import {
  columnFinder,
  columnNames,
  columnsOf,
  type FileMapping,
  fileMappingFor,
  type Mapping,
  mappedColumn,
} from './field-mapping.ts';
import { rowMappers } from './map-row.ts';
import type { Tab } from './tab.ts';

/** A table found in an upload. */
export interface Table {
  /** name of the upload */
  file: string;
  /** path inside the ZIP; null = the file itself */
  entry: string | null;
  /** the tab its name stands for (docs/formats.md) */
  tab: Tab | null;
  header: readonly string[];
}

/** A tab that a table feeds (A10). */
export interface FedTab {
  tab: Tab;
  /** the mapping's entry for the file and the place of the tab in it; null = the prepared format */
  mapping: { file: FileMapping; tab: number } | null;
  /** what the tab makes of the columns: one per header in the prepared format, one per mapped column else */
  columns: readonly ColumnPlan[];
  /** required columns, by the desk's header, for which the table has nothing: every row would fail */
  missing: string[];
}

/** The tabs that a table feeds: those its mapping names, else the one its name stands for. */
export function fedTabs(mapping: Mapping | null, table: Table): FedTab[] {
  const file = mapping === null ? null : fileMappingFor(mapping, table);
  if (file !== null) {
    return rowMappers(file, table.header).map(({ tab, columns }, index) => ({
      tab,
      mapping: { file, tab: index },
      columns,
      missing: missingIn(file, index, table.header),
    }));
  }
  if (table.tab === null) return [];
  return [{ tab: table.tab, mapping: null, ...matchHeaders(table.tab, table.header) }];
}

/** Required fields of which no column is there, and for which neither a constant nor a default stands. */
function missingIn(file: FileMapping, index: number, header: readonly string[]): string[] {
  const find = columnFinder(header);
  const { tab, fields } = file.tabs[index] as FileMapping['tabs'][number];
  const filled = new Set(
    Object.entries(fields).flatMap(([name, field]) => {
      const isGiven =
        typeof field === 'object' && (field.constant !== undefined || field.default !== undefined);
      return isGiven || columnsOf(field).some((column) => find(column) >= 0)
        ? [mappedColumn(tab, name)?.field]
        : [];
    }),
  );
  return COLUMNS[tab]
    .filter((column) => column.required && !filled.has(column.field))
    .map((column) => column.header);
}

/** The columns of a table as they are: what a mapping reads them for is its own to say. */
export function plainColumns(header: readonly string[]): ColumnPlan[] {
  return columnNames(header).map((name, index): ColumnPlan => {
    const own = header[index] as string;
    return (HANDED_BACK_HEADERS as readonly string[]).includes(name.toLowerCase())
      ? { use: 'handedBack', header: own }
      : { use: 'custom', name, header: own };
  });
}
