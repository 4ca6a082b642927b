import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileRequest, openWorld, type Place } from './file-request.ts';
import { makeBundle } from './make-bundle.ts';
import { IMPORT_WORKER_MEMORY, runFile } from './run-file.ts';
import type { StepsTimed } from './step-by-step.ts';

/** What a phase with a bundle of attachments took. */
export interface BundleMeasured {
  megabytes: number;
  attachments: number;
  seconds: { plan: number; stage: number; import: number; readBack: number };
  /** the most that the process that ran all steps had in memory */
  rssMb: number;
}

/**
 * Runs a phase with a ZIP of attachments in a process of its own, with the memory that an import worker is given.
 * @throws Error when not every attachment was imported and found again
 */
export async function measureBundle(uri: string, folder: string, megabytes: number): Promise<BundleMeasured> {
  const own = join(folder, `bundle-${megabytes}`);
  await mkdir(own, { recursive: true });
  const bundle = await makeBundle(join(own, 'bundle.zip'), megabytes);
  const place: Place = { uri, database: `bundle_${megabytes}`, storage: join(own, 'storage') };
  const request = await fileRequest(place, [bundle], ['threads', 'comments']);
  await rm(bundle.path);
  const asked = JSON.stringify({ place, request, phases: ['phase-1'] });
  const [timed] = await runFile<StepsTimed[]>('step-by-step.ts', [asked], IMPORT_WORKER_MEMORY);
  const { source, failed, discrepancies } = timed?.counts ?? { source: 0, failed: 0, discrepancies: 0 };
  if (timed === undefined || source !== bundle.rows || failed + discrepancies > 0) {
    throw new Error(
      `${failed} of ${source} records failed, ${discrepancies} discrepancies; ${bundle.rows} were sent`,
    );
  }
  await (await openWorld(place)).drop();
  await rm(own, { recursive: true, force: true });
  const { plan, stage, readBack } = timed.all;
  return {
    megabytes,
    attachments: bundle.rows - 2,
    seconds: { plan, stage, import: timed.all.import, readBack },
    rssMb: Math.round(timed.rssMb),
  };
}
