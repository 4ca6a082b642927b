import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  LIFECYCLE_TASK_QUEUE,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  type QueueLine,
  SWEEP,
} from '../../workflows/messages.ts';
import type { Swept } from '../../workflows/sweep.ts';
import type { ServiceInProcess } from './service-in-process.ts';

const EVERY_MS = 1_000;

/** Sweeps again and again, as the schedule does, but more often. */
export class Sweeper {
  readonly #service: ServiceInProcess;
  readonly #running: Promise<void>;
  #goesOn = true;

  constructor(service: ServiceInProcess) {
    this.#service = service;
    this.#running = this.#sweep();
  }

  once(): Promise<Swept> {
    return this.#service.client.workflow.execute(SWEEP, {
      taskQueue: LIFECYCLE_TASK_QUEUE,
      workflowId: `sweep-${randomUUID()}`,
    }) as Promise<Swept>;
  }

  async line(): Promise<QueueLine> {
    const queue = this.#service.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
    return (
      (await queue.query<QueueLine>(QUEUE_QUERY).catch(() => null)) ?? { running: [], waiting: [], turns: 0 }
    );
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#running;
  }

  async #sweep(): Promise<void> {
    while (this.#goesOn) {
      await this.once();
      await wait(EVERY_MS);
    }
  }
}
