import { type FedTab, plainColumns } from '../domain/fed-tabs.ts';
import type { FileMapping } from '../domain/field-mapping.ts';
import { distinctKey, mappedRecordReader, type RowMapper, rowMappers } from '../domain/map-row.ts';
import { type ReadRecord, recordReader } from '../domain/read-record.ts';
import type { PlannedPart } from '../store/plans.ts';

/** What of a planned part says how its rows are read. */
export type MappedPart = Pick<PlannedPart, 'tab' | 'header' | 'columns' | 'mapping'>;

/** How a plan keeps what a table of this header gives a tab. */
export function mappedPart({ tab, columns, mapping }: FedTab, header: readonly string[]): MappedPart {
  if (mapping === null) return { tab, header: [...header], columns: [...columns], mapping };
  const kept = { file: JSON.stringify(mapping.file), tab: mapping.tab };
  return { tab, header: [...header], columns: plainColumns(header), mapping: kept };
}

function fileMappingOf({ file }: NonNullable<PlannedPart['mapping']>): FileMapping {
  return JSON.parse(file) as FileMapping;
}

/** The mapper of a part's rows (A10), or null for one in the prepared format. @throws RangeError for a tab that the mapping lacks */
export function mapperOf({ header, mapping }: MappedPart): RowMapper | null {
  if (mapping === null) return null;
  const mapper = rowMappers(fileMappingOf(mapping), header)[mapping.tab];
  if (mapper === undefined) throw new RangeError(`the mapping has no tab ${mapping.tab}`);
  return mapper;
}

/** Makes the reader of a part's rows: cells as staged in, record out (C5, A10). */
export function readerOf(part: MappedPart): (cells: readonly string[]) => ReadRecord {
  const mapper = mapperOf(part);
  return mapper === null ? recordReader(part) : mappedRecordReader(mapper);
}

/** D1: what tells the records of a part apart, found without its mapper; '' for a row that names none. */
export function keyOf(part: MappedPart): (cells: readonly string[]) => string {
  const { header, mapping } = part;
  if (mapping !== null) return distinctKey(fileMappingOf(mapping), mapping.tab, header);
  const at = part.columns.findIndex((each) => each.use === 'field' && each.field === 'externalId');
  return (cells) => {
    const cell = cells[at] ?? '';
    return cell.trim() === '' ? '' : cell;
  };
}
