import type { FailureCode, SkipCode } from '../domain/codes.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { readFailed } from './read-failed.ts';
import { LINE_END, type SegmentLine } from './segment-file.ts';

interface Deps {
  stores: Pick<ImportStores, 'segments'>;
  storage: Storage;
}

/** A record that failed in a phase: where it stood, why it failed, and its row as it was read. */
interface FailedRow {
  segment: number;
  /** line within the segment, 0 = the first */
  place: number;
  code: FailureCode | SkipCode | null;
  line: SegmentLine;
}

/** More than this is read again from the segments, when it is asked for. */
const MOST_BYTES = 32_000_000;
/** Rows between two signs of life. */
const ROWS = 1_000;

/** Named after the ledger that the rows come from, as what was imported is: what is kept of an older one nobody asks (D3). */
const keptKey = ({ request, phase, tab }: TabKey, ledger: string): string =>
  `segments/${request}/${phase}/${tab}/failed-${ledger}`;

/**
 * Keeps the failed records of a tab in one file, so that the next phase, which takes them once more, need not look for them in
 * all segments (E3). Where they are very many they are not kept.
 * @param ledger name of the ledger as it stands
 */
export async function keepFailed(deps: Deps, key: TabKey, ledger: string): Promise<void> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const row of readRows(deps, key, 1)) {
    const text = Buffer.from(`${JSON.stringify(row)}\n`);
    bytes += text.length;
    if (bytes > MOST_BYTES) return;
    kept.push(text);
  }
  await deps.storage.put(keptKey(key, ledger), Buffer.concat(kept));
}

/**
 * The records of a tab that failed in a phase, in order.
 * @param ledger name of its ledger as it stands
 * @param from segment with the first that is asked for
 * @throws ImportError SEGMENT_DAMAGED
 */
export async function* failedRows(
  deps: Deps,
  key: TabKey,
  ledger: string,
  from: number,
): AsyncGenerator<FailedRow> {
  const name = keptKey(key, ledger);
  if (!(await deps.storage.exists(name))) {
    yield* readRows(deps, key, from);
    return;
  }
  const kept = await deps.storage.get(name);
  for (let at = 0, count = 1; at < kept.length; count++) {
    const end = kept.indexOf(LINE_END, at);
    const row = JSON.parse(kept.toString('utf8', at, end)) as FailedRow;
    if (count % ROWS === 0) beat();
    if (row.segment >= from) yield row;
    at = end + 1;
  }
}

async function* readRows(deps: Deps, key: TabKey, from: number): AsyncGenerator<FailedRow> {
  const segments = [];
  for await (const { number, records, storageKey, finished } of deps.stores.segments.all(key)) {
    if (number >= from && (finished?.counts.failed ?? 0) > 0) segments.push({ number, records, storageKey });
  }
  for await (const { segment, rows } of readFailed(deps, key, segments)) {
    beat();
    for (const { place, line, outcome } of rows) {
      yield { segment: segment.number, place, code: outcome.code, line };
    }
  }
}
