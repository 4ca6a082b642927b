import type { Db } from 'mongodb';
import { type BodyImages, createBodyImages } from './body-images.ts';
import { type BundledFiles, createBundledFiles } from './bundled-files.ts';
import { createDiscrepancies, type Discrepancies } from './discrepancies.ts';
import { createDrawnTabs, type DrawnTabs } from './drawn-tabs.ts';
import { createFailures, type Failures } from './failures.ts';
import { createFrozen, type Frozen } from './frozen.ts';
import { createImportErasure, type ImportErasure } from './import-erasure.ts';
import { createPlans, type Plans } from './plans.ts';
import { createReports, type Reports } from './reports.ts';
import { createSegments, type Segments } from './segments.ts';

/** The import's own records. */
export interface ImportStores {
  plans: Plans;
  segments: Segments;
  failures: Failures;
  frozen: Frozen;
  bodyImages: BodyImages;
  bundledFiles: BundledFiles;
  drawnTabs: DrawnTabs;
  erasure: ImportErasure;
  discrepancies: Discrepancies;
  reports: Reports;
}

export function createImportStores(db: Db): ImportStores {
  return {
    plans: createPlans(db),
    segments: createSegments(db),
    failures: createFailures(db),
    frozen: createFrozen(db),
    bodyImages: createBodyImages(db),
    bundledFiles: createBundledFiles(db),
    drawnTabs: createDrawnTabs(db),
    erasure: createImportErasure(db),
    discrepancies: createDiscrepancies(db),
    reports: createReports(db),
  };
}
