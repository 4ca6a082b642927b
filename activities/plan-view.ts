import type { FileAccess } from '../sources/rows.ts';
import type { StandingContext } from '../store/frozen.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedPart, PlannedUpload, StoredPlan } from '../store/plans.ts';
import type { Storage } from '../store/storage.ts';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { beat } from './beat.ts';
import { ImportError } from './errors.ts';
import type { PhaseRun } from './import-activities.ts';

const CONTINUES: Readonly<Record<Phase, Phase | null>> = {
  sample: null,
  'phase-1': null,
  'phase-2': 'phase-1',
};

/** E3: the phase that this one goes on from, or null. */
export function continuedBy(phase: Phase): Phase | null {
  return CONTINUES[phase];
}

/** The phase in which a request began: what is kept of it once for all its phases is kept there. */
export function firstPhase({ phase, continues }: Pick<StoredPlan, 'phase' | 'continues'>): Phase {
  return continues ?? phase;
}

/**
 * Whose failures, bundled files and found ids a run keeps. A sample run's are its own: a phase may begin beside it, and nothing of a
 * sample may count for a phase (B6).
 */
export function keeperOf({ request, phase }: PhaseRun): string {
  return phase === 'sample' ? `${request}.sample` : request;
}

/** @throws ImportError PLAN_MISSING */
export async function planOf(stores: Pick<ImportStores, 'plans'>, run: PhaseRun): Promise<StoredPlan> {
  const plan = await stores.plans.find(run.request, run.phase);
  if (plan === null)
    throw new ImportError('PLAN_MISSING', `${run.phase} of request ${run.request} is not planned`);
  return plan;
}

/** @throws ImportError CONTEXT_MISSING */
export async function contextOf(
  stores: Pick<ImportStores, 'frozen'>,
  run: PhaseRun,
): Promise<StandingContext> {
  const context = await stores.frozen.find(run.request, run.phase);
  if (context === null || !context.done.includes('start')) {
    throw new ImportError(
      'CONTEXT_MISSING',
      `the context of ${run.phase} of request ${run.request} is not frozen`,
    );
  }
  return context;
}

/** A tab's parts that this phase reads, in reading order: what came later first (E3). */
export function sourceParts(plan: StoredPlan, tab: Tab): PlannedPart[] {
  return plan.parts.filter((part) => part.tab === tab && part.carried === null);
}

/** @throws RangeError for a number that no part has */
export function partAt(plan: StoredPlan, index: number): PlannedPart {
  const part = plan.parts[index];
  if (part === undefined) throw new RangeError(`the plan has no part ${index}`);
  return part;
}

export function accessTo(
  storage: Storage,
  upload: Pick<PlannedUpload, 'name' | 'bytes' | 'storageKey'>,
): FileAccess {
  return {
    name: upload.name,
    bytes: upload.bytes,
    open: (from, to) => storage.read(upload.storageKey, from, to),
    localPath: () => storage.localPath(upload.storageKey, beat),
  };
}

/** @throws ImportError PLAN_MISSING when the plan knows no such upload */
export function uploadOf(plan: StoredPlan, key: string): PlannedUpload {
  const upload = plan.uploads.find((each) => each.key === key);
  if (upload === undefined)
    throw new ImportError('PLAN_MISSING', `the plan of ${plan.request} has no upload ${key}`);
  return upload;
}
