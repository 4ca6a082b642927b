import type { RecordOutcome } from '../domain/record-outcome.ts';
import type { Segments, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { readAhead } from './read-ahead.ts';
import { readSegment, type SegmentLine, type SegmentPlace } from './segment-file.ts';

/** A segment with its failed records, in order. */
export interface FailedOfSegment {
  segment: SegmentPlace;
  /** `place` is the line within the segment, 0 = the first */
  rows: { place: number; line: SegmentLine; outcome: RecordOutcome }[];
}

/**
 * The failed records of segments as they were read (C6, E3), segment by segment; while one is looked at the next is read.
 * @throws ImportError SEGMENT_DAMAGED
 */
export async function* readFailed(
  { stores, storage }: { stores: { segments: Pick<Segments, 'failures'> }; storage: Storage },
  key: TabKey,
  segments: readonly SegmentPlace[],
): AsyncGenerator<FailedOfSegment> {
  const read = async (segment: SegmentPlace): Promise<FailedOfSegment> => {
    const [failures, lines] = await Promise.all([
      stores.segments.failures(key, segment.number),
      readSegment(storage, segment),
    ]);
    const rows = failures.flatMap(({ place, outcome }) => {
      const line = lines.at(place);
      return line === undefined ? [] : [{ place, line, outcome }];
    });
    return { segment, rows };
  };
  yield* readAhead(segments, read);
}
