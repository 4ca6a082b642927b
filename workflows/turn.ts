import { condition, defineQuery, defineSignal, patched, setHandler } from '@temporalio/workflow';
import { UNDER_WAY } from '../domain/lifecycle.ts';
import type { Phase } from '../domain/phase.ts';
import { lifecycle, releases, said } from './activity-calls.ts';
import { expectedLength } from './expected-completion.ts';
import {
  PLACE_CHANGED,
  type Place,
  type QueueEntry,
  type Standing,
  STANDING_QUERY,
  type Turn,
  TURN_GRANTED,
} from './messages.ts';
import type { Migration } from './migration-context.ts';
import { phaseOf } from './migration-record.ts';

/** Until then the place in line stood in the document only; requests under way may have begun so. */
const PLACE_MAILED = 'place-mailed';

/** B4: what the processing queue says to a waiting migration. */
export function registerTurn(migration: Migration): void {
  const { record, journal } = migration;

  setHandler(
    defineSignal<[Turn]>(TURN_GRANTED),
    ({ phase, ticket }) => {
      if (record.turn?.phase !== phase || record.turn.ticket !== ticket || record.turn.granted) return;
      record.turn.granted = true;
      record.placeInLine = null;
      record.expectedStart = null;
      journal.note('system', `turnGranted:${phase}`);
    },
    { description: 'B4: its turn for one phase has come' },
  );

  setHandler(
    defineSignal<[Place]>(PLACE_CHANGED),
    ({ place, expectedStart, moved }) => {
      if (record.turn === null || record.turn.granted) return;
      record.placeInLine = place;
      record.expectedStart = expectedStart;
      if (moved === undefined) journal.changed();
      else journal.note(moved.by, 'movedToFront', moved.reason ?? null);
      if (patched(PLACE_MAILED)) mailPlace(migration, place, expectedStart, moved !== undefined);
    },
    { description: 'B4, B5: its place in line and the expected start' },
  );

  setHandler(defineQuery<Standing>(STANDING_QUERY), () => standingOf(migration), {
    description: 'what it holds: its portal, its turn or place in line',
  });
}

/** B4: the first place of a turn is mailed, and one that an operator gave; that others ahead are done is read in the document. */
function mailPlace(
  { record, journal }: Migration,
  place: number,
  expectedStart: number | null,
  again: boolean,
): void {
  const { turn } = record;
  if (turn === null || (turn.placeTold === true && !again)) return;
  turn.placeTold = true;
  journal.tell('inLine', {
    phase: turn.phase,
    place,
    ...(expectedStart === null ? {} : { expectedStart }),
  });
}

function standingOf(migration: Migration): Standing {
  const { portal, portalClosed, turn, state } = migration.record;
  return {
    portal,
    portalClosed,
    underWay: UNDER_WAY.includes(state),
    importing: migration.importing?.phase ?? null,
    turn:
      turn === null || turn.leaving === true
        ? null
        : { ...entryOf(migration, turn, null), granted: turn.granted },
  };
}

function entryOf(migration: Migration, { phase, ticket }: Turn, milliseconds: number | null): QueueEntry {
  const { request, comesNext } = migration.record;
  return { request, phase, front: comesNext, ticket, since: sinceOf(migration, phase), milliseconds };
}

/**
 * B4: stands in line for one phase run and waits for its turn. Again while it has the turn is harmless.
 * @returns false when the wait was broken off (paused, stopped, history to be cut); then call again later
 */
export async function takeTurn(migration: Migration, phase: Phase): Promise<boolean> {
  const { record, journal } = migration;
  if (record.turn?.granted === true) return true;
  if (record.turn === null) {
    record.turn = { phase, ticket: ++record.tickets, granted: false };
    journal.note('system', `standsInLine:${phase}`);
  }
  const entry = entryOf(migration, record.turn, await expectedLength(migration, phase));
  const over = (): boolean =>
    record.turn?.granted === true || migration.interrupted || migration.historyIsLong;
  do {
    // Said again now and then, so that a queue that was lost knows of it; the same ticket stands in line once.
    await lifecycle.joinQueue.executeWithOptions(said(`stands in line for ${phase}`), [entry]);
  } while (!(await condition(over, '1 hour', { summary: 'stands in line again' })));
  if (!record.turn.granted) return false;
  record.comesNext = false;
  return true;
}

/** B4: gives the turn, or the place in line, back. A request that had its turn comes next when it stands in line again. */
export async function giveTurnBack(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  if (record.turn === null) return;
  const { phase, granted } = record.turn;
  record.turn.leaving = true;
  await releases.leaveQueue.executeWithOptions(said(`leaves the line for ${phase}`), [
    { request: record.request, phase },
  ]);
  record.comesNext = granted && record.paused !== null;
  record.turn = null;
  record.placeInLine = null;
  record.expectedStart = null;
  journal.note('system', `turnGivenBack:${phase}`);
}

/** The moment from which its place counts: approval for phase 1, the end of the window for phase 2. */
function sinceOf({ record }: Migration, phase: Phase): number {
  const due = phase === 'phase-2' ? phaseOf(record, phase)?.startedAt : record.approvedAt;
  return due ?? record.createdAt;
}
