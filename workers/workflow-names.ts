import type { WorkflowNames } from '../activities/create-activities.ts';
import {
  importPhaseWorkflowId,
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  migrationWorkflowId,
  PROCESSING_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  QUEUE_SIGNALS,
  SNAPSHOT_QUERY,
  STANDING_QUERY,
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
  },
  importPhaseOf: importPhaseWorkflowId,
  undo: { workflowType: UNDO, workflowIdOf: undoWorkflowId },
  queue: {
    workflowId: PROCESSING_QUEUE_WORKFLOW_ID,
    workflowType: PROCESSING_QUEUE,
    taskQueue: LIFECYCLE_TASK_QUEUE,
    signals: QUEUE_SIGNALS,
    line: QUEUE_QUERY,
  },
};
