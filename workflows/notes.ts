import { workflowInfo } from '@temporalio/workflow';
import { books, said } from './activity-calls.ts';

/** F2: what a process beside a request's own writes into its audit log. */
export class Notes {
  readonly #request: string;
  readonly #writer: string;
  #count = 0;

  /** @param what the process, for example `undo`; each run of it numbers its own notes */
  constructor(request: string, what: string) {
    this.#request = request;
    this.#writer = `${what} ${workflowInfo().runId}`;
  }

  async add(by: string, action: string, reason: string | null = null): Promise<void> {
    const entry = {
      request: this.#request,
      sequence: ++this.#count,
      at: Date.now(),
      by,
      action,
      reason,
      writer: this.#writer,
    };
    await books.appendAudit.executeWithOptions(said(`${action} by ${by}`), [entry]);
  }
}
