import type { TabCounts } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import type { UnshownCode } from '../domain/resolve-image.ts';
import type { Tab } from '../domain/tab.ts';

/** One run of one request over its tabs. */
export interface PhaseRun {
  request: string;
  phase: Phase;
}
export interface PhaseToPlan extends PhaseRun {
  /** E1: keys of the replies that were taken; what came with others is not read. Left out: all */
  replies?: string[];
}
export interface TabRun extends PhaseRun {
  tab: Tab;
}
export interface SegmentRange extends TabRun {
  /** numbers of consecutive segments, first and last inclusive, from 1 */
  from: number;
  to: number;
}
/** What a phase has to do, counted apart from the importer (D1). No names, no bodies: ids and counts only. */
export interface PhasePlan {
  tabs: { tab: Tab; records: number; bytes: number }[];
}
export interface TabToStage extends TabRun {
  /** stage until the tab has so many segments, or to its end; left out: to its end */
  until?: number;
}
export interface StagedTab {
  segments: number;
  records: number;
  /** the tab has more to stage */
  more?: true;
}
export interface GroupsToPlan extends TabRun {
  /** number of the last segment that has a group already; 0 for the first page */
  after: number;
  /** number of the last segment to share out; left out: all there are */
  to?: number;
}
/** Groups of consecutive segments, each the work of one import activity, in import order. */
export interface ImportGroups {
  groups: { from: number; to: number; records: number }[];
  /** where a barrier stands: groups from this index on start only when all before are done (originals before translations) */
  barriers: number[];
  /** pass as `after` for the next page, or null when there are no more */
  next: number | null;
}
export interface TabProof {
  counts: TabCounts;
  warnings: number;
  digestsMatch: boolean;
  /** records that are missing, extra or different, and counts that do not add up; 0 when all is proven */
  discrepancies: number;
}
/** C4: images in a request's bodies, and links to attachments, as they stand. */
export interface ImageCounts {
  /** records that hold any */
  bodies: number;
  /** those that lead to an attachment */
  shown: number;
  /** whole `data:` images */
  embedded: number;
  /** those that lead to none, by the reason */
  notShown: Partial<Record<UnshownCode, number>>;
}
export interface WrittenReport {
  /** E.g. `phase-1`; F1: a retry makes a new version of it */
  name: string;
  version: number;
  bytes: number;
}

/** What was read from a source's API. */
export interface DrawnSource {
  records: number;
  bytes: number;
}

/** The import's activities, run on the task queue of the import workers. Arguments and results hold ids and counts only. */
export interface ImportActivities {
  /** Reads a source that is an API to its end, page by page; goes on where an earlier attempt ended (E3: in phase 2 only what changed). */
  drawSource(run: PhaseRun): Promise<DrawnSource>;
  /** Fixes which parts of which files feed which tab (E3 in phase 2), and counts their records apart (D1). */
  planPhase(run: PhaseToPlan): Promise<PhasePlan>;
  /**
   * Freezes the world an import consults. `start`: startedAt, primary contact, departments, statuses, who and what was in
   * the portal before (C3, C9). `agents`: agents again after the agents tab. `contacts`: mails of contacts after the contacts tab.
   */
  freezeContext(input: PhaseRun & { after: 'start' | 'agents' | 'contacts' }): Promise<void>;
  /** Reads a tab's source once, in order, and writes it as segments; goes on where an earlier attempt, or piece, ended. */
  stageTab(run: TabToStage): Promise<StagedTab>;
  /** The next page (at most 200) of import groups. */
  planImport(input: GroupsToPlan): Promise<ImportGroups>;
  /** Imports consecutive segments; again is harmless (D3). */
  importSegments(range: SegmentRange): Promise<TabCounts>;
  /** Reads consecutive segments' records back from the desk and compares digests (D2). */
  reconcileSegments(range: SegmentRange): Promise<{ discrepancies: number }>;
  /** Adds up a tab, compares it with the count apart and looks for extra records (D1, D2). */
  proveTab(run: TabRun): Promise<TabProof>;
  /** C4: finds which attachments the images in imported bodies are, and lists those that are none. */
  resolveImages(run: PhaseRun): Promise<ImageCounts>;
  /** Folds the ids this phase imported into the sorted set the next phase asks (E3: deleted in the desk). */
  foldImported(run: PhaseRun): Promise<void>;
  /** Streams the ledger into the report ZIP (C6, C7). */
  writeReport(run: PhaseRun): Promise<WrittenReport>;
}
