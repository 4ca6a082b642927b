import type { FileAccess } from '../sources/rows.ts';
import { readPart } from '../sources/read-part.ts';
import type { PlannedPart } from '../store/plans.ts';
import { beat } from './beat.ts';
import { IdSetBuilder } from './id-set.ts';
import { keyOf, mapperOf } from './part-view.ts';

/** A part as it is being planned. */
export type CountedPart = Pick<
  PlannedPart,
  'tab' | 'entry' | 'kind' | 'encoding' | 'delimiter' | 'header' | 'columns' | 'mapping' | 'records'
>;

/**
 * D1: how many records the parts of one tab have when some of them give only one per external id (A10). Of such a part it is
 * the rows with an id that no row before has, found by a pass of its own that shares nothing with the stager; what that pass did
 * not see of the rows counted apart stays counted, and so shows.
 * @param parts those of one tab, in the order in which they are read
 * @returns one number per part
 */
export async function countDistinct<Part extends CountedPart>(
  parts: readonly Part[],
  accessOf: (part: Part) => FileAccess,
): Promise<number[]> {
  const mappers = parts.map(mapperOf);
  if (!mappers.some((mapper) => mapper?.distinct === true)) return parts.map(({ records }) => records);
  const seen = new IdSetBuilder();
  const counts: number[] = [];
  let known = 0;
  for (const [place, part] of parts.entries()) {
    const mapper = mappers[place] ?? null;
    const key = keyOf(part);
    let readable = 0;
    let unreadable = 0;
    for await (const { rows } of readPart(accessOf(part), part)) {
      beat();
      for (const row of rows) {
        if (!('cells' in row)) {
          unreadable++;
          continue;
        }
        readable++;
        const text = key(row.cells);
        if (text !== '') seen.add(text);
      }
    }
    const { size } = seen.build();
    if (mapper?.distinct === true) {
      counts.push(part.records - readable + (size - known) - (mapper.takesUnreadable ? 0 : unreadable));
    } else counts.push(part.records);
    known = size;
  }
  return counts;
}
