import {
  type Client,
  QueryNotRegisteredError,
  QueryRejectedError,
  ServiceError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/common';
import type { RequestSnapshot } from '../activities/lifecycle-activities.ts';
import {
  type ControlInput,
  LIFECYCLE_TASK_QUEUE,
  MIGRATION,
  type MigrationInput,
  migrationWorkflowId,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  QUEUE_SIGNALS,
  type QueueLine,
  type QueueToFront,
  type Refusal,
  REFUSALS,
  type SampleRunInput,
  SNAPSHOT_QUERY,
  type UpdateArguments,
  UPDATES,
} from '../workflows/messages.ts';
import { Problem, REFUSAL_PROBLEMS, unavailable } from './problem.ts';

/** How long a call to Temporal may take before the caller is told to try again. */
const COMMAND_MS = 5_000;
const QUERY_MS = 2_000;

/** The workflow of a request has ended (or never was): nothing more can be commanded. */
export class MigrationNotRunning extends Error {
  readonly code = 'MIGRATION_NOT_RUNNING';
  constructor() {
    super('the migration does not run');
    this.name = 'MigrationNotRunning';
  }
}

/** A migration refused a command: nothing has changed, and its history has no trace of it. */
export class CommandRefused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal, message: string) {
    super(message);
    this.name = 'CommandRefused';
    this.refusal = refusal;
  }

  /** @param more headers and members that this place can add */
  problem(more: ConstructorParameters<typeof Problem>[2] = {}): Problem {
    return new Problem(REFUSAL_PROBLEMS[this.refusal], this.message, more);
  }
}

/** Everything the API says to Temporal and hears from it. */
export interface MigrationWorkflows {
  /** Starts the workflow of a new request; again with the same id is done already. */
  start(input: MigrationInput): Promise<void>;
  /**
   * Gives a command and waits until the migration has taken it and its request document is written.
   * @param updateId makes a repeated call the same command
   * @returns the request as it stands then
   * @throws CommandRefused, MigrationNotRunning, Problem `unavailable` after five seconds
   */
  command<U extends keyof UpdateArguments>(
    request: string,
    update: U,
    argument: UpdateArguments[U],
    updateId?: string,
  ): Promise<RequestSnapshot>;
  /**
   * Starts what goes on beside a request's own process.
   * @param order.again whether it is done anew when it was done before; else only when it failed
   * @param order.call makes a repeated call the same order, where it is done anew otherwise
   * @returns false when it is under way, or done already
   * @throws Problem `unavailable` after five seconds
   */
  order(order: {
    workflowType: string;
    workflowId: string;
    input: ControlInput | SampleRunInput;
    /** the line that the Web UI shows */
    summary: string;
    again: boolean;
    call?: string | undefined;
  }): Promise<boolean>;
  /** The request as it stands. @throws MigrationNotRunning, Problem `unavailable` */
  snapshot(request: string): Promise<RequestSnapshot>;
  /** B4: who runs and who waits; null before the first request was ever approved */
  line(): Promise<QueueLine | null>;
  /** B4: puts a waiting request first in line. */
  toFront(request: string, by: string): Promise<void>;
  /** @throws when Temporal does not answer, or has no such namespace, or does not let this service into it */
  ping(): Promise<void>;
}

function isRefusal(type: string | null | undefined): type is Refusal {
  return (REFUSALS as readonly (string | null | undefined)[]).includes(type);
}

/** Turns what the Temporal client throws into what the API answers with. */
function understood(error: unknown): unknown {
  if (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    isRefusal(error.cause.type)
  ) {
    return new CommandRefused(error.cause.type, error.cause.message);
  }
  if (error instanceof WorkflowNotFoundError) return new MigrationNotRunning();
  if (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    error instanceof ServiceError ||
    error instanceof QueryNotRegisteredError ||
    error instanceof QueryRejectedError
  ) {
    const problem = unavailable(
      'The migration service does not answer in time; what was asked may still be done.',
    );
    problem.cause = error;
    return problem;
  }
  return error;
}

/** Speaks to Temporal for the API, each call with a deadline. */
export function createMigrationWorkflows(client: Client): MigrationWorkflows {
  async function within<T>(milliseconds: number, ask: () => Promise<T>): Promise<T> {
    try {
      return await client.withDeadline(Date.now() + milliseconds, ask);
    } catch (error) {
      throw understood(error);
    }
  }

  /** The call that ordered the latest run of a workflow; null where there is none, or it was ordered without an id. */
  async function orderedBy(workflowId: string): Promise<unknown> {
    try {
      const { memo } = await within(QUERY_MS, () => client.workflow.getHandle(workflowId).describe());
      return memo?.['call'] ?? null;
    } catch (error) {
      if (error instanceof MigrationNotRunning) return null;
      throw error;
    }
  }

  return {
    async start(input) {
      try {
        await within(COMMAND_MS, () =>
          client.workflow.start(MIGRATION, {
            taskQueue: LIFECYCLE_TASK_QUEUE,
            workflowId: migrationWorkflowId(input.request),
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            staticSummary: `Migration request ${input.request}`,
            args: [input],
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },

    command(request, update, argument, updateId) {
      const handle = client.workflow.getHandle(migrationWorkflowId(request));
      return within(COMMAND_MS, () =>
        handle.executeUpdate<RequestSnapshot, [UpdateArguments[typeof update]]>(UPDATES[update], {
          args: [argument],
          ...(updateId === undefined ? {} : { updateId }),
        }),
      );
    },

    async order({ workflowType, workflowId, input, summary, again, call }) {
      if (call !== undefined && (await orderedBy(workflowId)) === call) return true;
      try {
        await within(COMMAND_MS, () =>
          client.workflow.start(workflowType, {
            taskQueue: LIFECYCLE_TASK_QUEUE,
            workflowId,
            workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
            staticSummary: summary,
            args: [input],
            ...(call === undefined ? {} : { memo: { call } }),
          }),
        );
        return true;
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        // by the same call, in another process
        return call !== undefined && (await orderedBy(workflowId)) === call;
      }
    },

    snapshot(request) {
      const handle = client.workflow.getHandle(migrationWorkflowId(request));
      return within(QUERY_MS, () => handle.query<RequestSnapshot>(SNAPSHOT_QUERY));
    },

    async line() {
      const handle = client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
      try {
        return await within(QUERY_MS, () => handle.query<QueueLine>(QUEUE_QUERY));
      } catch (error) {
        if (error instanceof MigrationNotRunning) return null;
        throw error;
      }
    },

    async toFront(request, by) {
      const handle = client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
      await within(COMMAND_MS, () => handle.signal<[QueueToFront]>(QUEUE_SIGNALS.toFront, { request, by }));
    },

    async ping() {
      await within(QUERY_MS, () =>
        client.workflowService.describeNamespace({ namespace: client.options.namespace }),
      );
    },
  };
}
