import type { QueueEntry, QueueLine, QueueState } from './messages.ts';

/**
 * B4: puts a request in line: in front (a paused one that is resumed) behind others that came to the front; else a phase 2
 * before all phase 1s, and within a phase by the moment from which its place counts. The same turn again changes nothing.
 */
export function join(state: QueueState, entry: QueueEntry): void {
  if (state.running.some((lease) => lease.request === entry.request && lease.ticket === entry.ticket)) return;
  const known = state.waiting.find(
    (waiting) => waiting.request === entry.request && waiting.ticket === entry.ticket,
  );
  if (known !== undefined) {
    known.milliseconds = entry.milliseconds;
    return;
  }
  state.waiting = state.waiting.filter((waiting) => waiting.request !== entry.request);
  const behind = state.waiting.findIndex((waiting) => goesBefore(entry, waiting));
  state.waiting.splice(behind === -1 ? state.waiting.length : behind, 0, { ...entry, told: null });
}

function goesBefore(entry: QueueEntry, other: QueueEntry): boolean {
  const ranks = rank(entry) - rank(other);
  // Those that came to the front stay in the order in which they came.
  return ranks < 0 || (ranks === 0 && !entry.front && entry.since < other.since);
}

function rank({ front, phase }: QueueEntry): number {
  if (front) return 0;
  return phase === 'phase-2' ? 1 : 2;
}

/**
 * A request has a turn that this queue does not know of, since the queue that gave it was lost. It counts, also beyond the number
 * of turns: what runs already is not stopped, but nothing else begins before it has ended.
 */
export function adopt(state: QueueState, entry: QueueEntry, now: number): void {
  const { request, phase, ticket, milliseconds } = entry;
  if (state.running.some((lease) => lease.request === request && lease.ticket === ticket)) return;
  leave(state, request);
  state.running.push({ request, phase, ticket, milliseconds, since: now });
}

/** The request gives its turn or its place back. @param ticket only those of this number */
export function leave(state: QueueState, request: string, ticket?: number): void {
  const stays = (entry: { request: string; ticket: number }): boolean =>
    entry.request !== request || (ticket !== undefined && entry.ticket !== ticket);
  state.running = state.running.filter(stays);
  state.waiting = state.waiting.filter(stays);
}

/** An operator moves a waiting request ahead of all others. @returns whether it was waiting */
export function toFront(state: QueueState, request: string): boolean {
  const waiting = state.waiting.find((each) => each.request === request);
  if (waiting === undefined) return false;
  waiting.front = true;
  state.waiting = [waiting, ...state.waiting.filter((each) => each !== waiting)];
  return true;
}

/**
 * B5: when the request at a place is expected to start, from those that run and those ahead.
 * @returns epoch milliseconds, or null when the length of one ahead is not known
 */
export function expectedStart(state: QueueState, turns: number, place: number, now: number): number | null {
  const free: number[] = state.running.map((lease) =>
    lease.milliseconds === null ? Number.POSITIVE_INFINITY : Math.max(now, lease.since + lease.milliseconds),
  );
  while (free.length < turns) free.push(now);
  for (const ahead of state.waiting.slice(0, place - 1)) {
    free.sort((a, b) => a - b);
    const start = free.shift() ?? now;
    free.push(ahead.milliseconds === null ? Number.POSITIVE_INFINITY : start + ahead.milliseconds);
  }
  const start = free.reduce((earliest, each) => Math.min(earliest, each), Number.POSITIVE_INFINITY);
  return Number.isFinite(start) ? start : null;
}

/** What the query of the queue answers. */
export function lineOf(state: QueueState, turns: number): QueueLine {
  return {
    running: state.running.map(({ request, phase, ticket, since }) => ({ request, phase, ticket, since })),
    waiting: state.waiting.map(({ request, phase, ticket }, index) => ({
      request,
      phase,
      ticket,
      place: index + 1,
    })),
    turns,
  };
}
