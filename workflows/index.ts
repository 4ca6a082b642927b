/** All workflows, under the names of messages.ts. */
export { erase, eraseDue } from './erase.ts';
export { importPhase } from './import-phase.ts';
export { lateReport } from './late-report.ts';
export { migration } from './migration.ts';
export { processingQueue } from './processing-queue.ts';
export { sampleRun } from './sample-run.ts';
export { sweep } from './sweep.ts';
export { undo } from './undo.ts';
