import {
  FAILURE_CODES,
  type FailureCode,
  noCounts,
  RESULTS,
  type Result,
  SKIP_CODES,
  type SkipCode,
  type TabCounts,
  WARNING_CODES,
  type WarningCode,
} from './codes.ts';

/** What became of one record of a segment: a row of the report (C7). */
export interface RecordOutcome {
  /** 1 = first record after the header */
  row: number;
  /** index of the plan's part that the row stands in */
  part: number;
  externalId: string;
  deskId: string | null;
  result: Result;
  code: FailureCode | SkipCode | null;
  column: string | null;
  message: string | null;
  warnings: WarningCode[];
  /** of what the desk holds by this import; null when it failed, was skipped or mapped (D2) */
  digest: string | null;
}

type Packed = [
  number,
  number,
  string,
  string | 0,
  number,
  string | 0,
  number,
  string | 0,
  string | 0,
  number,
];

const CODES: readonly (FailureCode | SkipCode)[] = [...FAILURE_CODES, ...SKIP_CODES];

/** Outcomes as one text, small enough for a segment's ledger document; equal outcomes give equal texts. */
export function packOutcomes(outcomes: readonly RecordOutcome[]): string {
  return JSON.stringify(
    outcomes.map((each): Packed => {
      let warnings = 0;
      for (const warning of each.warnings) warnings |= 1 << WARNING_CODES.indexOf(warning);
      return [
        each.row,
        each.part,
        each.externalId,
        each.deskId ?? 0,
        RESULTS.indexOf(each.result),
        each.digest ?? 0,
        each.code === null ? 0 : CODES.indexOf(each.code) + 1,
        each.column ?? 0,
        each.message ?? 0,
        warnings,
      ];
    }),
  );
}

/** @throws SyntaxError for a text that packOutcomes did not make */
export function unpackOutcomes(text: string): RecordOutcome[] {
  return (JSON.parse(text) as Packed[]).map(unpacked);
}

/** What of the records of a text that packOutcomes made is the import's own in the desk (D2), in order. */
export function unpackDigests(text: string): { externalId: string; digest: string }[] {
  const found: { externalId: string; digest: string }[] = [];
  for (const packed of JSON.parse(text) as Packed[]) {
    const digest = packed[5];
    if (digest !== 0) found.push({ externalId: packed[2], digest });
  }
  return found;
}

function unpacked(packed: Packed): RecordOutcome {
  // place by place: taken apart as a list it costs several times as much, millions of times
  const result = RESULTS[packed[4]];
  if (result === undefined) throw new SyntaxError('an outcome without a result');
  const deskId = packed[3];
  const digest = packed[5];
  const code = packed[6];
  const column = packed[7];
  const message = packed[8];
  const warnings = packed[9];
  return {
    row: packed[0],
    part: packed[1],
    externalId: packed[2],
    deskId: deskId === 0 ? null : deskId,
    result,
    code: code === 0 ? null : (CODES[code - 1] ?? null),
    column: column === 0 ? null : column,
    message: message === 0 ? null : message,
    warnings: warnings === 0 ? [] : WARNING_CODES.filter((_, index) => (warnings & (1 << index)) !== 0),
    digest: digest === 0 ? null : digest,
  };
}

/** D1: the five results of these outcomes; `source` is how many there are. */
export function countOutcomes(outcomes: readonly RecordOutcome[]): TabCounts {
  const counts = noCounts();
  counts.source = outcomes.length;
  for (const { result } of outcomes) counts[result]++;
  return counts;
}

export function addCounts(sum: TabCounts, more: TabCounts): TabCounts {
  return {
    source: sum.source + more.source,
    created: sum.created + more.created,
    updated: sum.updated + more.updated,
    unchanged: sum.unchanged + more.unchanged,
    skipped: sum.skipped + more.skipped,
    failed: sum.failed + more.failed,
  };
}

/** How many warnings these outcomes carry together. */
export function countWarnings(outcomes: readonly RecordOutcome[]): number {
  let warnings = 0;
  for (const outcome of outcomes) warnings += outcome.warnings.length;
  return warnings;
}
