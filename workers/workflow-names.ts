import type { WorkflowNames } from '../activities/create-activities.ts';
import {
  ERASE,
  eraseWorkflowId,
  IMPORT_LOST,
  importPhaseWorkflowId,
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  migrationWorkflowId,
  PROCESSING_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  QUEUE_SIGNALS,
  SAMPLE_RUN,
  sampleWorkflowId,
  SNAPSHOT_QUERY,
  STANDING_QUERY,
  TURN_GRANTED,
  UNDO,
  undoWorkflowId,
} from '../workflows/messages.ts';

/** How the workflows are called in Temporal, for activities that speak to them. */
export const WORKFLOW_NAMES: WorkflowNames = {
  migration: {
    workflowType: MIGRATION,
    workflowIdOf: migrationWorkflowId,
    standing: STANDING_QUERY,
    snapshot: SNAPSHOT_QUERY,
    turnGranted: TURN_GRANTED,
    importLost: IMPORT_LOST,
  },
  importPhaseOf: importPhaseWorkflowId,
  undo: { workflowType: UNDO, workflowIdOf: undoWorkflowId },
  erase: { workflowType: ERASE, workflowIdOf: eraseWorkflowId },
  sample: { workflowType: SAMPLE_RUN, workflowIdOf: sampleWorkflowId },
  queue: {
    workflowId: PROCESSING_QUEUE_WORKFLOW_ID,
    workflowType: PROCESSING_QUEUE,
    taskQueue: LIFECYCLE_TASK_QUEUE,
    signals: QUEUE_SIGNALS,
    line: QUEUE_QUERY,
  },
};
