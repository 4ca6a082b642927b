import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { holders, IMPORT_HEARTBEAT_MS, said } from './activity-calls.ts';
import {
  type Lease,
  migrationWorkflowId,
  type Place,
  PLACE_CHANGED,
  type ProcessingQueueInput,
  QUEUE_QUERY,
  QUEUE_SIGNALS,
  type QueueEntry,
  type QueueLeave,
  type QueueLine,
  type QueueState,
  type QueueToFront,
  type Turn,
  TURN_GRANTED,
} from './messages.ts';
import { adopt, expectedStart, join, leave, lineOf, toFront } from './queue-order.ts';

/** Well before the 2,000 events that a run should not exceed. */
const LONG_HISTORY = 1_500;

/**
 * B4: hands out turns, one per phase run, a configured number at a time, in the order of approval. One runs for the whole
 * installation, for ever. A holder that no longer runs loses its turn, but only after an import activity's heartbeat
 * timeout, so that nothing of it writes beside the next.
 */
export async function processingQueue(input: ProcessingQueueInput): Promise<never> {
  const queue = new ProcessingQueue(input);
  queue.listen();
  return queue.run();
}

class ProcessingQueue {
  readonly #state: QueueState;
  #turns: number;
  /** requests moved to the front since the last round, and by whom */
  readonly #moved = new Map<string, QueueToFront>();
  #changed = true;
  #watched = '';
  #watch: CancellationScope | null = null;

  constructor({ turns, carried }: ProcessingQueueInput) {
    this.#turns = turns;
    this.#state = carried ?? { running: [], waiting: [] };
  }

  listen(): void {
    setHandler(
      defineSignal<[QueueEntry, number?]>(QUEUE_SIGNALS.join),
      (entry, turns) => {
        if (turns !== undefined) this.#turns = turns;
        join(this.#state, entry);
        this.#changed = true;
      },
      { description: 'B4: a request stands in line for one phase' },
    );
    setHandler(
      defineSignal<[QueueLeave]>(QUEUE_SIGNALS.leave),
      ({ request, ticket }) => {
        leave(this.#state, request, ticket);
        this.#changed = true;
      },
      { description: 'B4: a request gives its turn or its place back' },
    );
    setHandler(
      defineSignal<[QueueToFront]>(QUEUE_SIGNALS.toFront),
      (order) => {
        if (!toFront(this.#state, order.request)) return;
        this.#moved.set(order.request, order);
        this.#changed = true;
      },
      { description: 'B4: an operator moves a waiting request ahead of all others' },
    );
    setHandler(
      defineSignal<[QueueEntry]>(QUEUE_SIGNALS.holds),
      (entry) => {
        adopt(this.#state, entry, Date.now());
        this.#changed = true;
      },
      { description: 'B4: a request has a turn that a lost queue gave it' },
    );
    setHandler(defineQuery<QueueLine>(QUEUE_QUERY), () => lineOf(this.#state, this.#turns), {
      description: 'who runs and who waits, in order',
    });
  }

  async run(): Promise<never> {
    for (;;) {
      await condition(() => this.#changed || workflowInfo().historyLength > LONG_HISTORY);
      if (!this.#changed) return this.#cutHistory();
      this.#changed = false;
      await this.#grantTurns();
      await this.#tellPlaces();
      this.#watchHolders();
      this.#show();
    }
  }

  async #grantTurns(): Promise<void> {
    while (this.#state.running.length < this.#turns) {
      const next = this.#state.waiting.shift();
      if (next === undefined) return;
      const { request, phase, ticket, milliseconds } = next;
      const lease: Lease = { request, phase, ticket, milliseconds, since: Date.now() };
      this.#state.running.push(lease);
      if (!(await this.#tell(request, TURN_GRANTED, { phase, ticket }))) this.#take(lease);
    }
  }

  async #tellPlaces(): Promise<void> {
    const { waiting } = this.#state;
    for (const [index, entry] of waiting.entries()) {
      const place = index + 1;
      const order = this.#moved.get(entry.request);
      if (entry.told === place && order === undefined) continue;
      entry.told = place;
      this.#moved.delete(entry.request);
      const told: Place = {
        place,
        expectedStart: expectedStart(this.#state, this.#turns, place, Date.now()),
        ...(order === undefined
          ? {}
          : { moved: { by: order.by, ...(order.reason === undefined ? {} : { reason: order.reason }) } }),
      };
      if (!(await this.#tell(entry.request, PLACE_CHANGED, told))) {
        leave(this.#state, entry.request);
        this.#changed = true;
      }
    }
  }

  /** @returns false when the migration no longer runs */
  async #tell(request: string, signal: string, message: Turn | Place): Promise<boolean> {
    try {
      await getExternalWorkflowHandle(migrationWorkflowId(request)).signal(signal, message);
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn('a migration in line no longer runs', { request, error });
      return false;
    }
  }

  /** Takes a turn away, if it is still the same one. */
  #take(lease: Lease): void {
    this.#state.running = this.#state.running.filter((each) => each !== lease);
    this.#changed = true;
  }

  /** Watches those who have a turn now; one that no longer runs loses it after a heartbeat timeout. */
  #watchHolders(): void {
    const leases = [...this.#state.running];
    const key = leases.map(({ request, ticket }) => `${request}#${ticket}`).join(' ');
    if (key === this.#watched) return;
    this.#watched = key;
    this.#watch?.cancel();
    this.#watch = null;
    if (leases.length === 0) return;
    const scope = new CancellationScope();
    this.#watch = scope;
    void scope.run(async () => {
      try {
        await this.#untilGone(leases);
      } catch (error) {
        if (isCancellation(error)) return;
        log.error('holders of a turn are not watched', { error });
        this.#watched = '';
        this.#changed = true;
      }
    });
  }

  async #untilGone(leases: Lease[]): Promise<void> {
    const requests = leases.map(({ request }) => request);
    for (;;) {
      const { gone } = await holders.watchHolders.executeWithOptions(said('those who have a turn'), [
        { requests },
      ]);
      if (gone.length === 0) continue;
      await sleep(IMPORT_HEARTBEAT_MS, { summary: 'what a lost holder left running ends' });
      for (const lease of leases) if (gone.includes(lease.request)) this.#take(lease);
      return;
    }
  }

  #show(): void {
    const { running, waiting } = this.#state;
    const rows = [
      ...running.map(({ request, phase }) => `| has its turn | ${request} | ${phase} |`),
      ...waiting.map(({ request, phase }, index) => `| ${index + 1} | ${request} | ${phase} |`),
    ];
    setCurrentDetails(
      [`Turns: ${this.#turns}`, '', '| place | request | phase |', '| --- | --- | --- |', ...rows].join('\n'),
    );
  }

  async #cutHistory(): Promise<never> {
    this.#watch?.cancel();
    await condition(allHandlersFinished);
    return continueAsNew<typeof processingQueue>({ turns: this.#turns, carried: this.#state });
  }
}
