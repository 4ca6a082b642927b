import { type FailureCode, noCounts, type TabCounts } from '../domain/codes.ts';
import { addCounts, countOutcomes, countWarnings, type RecordOutcome } from '../domain/record-outcome.ts';
import { TabDigest } from '../domain/digest.ts';
import type { Desk, DeskRecord, WriteOutcome } from '../desk/desk.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Links } from '../store/links.ts';
import type { Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { attemptTime, beat } from './beat.ts';
import { requireIntegrationsOff } from './check-integrations.ts';
import { ImportError } from './errors.ts';
import { IdSetBuilder } from './id-set.ts';
import type { ImportActivities, SegmentRange } from './import-activities.ts';
import { type PreparedRecord, RecordPreparer } from './prepare-records.ts';
import { largeOneByOne } from './large-one-by-one.ts';
import { readSegment, SEGMENT_BYTES, type SegmentLines } from './segment-file.ts';
import { loadWorld, type PhaseWorld } from './phase-world.ts';
import { keeperOf } from './plan-view.ts';

export interface ImportSegmentsDeps {
  stores: ImportStores & { links: Links };
  storage: Storage;
  desk: Desk;
}

/** Most records of one write to the desk. */
const BATCH = 500;

/**
 * Makes the activity that imports consecutive segments: map, validate, resolve, write, and keep the outcome of every record
 * (C3-C5, C9, E3). Again, by a twin or after a crash, it changes nothing (D3).
 * @throws ApplicationFailure INTEGRATIONS_ON (B2)
 * @throws ImportError SEGMENT_TAKEN when another run has claimed a segment meanwhile
 */
export function makeImportSegments(deps: ImportSegmentsDeps): ImportActivities['importSegments'] {
  return async (range) => {
    const world = await loadWorld(deps, range);
    // a sample goes into a copy of the portal, which is integrated with nothing
    if (range.phase !== 'sample') await requireIntegrationsOff(deps.desk, world.context.portal);
    const importer = new SegmentImporter(deps, world, range);
    let counts = noCounts();
    let next = importer.read(range.from);
    for (let number = range.from; number <= range.to; number++) {
      const { segment, lines } = await next;
      if (number < range.to) {
        next = importer.read(number + 1);
        // awaited in the next round; a failure before that is told there
        next.catch(() => {});
      }
      const imported =
        lines === null
          ? await largeOneByOne(async () => importer.run(number, await readSegment(deps.storage, segment)))
          : await importer.run(number, lines);
      counts = addCounts(counts, imported);
    }
    return counts;
  };
}

class SegmentImporter {
  readonly #deps: ImportSegmentsDeps;
  readonly #world: PhaseWorld;
  readonly #key: TabKey;
  readonly #preparer: RecordPreparer;
  readonly #at = attemptTime();

  constructor(deps: ImportSegmentsDeps, world: PhaseWorld, range: SegmentRange) {
    this.#deps = deps;
    this.#world = world;
    this.#key = { request: range.request, phase: range.phase, tab: range.tab };
    this.#preparer = new RecordPreparer(deps, world, range.tab);
  }

  /** A segment with its records; one that is a single large record is not read yet. */
  async read(number: number): Promise<{ segment: Segment; lines: SegmentLines | null }> {
    const segment = await this.#deps.stores.segments.get(this.#key, number);
    if (segment === null) throw this.#missing(number);
    const isLarge = segment.bytes > SEGMENT_BYTES;
    return { segment, lines: isLarge ? null : await readSegment(this.#deps.storage, segment) };
  }

  #missing(number: number): ImportError {
    return new ImportError('SEGMENT_MISSING', `there is no segment ${number} of ${this.#key.tab}`);
  }

  /** Claims a segment only when the one before is finished: of twins the one scheduled last goes on, the others end. */
  async run(number: number, lines: SegmentLines): Promise<TabCounts> {
    const { stores } = this.#deps;
    const segment = await stores.segments.claim(this.#key, number, this.#at);
    if (segment === null) throw taken(number);
    const outcomes: RecordOutcome[] = [];
    const unreadable = new Set<number>();
    const readable = new Set<number>();
    const imageBodies: number[] = [];
    let prepared = this.#preparer.prepare(lines.slice(0, BATCH));
    for (let from = 0; from < lines.length; from += BATCH) {
      const batch = await prepared;
      beat();
      // the next batch is prepared while this one is written
      prepared = this.#preparer.prepare(lines.slice(from + BATCH, from + 2 * BATCH));
      prepared.catch(() => {});
      const written = await this.#write(segment, batch);
      for (const [place, each] of written.entries()) {
        outcomes.push(each);
        if (each.result === 'failed')
          (batch[place]?.unreadable === true ? unreadable : readable).add(each.part);
        // C4: what is written over may have held images before
        if (batch[place]?.holdsImages === true || each.result === 'updated') imageBodies.push(from + place);
      }
    }
    const digest = new TabDigest();
    const ids = new IdSetBuilder();
    let own = 0;
    for (const each of outcomes) {
      if (each.digest === null) continue;
      digest.add(each.externalId, each.digest);
      ids.add(each.externalId);
      own++;
    }
    const counts = countOutcomes(outcomes);
    const finished = {
      generation: segment.generation,
      counts,
      warnings: countWarnings(outcomes),
      sourceDigest: digest.toString(),
      own,
      failedParts: inOrder(new Set([...readable, ...unreadable])),
      handedBack: { readable: inOrder(readable), unreadable: inOrder(unreadable) },
    };
    const idBytes = ids.build().toBytes();
    if (!(await stores.segments.finish(this.#key, number, finished, outcomes, idBytes, imageBodies)))
      throw taken(number);
    return counts;
  }

  async #write(segment: Segment, batch: readonly PreparedRecord[]): Promise<RecordOutcome[]> {
    const { stores, desk } = this.#deps;
    const { request, phase, tab } = this.#key;
    const { portal, scope } = this.#world.context;
    const records: DeskRecord[] = [];
    const statuses = new Set<string>();
    for (const { record, addsStatus } of batch) {
      if (record === null) continue;
      records.push(record);
      if (addsStatus !== null) statuses.add(addsStatus);
    }
    // a late twin writes nothing over a newer result
    if (!(await stores.segments.holds(this.#key, segment.number, segment.generation)))
      throw taken(segment.number);
    await this.#world.addStatuses(desk, statuses);
    const links = batch.flatMap(({ outcome, mapped }) =>
      mapped && outcome.deskId !== null
        ? [{ portal, scope, tab, externalId: outcome.externalId, deskId: outcome.deskId, request }]
        : [],
    );
    if (links.length > 0) await stores.links.link(links);
    const stamp = { portal, scope, request, phase, segment: segment.number };
    const written = records.length === 0 ? [] : await desk.write(tab, records, stamp);
    let place = 0;
    const outcomes = batch.map((prepared): RecordOutcome => {
      if (prepared.record === null) return prepared.outcome;
      const result = written[place++];
      if (result === undefined) throw new TypeError('the desk answered fewer outcomes than records');
      return withResult(prepared.outcome, result);
    });
    await this.#keepFailures(segment, outcomes);
    if (tab === 'contacts') await this.#world.keepContacts(batch, outcomes);
    return outcomes;
  }

  /** Before the ledger document: who reads the one finds the other. */
  async #keepFailures(segment: Segment, outcomes: readonly RecordOutcome[]): Promise<void> {
    const { phase, tab } = this.#key;
    const keeper = keeperOf(this.#key);
    const { failures } = this.#deps.stores;
    const failed: { externalId: string; code: FailureCode }[] = [];
    const sound: string[] = [];
    for (const { result, code, externalId } of outcomes) {
      // of rows with one id the first counts, whatever became of the others
      if (externalId === '' || code === 'DUPLICATE_ID' || code === 'DUPLICATE_ROW') continue;
      if (result === 'failed') failed.push({ externalId, code: code as FailureCode });
      else sound.push(externalId);
    }
    await failures.put(keeper, tab, failed);
    // a first run finds nothing to take away
    if (segment.generation > 1 || phase === 'phase-2') await failures.remove(keeper, tab, sound);
  }
}

function inOrder(parts: ReadonlySet<number>): number[] {
  return [...parts].toSorted((a, b) => a - b);
}

function taken(number: number): ImportError {
  return new ImportError('SEGMENT_TAKEN', `segment ${number} was claimed by another run`);
}

function withResult(
  outcome: RecordOutcome,
  { result, code, message, deskId, digest }: WriteOutcome,
): RecordOutcome {
  const isMigrated = result === 'created' || result === 'updated';
  return {
    ...outcome,
    result,
    code: code ?? null,
    message: message ?? null,
    deskId,
    digest,
    warnings: isMigrated ? outcome.warnings : [],
  };
}
