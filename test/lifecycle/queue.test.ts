import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  QUEUE_SIGNALS,
  type QueueLine,
} from '../../workflows/messages.ts';
import { Lifecycle, OPERATOR, REQUESTER, type Request } from './environment.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start(1);
});
afterEach(() => life.clear());
afterAll(() => life.stop());

const queue = () => life.temporal.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID);
const line = () => queue().query<QueueLine>(QUEUE_QUERY);

/** Requests approved one after the other; the first has its turn and is held in its import. */
async function inLine(count: number): Promise<{ requests: Request[]; open: () => void }> {
  const gate = life.world.hold('importSegments');
  const requests: Request[] = [];
  for (let number = 1; number <= count; number++) {
    const request = await (await life.create()).approved();
    requests.push(request);
    if (number === 1) await request.reaches('PHASE_1');
    else await request.reaches('QUEUED', ({ placeInLine }) => placeInLine === number - 1);
  }
  return { requests, open: gate.open };
}

/** The places in line that were mailed. */
const places = (request: string | undefined) =>
  life.world.messages
    .filter((message) => message.request === request && message.kind === 'inLine')
    .map(({ facts }) => facts.place);

const turns = () =>
  life.world.audit.filter((entry) => entry.action === 'turnGranted:phase-1').map((entry) => entry.request);

test('B4, B5: one at a time in the order of approval; each sees its place and its expected start', async () => {
  const { requests, open } = await inLine(3);
  const [first, second, third] = requests.map((request) => request.id);
  expect(await line()).toMatchObject({
    running: [{ request: first, phase: 'phase-1' }],
    waiting: [
      { request: second, place: 1 },
      { request: third, place: 2 },
    ],
    turns: 1,
  });
  expect((await requests[2]?.snapshot())?.expectedStart).not.toBeNull();
  await life.until('mailed', () => places(third).length === 1);
  expect([places(first), places(second), places(third)]).toEqual([[], [1], [2]]);
  open();
  await requests[2]?.reaches('REPLY_WINDOW');
  expect(turns()).toEqual([first, second, third]);
});

test('B4: an operator moves a request ahead, and its audit log says so', async () => {
  const { requests, open } = await inLine(3);
  const [first, second, third] = requests.map((request) => request.id);
  await queue().signal(QUEUE_SIGNALS.toFront, { request: third, by: OPERATOR, reason: 'go-live tomorrow' });
  await requests[2]?.noted('movedToFront');
  await life.until('mailed', () => places(third).join(' ') === '2 1');
  open();
  await requests[1]?.reaches('REPLY_WINDOW');
  expect(turns()).toEqual([first, third, second]);
});

test('B4: a paused request gives its turn back and comes next when resumed', async () => {
  const { requests, open } = await inLine(3);
  const [first, second, third] = requests.map((request) => request.id);
  await requests[0]?.command('pause', { by: OPERATOR });
  await requests[1]?.reaches('PHASE_1');
  await requests[0]?.command('resume', { by: OPERATOR });
  await requests[0]?.reaches('PHASE_1', ({ placeInLine }) => placeInLine === 1);
  open();
  await requests[2]?.reaches('REPLY_WINDOW');
  expect(turns()).toEqual([first, second, first, third]);
});

test('B4: a phase 2 that is due goes before waiting phase 1s', async () => {
  const early = await (await life.create()).approved();
  await early.reaches('REPLY_WINDOW');
  const { requests, open } = await inLine(2);
  await early.command('startPhase2', { by: REQUESTER });
  await early.command('startPhase2', { by: OPERATOR });
  await early.reaches('PHASE_2', ({ placeInLine }) => placeInLine === 1);
  expect((await line()).waiting).toEqual([
    { request: early.id, phase: 'phase-2', ticket: 2, place: 1 },
    { request: requests[1]?.id, phase: 'phase-1', ticket: 1, place: 2 },
  ]);
  open();
  await requests[1]?.reaches('REPLY_WINDOW');
});

test('B4: a holder that no longer runs loses its turn, but only after a heartbeat timeout', async () => {
  // requests that import nothing, since a running activity keeps the server from skipping time
  const [holder, next] = [await life.create(), await life.create()];
  for (const { id: request } of [holder, next]) {
    await life.world.join({
      request,
      phase: 'phase-1',
      front: false,
      ticket: 1,
      since: 0,
      milliseconds: null,
    });
  }
  await life.until('the first has its turn', async () => (await line()).running[0]?.request === holder.id);
  life.world.gone.add(holder.id);
  await life.until('it is noticed', () => life.world.named('watchHolders').length > 0);
  await life.pass(15_000);
  expect((await line()).running[0]?.request).toBe(holder.id);
  await life.pass(10_000);
  await life.until('the next has its turn', async () => (await line()).running[0]?.request === next.id);
  expect((await line()).waiting).toEqual([]);
});

test('B4: the line survives the cutting of its history', async () => {
  const gate = life.world.hold('watchHolders');
  const requests = [await life.create(), await life.create(), await life.create()];
  const entry = (request: string, since: number) =>
    ({ request, phase: 'phase-1', front: false, ticket: 1, since, milliseconds: null }) as const;
  for (const [index, { id }] of requests.entries()) await life.world.join(entry(id, index));
  const { runId: begun } = await queue().describe();
  for (let ticket = 2; (await queue().describe()).historyLength <= 1_510; ticket++) {
    await life.world.leave({ request: requests[2]?.id ?? '', phase: 'phase-1' });
    await life.world.join({ ...entry(requests[2]?.id ?? '', 3), ticket });
  }
  await life.until('a new history', async () => (await queue().describe()).runId !== begun);
  // asked in the moment of the cut it may answer from before the last signal
  await life.until('the last to join', async () => (await line()).waiting.length === 2);
  expect(await line()).toMatchObject({
    running: [{ request: requests[0]?.id }],
    waiting: [{ request: requests[1]?.id }, { request: requests[2]?.id }],
  });
  gate.open();
});
