import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { RequestSnapshot } from '../activities/lifecycle-activities.ts';
import type { MigrationLine } from '../activities/take-mail-reply.ts';
import {
  MAIL_REPLY,
  type MailReply,
  migrationWorkflowId,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  type QueueLine,
  SNAPSHOT_QUERY,
} from '../workflows/messages.ts';

/** How long Temporal may take to answer. */
const TEMPORAL_MS = 10_000;

/** Speaks to the processes of requests through Temporal, each call with a deadline. */
export function createMigrationLine(client: Client): MigrationLine & {
  /** B4: who runs and who waits; null before the first request was ever approved */
  queue(): Promise<QueueLine | null>;
} {
  const handle = (request: string) => client.workflow.getHandle(migrationWorkflowId(request));
  const within = <T>(ask: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + TEMPORAL_MS, ask);
  return {
    async queue() {
      const queue = client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
      try {
        return await within(() => queue.query<QueueLine>(QUEUE_QUERY));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    async tell(request, reply) {
      try {
        await within(() => handle(request).signal<[MailReply]>(MAIL_REPLY, reply));
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    async ask(request) {
      try {
        return await within(() => handle(request).query<RequestSnapshot>(SNAPSHOT_QUERY));
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
  };
}
