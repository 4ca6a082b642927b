import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { Binary, type Collection, type Db } from 'mongodb';
import type { RecordOutcome } from '../domain/record-outcome.ts';
import { packOutcomes, unpackDigests, unpackOutcomes } from '../domain/record-outcome.ts';
import type { TabCounts } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { idsUnder, padded } from './database.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Which tab of which run. */
export interface TabKey {
  request: string;
  phase: Phase;
  tab: Tab;
}

/** Where the stager goes on after a segment. */
export interface StagerPosition {
  /** 0 the originals, 1 the translations of articles */
  rank: 0 | 1;
  /** how many of the tab's source parts are read to their ends */
  partsDone: number;
  /** within the part under way, or null at its start */
  cursor: { entry: string | null; decodedBytes: number; row: number } | null;
  /** E3: within the carried failures: segment of the earlier phase and place in it */
  carried: { segment: number; line: number } | null;
}

/** What came out of a segment's import. */
export interface FinishedSegment {
  generation: number;
  counts: TabCounts;
  warnings: number;
  /** tab digest over the records with a digest, as the ledger has them (D2) */
  sourceDigest: string;
  /** how many records have a digest: the request's own in the desk; absent in ledgers of before it was kept */
  own?: number;
  /** SHA-256 of the packed outcomes: equal outcomes, equal report (D3) */
  fingerprint: string;
  /** indexes of parts that have failed records here */
  failedParts: number[];
  /** of those, the ones with failed rows that could be read, and that could not (C6); absent in ledgers of before it was kept */
  handedBack?: { readable: number[]; unreadable: number[] };
  /** C4: how many of its records may hold images in their bodies */
  imageBodies?: number;
}

/** What reading the desk back showed (D2). */
export interface SegmentProof {
  /** of the outcomes that were compared: imported again with the same outcomes, a segment stays proven */
  fingerprint: string;
  deskDigest: string;
  discrepancies: number;
}

/** One segment's entry in the ledger. */
export interface Segment {
  number: number;
  rank: 0 | 1;
  records: number;
  bytes: number;
  /** of the segment's file */
  sha256: string;
  storageKey: string;
  after: StagerPosition;
  /** E3: counted since the segment before */
  superseded: number;
  replaced: number;
  carried: number;
  /** raised by every claim: the fence against late twins (D3) */
  generation: number;
  finished: FinishedSegment | null;
  proof: SegmentProof | null;
  /** B5: when it was closed, claimed last, and finished last, in epoch milliseconds; they decide nothing */
  stagedAt: number | null;
  begunAt: number | null;
  finishedAt: number | null;
}

/** What a segment is closed with. */
type ClosedSegment = Omit<
  Segment,
  'generation' | 'finished' | 'proof' | 'stagedAt' | 'begunAt' | 'finishedAt'
>;

type SegmentDocument = Segment & {
  _id: string;
  outcomes: Binary | null;
  /** of the failed records alone, so that whoever wants those need not look at all; absent in ledgers of before it was kept */
  failures?: Binary;
  /** the set of ids that `ids` gives; absent in ledgers of before it was kept */
  ids?: Binary;
  imageBodies?: number[];
  /** the latest attempt that claimed it, by the time the attempt was scheduled; epoch milliseconds */
  claimedAt?: number;
  /** the latest attempt that read it back, likewise */
  provenAt?: number;
};

/** What staging a tab came to. */
export interface StagedTabTotals {
  segments: number;
  records: number;
  /** rows of replies that a later reply's row stands for (E3) */
  superseded: number;
  /** failed records of the earlier phase: replaced by reply rows, and taken once more (E3) */
  replaced: number;
  carried: number;
}

export interface Segments {
  /** Closes a segment; one that is there already stays. */
  close(key: TabKey, segment: ClosedSegment): Promise<void>;
  /** B6: of a sample, names the file that holds what was chosen of a segment. */
  choose(key: TabKey, number: number, file: Pick<Segment, 'storageKey' | 'bytes' | 'sha256'>): Promise<void>;
  last(key: TabKey): Promise<Segment | null>;
  /** Segments behind a number in order, without their outcomes. */
  page(key: TabKey, after: number, limit: number): Promise<Segment[]>;
  /** All segments in order, without their outcomes. */
  all(key: TabKey): AsyncIterable<Segment>;
  get(key: TabKey, number: number): Promise<Segment | null>;
  /**
   * Takes a segment for one attempt of its import: raises its generation. Null when there is no such segment, or when an
   * attempt that was scheduled later has claimed it.
   * @param at when the attempt was scheduled, in epoch milliseconds
   */
  claim(key: TabKey, number: number, at: number): Promise<Segment | null>;
  /** Takes all of a tab's segments from attempts that were scheduled before: none of them goes on (D3, F1). */
  seal(key: TabKey, at: number): Promise<void>;
  /** Whether nobody has claimed the segment since. */
  holds(key: TabKey, number: number, generation: number): Promise<boolean>;
  /**
   * Writes the outcomes under the fence; of the same outcomes again, what reading back showed stays. False when another
   * has claimed the segment.
   * @param ids the set of ids that `ids` gives
   * @param imageBodies places of the records that may hold images
   */
  finish(
    key: TabKey,
    number: number,
    finished: Omit<FinishedSegment, 'fingerprint' | 'imageBodies'>,
    outcomes: readonly RecordOutcome[],
    ids: Uint8Array,
    imageBodies: readonly number[],
  ): Promise<boolean>;
  /** The outcome of every record of a segment in its order; empty when it is not imported. */
  outcomes(key: TabKey, number: number): Promise<RecordOutcome[]>;
  /** D2: of a segment's records those that are this import's own in the desk, in order. */
  digests(key: TabKey, number: number): Promise<{ externalId: string; digest: string }[]>;
  /** E3: the external ids of the same records, as the set they were finished with; null when the ledger does not hold it. */
  ids(key: TabKey, number: number): Promise<Uint8Array | null>;
  /** The outcomes of a segment's failed records, each with its place. */
  failures(key: TabKey, number: number): Promise<{ place: number; outcome: RecordOutcome }[]>;
  /** C4: the places of its records that may hold images in their bodies. */
  imageBodies(key: TabKey, number: number): Promise<number[]>;
  /**
   * Keeps what the read-back showed. False when the segment has other outcomes meanwhile, or when an attempt that was scheduled
   * later has read it back.
   * @param at when the attempt was scheduled, in epoch milliseconds
   */
  prove(key: TabKey, number: number, proof: SegmentProof, at: number): Promise<boolean>;
  /** Says that a tab is staged to its end. */
  staged(key: TabKey, totals: StagedTabTotals): Promise<void>;
  findStaged(key: TabKey): Promise<StagedTabTotals | null>;
}

const PAGE = 500;
const WITHOUT_OUTCOMES = { outcomes: 0, failures: 0, ids: 0, imageBodies: 0 } as const;

const keyOf = ({ request, phase, tab }: TabKey): string => `${request}/${phase}/${tab}`;
const idOf = (key: TabKey, number: number): string => `${keyOf(key)}/${padded(number)}`;

export function createSegments(db: Db): Segments {
  const segments: Collection<SegmentDocument> = db.collection<SegmentDocument>('segments');
  const stagedTabs = db.collection<StagedTabTotals & { _id: string }>('stagedTabs');
  const page: Segments['page'] = async (key, after, limit) => {
    const found = await segments
      .find(
        { _id: { ...idsUnder(`${keyOf(key)}/`), $gt: idOf(key, after) } },
        { projection: WITHOUT_OUTCOMES, sort: { _id: 1 }, limit, batchSize: limit },
      )
      .toArray();
    return found.map(toSegment);
  };
  const packedOutcomes = async (key: TabKey, number: number): Promise<string> => {
    const found = await segments.findOne({ _id: idOf(key, number) }, { projection: { outcomes: 1 } });
    const packed = found?.outcomes ?? null;
    return packed === null ? '[]' : expanded(packed);
  };
  const outcomes: Segments['outcomes'] = async (key, number) =>
    unpackOutcomes(await packedOutcomes(key, number));
  return {
    page,
    async close(key, segment) {
      await segments.updateOne(
        { _id: idOf(key, segment.number) },
        {
          $setOnInsert: {
            ...segment,
            generation: 0,
            finished: null,
            proof: null,
            stagedAt: Date.now(),
            begunAt: null,
            finishedAt: null,
            outcomes: null,
          },
        },
        { upsert: true },
      );
    },
    async choose(key, number, { storageKey, bytes, sha256 }) {
      await segments.updateOne({ _id: idOf(key, number) }, { $set: { storageKey, bytes, sha256 } });
    },
    async last(key) {
      const [found] = await segments
        .find(
          { _id: idsUnder(`${keyOf(key)}/`) },
          { projection: WITHOUT_OUTCOMES, sort: { _id: -1 }, limit: 1 },
        )
        .toArray();
      return found === undefined ? null : toSegment(found);
    },
    async *all(key) {
      let after = 0;
      for (;;) {
        const found = await page(key, after, PAGE);
        yield* found;
        if (found.length < PAGE) return;
        after = found.at(-1)?.number ?? after;
      }
    },
    async get(key, number) {
      const found = await segments.findOne({ _id: idOf(key, number) }, { projection: WITHOUT_OUTCOMES });
      return found === null ? null : toSegment(found);
    },
    async claim(key, number, at) {
      const found = await segments.findOneAndUpdate(
        { _id: idOf(key, number), ...notClaimedAfter(at) },
        { $inc: { generation: 1 }, $set: { claimedAt: at, begunAt: Date.now() } },
        { returnDocument: 'after', projection: WITHOUT_OUTCOMES },
      );
      return found === null ? null : toSegment(found);
    },
    async seal(key, at) {
      for (let after = 0; ; ) {
        const found = await page(key, after, PAGE);
        const last = found.at(-1);
        if (last === undefined) return;
        await segments.updateMany(
          { _id: { $in: found.map(({ number }) => idOf(key, number)) }, ...notClaimedAfter(at) },
          { $inc: { generation: 1 }, $set: { claimedAt: at } },
        );
        after = last.number;
      }
    },
    async holds(key, number, generation) {
      const found = await segments.findOne({ _id: idOf(key, number) }, { projection: { generation: 1 } });
      return found?.generation === generation;
    },
    async finish(key, number, finished, outcomes, ids, imageBodies) {
      const packed = packOutcomes(outcomes);
      const fingerprint = hash('sha256', packed, 'base64url');
      const fence = { _id: idOf(key, number), generation: finished.generation };
      const again = await segments.updateOne(
        { ...fence, 'finished.fingerprint': fingerprint },
        { $set: { 'finished.generation': finished.generation, finishedAt: Date.now() } },
      );
      if (again.matchedCount === 1) return true;
      const { matchedCount } = await segments.updateOne(fence, {
        $set: {
          finished: { ...finished, fingerprint, imageBodies: imageBodies.length },
          finishedAt: Date.now(),
          proof: null,
          outcomes: await compressed(packed),
          failures: await compressed(packFailures(outcomes)),
          ids: new Binary(ids),
          imageBodies: [...imageBodies],
        },
      });
      return matchedCount === 1;
    },
    outcomes,
    async digests(key, number) {
      return unpackDigests(await packedOutcomes(key, number));
    },
    async ids(key, number) {
      const found = await segments.findOne({ _id: idOf(key, number) }, { projection: { ids: 1 } });
      return found?.ids?.buffer ?? null;
    },
    async failures(key, number) {
      const found = await segments.findOne({ _id: idOf(key, number) }, { projection: { failures: 1 } });
      if (found?.failures !== undefined) return unpackFailures(await expanded(found.failures));
      const all = await outcomes(key, number);
      return all.flatMap((outcome, place) => (outcome.result === 'failed' ? [{ place, outcome }] : []));
    },
    async imageBodies(key, number) {
      const found = await segments.findOne({ _id: idOf(key, number) }, { projection: { imageBodies: 1 } });
      return found?.imageBodies ?? [];
    },
    async prove(key, number, proof, at) {
      const { matchedCount } = await segments.updateOne(
        {
          _id: idOf(key, number),
          'finished.fingerprint': proof.fingerprint,
          provenAt: { $not: { $gt: at } },
        },
        { $set: { proof, provenAt: at } },
      );
      return matchedCount === 1;
    },
    async staged(key, totals) {
      await stagedTabs.updateOne({ _id: keyOf(key) }, { $setOnInsert: totals }, { upsert: true });
    },
    async findStaged(key) {
      const found = await stagedTabs.findOne({ _id: keyOf(key) });
      if (found === null) return null;
      const { _id, ...totals } = found;
      return totals;
    },
  };
}

function toSegment({
  _id,
  outcomes,
  failures,
  ids,
  imageBodies,
  claimedAt,
  provenAt,
  ...segment
}: SegmentDocument): Segment {
  // an earlier version noted no times
  return {
    ...segment,
    stagedAt: segment.stagedAt ?? null,
    begunAt: segment.begunAt ?? null,
    finishedAt: segment.finishedAt ?? null,
  };
}

/** The places of the failed records and, on a line of their own, their outcomes. */
function packFailures(outcomes: readonly RecordOutcome[]): string {
  const places = outcomes.flatMap(({ result }, place) => (result === 'failed' ? [place] : []));
  return `${JSON.stringify(places)}\n${packOutcomes(outcomes.filter(({ result }) => result === 'failed'))}`;
}

function unpackFailures(text: string): { place: number; outcome: RecordOutcome }[] {
  const end = text.indexOf('\n');
  const places = JSON.parse(text.slice(0, end)) as number[];
  return unpackOutcomes(text.slice(end + 1)).map((outcome, at) => ({ place: places[at] ?? 0, outcome }));
}

/** Most outcomes of a segment fit into one piece; in the usual ones of 16 KB it takes twice the processor time to expand them. */
const PIECE = 1 << 18;

async function compressed(text: string): Promise<Binary> {
  return new Binary(await deflate(text, { level: 1, chunkSize: PIECE }));
}

async function expanded(packed: Binary): Promise<string> {
  return (await inflate(packed.buffer, { chunkSize: PIECE })).toString('utf8');
}

function notClaimedAfter(at: number) {
  return { claimedAt: { $not: { $gt: at } } };
}
