import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { endedOutside, type State } from '../../domain/lifecycle.ts';
import type { Phase } from '../../domain/phase.ts';
import { importPhaseWorkflowId, migrationWorkflowId } from '../../workflows/messages.ts';
import { press, type Press } from './press-in-web-ui.ts';
import { type FiledRequest, OPERATOR, REQUESTER, ServiceInProcess } from './service-in-process.ts';
import { Sweeper } from './sweeper.ts';
import { World } from './world.ts';

vi.setConfig({ testTimeout: 240_000 });

const world = new World({ join: async () => {}, leave: async () => {} });
let service: ServiceInProcess;
let sweeper: Sweeper;
beforeAll(async () => {
  service = await ServiceInProcess.start(world, { turns: 2 });
  sweeper = new Sweeper(service);
});
afterAll(async () => {
  await sweeper?.stop();
  await service?.stop();
});

interface Filed {
  portal: string;
  request: FiledRequest;
  /** lets its import go on */
  free: () => void;
}

/** Where a request stands, what it holds there, and how it comes to the next one. */
interface Standing {
  at: string;
  state: State;
  portalClosed?: true;
  underWay?: true;
  line?: 'running' | 'waiting';
  phase?: Phase;
  ticket?: true;
  next: (filed: Filed) => Promise<unknown>;
}

const operator = { by: OPERATOR };
const reaches = ({ request }: Filed, state: State) =>
  request.reaches(state, (document) => document.state === state);
const imports = ({ request }: Filed, phase: string) =>
  service.until(`${request.id} imports in ${phase}`, async () =>
    world.named('importSegments').some(({ argument }) => {
      const run = argument as { request: string; phase: string };
      return run.request === request.id && run.phase === phase;
    }),
  );
const hold = (filed: Filed): void => {
  const gate = world.hold('importSegments', filed.request.id);
  filed.free = () => gate.open();
};
const window = (filed: Filed) => {
  filed.free();
  return reaches(filed, 'REPLY_WINDOW');
};

const PAUSED: Standing = {
  at: 'PHASE_1, paused',
  state: 'PHASE_1',
  portalClosed: true,
  underWay: true,
  ticket: true,
  next: async (filed) => {
    await filed.request.command('resume', operator);
    await window(filed);
  },
};
const STANDINGS: Standing[] = [
  { at: 'PENDING', state: 'PENDING', next: ({ request }) => request.command('submit', { by: REQUESTER }) },
  {
    at: 'PENDING, submitted',
    state: 'PENDING',
    next: async ({ request }) => {
      await request.command('take', operator);
      await service.until('it is checked', async () => (await request.actions()).includes('system checked'));
    },
  },
  { at: 'VERIFYING', state: 'VERIFYING', next: ({ request }) => request.command('approve', operator) },
  {
    at: 'PHASE_1',
    state: 'PHASE_1',
    phase: 'phase-1',
    portalClosed: true,
    underWay: true,
    line: 'running',
    ticket: true,
    next: ({ request }) => request.command('pause', operator),
  },
  PAUSED,
  {
    at: 'REPLY_WINDOW',
    state: 'REPLY_WINDOW',
    underWay: true,
    ticket: true,
    next: async (filed) => {
      hold(filed);
      await filed.request.command('startPhase2', { by: REQUESTER });
      await filed.request.command('startPhase2', operator);
      await imports(filed, 'phase-2');
    },
  },
  {
    at: 'PHASE_2',
    state: 'PHASE_2',
    phase: 'phase-2',
    underWay: true,
    line: 'running',
    ticket: true,
    next: async (filed) => {
      filed.free();
      await reaches(filed, 'COMPLETED');
    },
  },
];
const QUEUED: Standing = {
  at: 'QUEUED',
  state: 'QUEUED',
  underWay: true,
  line: 'waiting',
  next: async () => {},
};

async function file(): Promise<Filed> {
  const portal = await service.portal();
  const request = await service.create(portal);
  const filed = { portal, request, free: () => {} };
  hold(filed);
  return filed;
}

async function approved(): Promise<Filed> {
  const filed = await file();
  await filed.request.approved();
  return filed;
}

/** What is held for a request, and what its document says. */
async function truthOf({ portal, request }: Filed) {
  const document = await request.document();
  const { closedBy, integrationsLockedBy } = await service.deps.desk.portal(portal);
  const { running, waiting } = await sweeper.line();
  const placesIn = (line: { request: string }[]) => line.filter((each) => each.request === request.id).length;
  const ticket = await service.stores.supportTickets.get(request.id);
  return {
    state: document?.state,
    reason: document?.reason,
    closed: (document?.closedAt ?? null) !== null,
    holder: await service.stores.portalClaims.holder(portal),
    closedBy,
    integrationsLockedBy,
    running: placesIn(running),
    waiting: placesIn(waiting),
    ticketOpen: ticket !== null && ticket.closedAt === null,
  };
}

type Truth = Awaited<ReturnType<typeof truthOf>>;

const NOTHING_HELD = {
  closed: true,
  holder: null,
  closedBy: null,
  integrationsLockedBy: null,
  running: 0,
  waiting: 0,
  ticketOpen: false,
};

function heldAt({ request: { id } }: Filed, standing: Standing): Truth {
  const { state, portalClosed, underWay, line, ticket } = standing;
  return {
    state,
    reason: null,
    closed: false,
    holder: id,
    closedBy: portalClosed === true ? id : null,
    integrationsLockedBy: underWay === true ? id : null,
    running: line === 'running' ? 1 : 0,
    waiting: line === 'waiting' ? 1 : 0,
    ticketOpen: ticket === true,
  };
}

/** Within a minute the document, the portal and the line say so. */
async function tells(filed: Filed, expected: Truth): Promise<void> {
  const deadline = Date.now() + 60_000;
  let truth = await truthOf(filed);
  while (JSON.stringify(truth) !== JSON.stringify(expected) && Date.now() < deadline) {
    await wait(250);
    truth = await truthOf(filed);
  }
  expect(truth).toEqual(expected);
  expect((await service.stores.audit.verifyChain(filed.request.id, null)).broken).toBeNull();
}

const pressed = (what: Press, { request }: Filed) =>
  press(service.client, what, migrationWorkflowId(request.id));

/** F1: what was done by then is reported. */
function reported({ request }: Filed, phase: Phase): Promise<unknown> {
  return service.until(`${phase} of ${request.id} is reported`, async () => {
    const report = await service.deps.importStores.reports.latest(request.id, phase);
    return report !== null && report.bytes !== null;
  });
}

/** How often its people were told something, by mail. */
async function told({ request }: Filed, kind: string): Promise<number> {
  const messages = await service.stores.messages.list(request.id);
  return messages.filter((message) => message.kind === kind && message.state === 'sent').length;
}

async function terminatedThenReset(filed: Filed, standing: Standing): Promise<void> {
  const { request } = filed;
  const kind =
    standing.state === 'PENDING' ? 'cancelled' : standing.state === 'VERIFYING' ? 'rejected' : 'stopped';
  const before = await told(filed, kind);
  // a reset repeats what was not answered yet
  if (standing.phase === undefined) await request.rests();
  await pressed('Terminate', filed);
  await tells(filed, {
    state: endedOutside(standing.state),
    reason: 'terminated in Temporal',
    ...NOTHING_HELD,
  });
  expect(await told(filed, kind)).toBe(before + 1);
  expect((await request.actions()).at(-1)).toBe('system endedOutside');
  if (standing.phase !== undefined) await reported(filed, standing.phase);
  await pressed('Reset to the last task', filed);
  await tells(filed, heldAt(filed, standing));
  await service.until(
    'the audit log says so',
    async () => (await request.actions()).at(-1) === 'system resetInTemporal',
  );
  expect(await told(filed, kind)).toBe(before + 1);
}

/** It ends by itself, with its report. */
async function cancelled(filed: Filed, standing: Standing): Promise<void> {
  await pressed('Cancel', filed);
  await tells(filed, {
    state: endedOutside(standing.state),
    reason: 'cancelled in Temporal',
    ...NOTHING_HELD,
  });
  if (standing.phase !== undefined) await reported(filed, standing.phase);
}

test('F6, A8, B2, B4, C2: terminated, and reset, in every state of its life; each time all is right, and it goes on', async () => {
  const [walker, blocker, other, byCancel] = await Promise.all([file(), approved(), approved(), file()]);
  if (!walker || !blocker || !other || !byCancel) throw new Error('not filed');
  for (const standing of STANDINGS.slice(0, 3)) {
    await terminatedThenReset(walker, standing);
    await standing.next(walker);
  }
  await byCancel.request.approved();
  await walker.request.reaches('it waits', ({ placeInLine }) => placeInLine === 1);
  await byCancel.request.reaches('it waits', ({ placeInLine }) => placeInLine === 2);
  await cancelled(byCancel, QUEUED);
  await terminatedThenReset(walker, QUEUED);

  // those who had their turn lose it, and the next one goes on
  await pressed('Reset to the first task', other);
  await tells(other, heldAt(other, { at: 'PENDING', state: 'PENDING', next: async () => {} }));
  await imports(walker, 'phase-1');
  await cancelled(blocker, { ...QUEUED, state: 'PHASE_1' });

  for (const standing of STANDINGS.slice(3)) {
    await tells(walker, heldAt(walker, standing));
    await terminatedThenReset(walker, standing);
    await standing.next(walker);
  }
  await tells(walker, { state: 'COMPLETED', reason: null, ...NOTHING_HELD });
  await walker.request.handle.result();
  await pressed('Reset to the last task', walker);
  await service.until('it has ended again', async () => {
    const { status } = await walker.request.handle.describe();
    return status.name === 'COMPLETED';
  });
  await sweeper.once();
  await tells(walker, { state: 'COMPLETED', reason: null, ...NOTHING_HELD });
  expect(await told(walker, 'completed')).toBe(1);

  // the one that began again from the beginning lives its life
  other.free();
  await other.request.command('submit', { by: REQUESTER });
  await other.request.command('take', operator);
  await service.until('approved', async () => other.request.command('approve', operator).catch(() => null));
  await reaches(other, 'REPLY_WINDOW');
  expect(await told(other, 'confirmation')).toBe(2);
});

test('F6, A8, B4, C2: cancelled in a state: it ends, and nothing is held for it', async () => {
  const states = ['PENDING', 'PENDING, submitted', 'VERIFYING', 'PHASE_1, paused', 'REPLY_WINDOW', 'PHASE_2'];
  await Promise.all(
    states.map(async (at) => {
      const filed = await file();
      for (const standing of STANDINGS) {
        if (standing.at === at) return cancelled(filed, standing);
        await standing.next(filed);
        if (standing.at === 'VERIFYING') await imports(filed, 'phase-1');
      }
      throw new Error('no such standing');
    }),
  );
  expect(await sweeper.line()).toMatchObject({ running: [], waiting: [] });
});

describe('The import of a phase, on its own', () => {
  test.each([
    ['Cancel', 'CANCELLED'],
    ['Terminate', 'TERMINATED'],
  ] as const)('F6, C2: %s: the migration is paused, and goes on when it is resumed', async (what, named) => {
    const filed = await approved();
    await imports(filed, 'phase-1');
    await press(service.client, what, importPhaseWorkflowId(filed.request.id, 'phase-1'));
    const { paused } = await filed.request.reaches('paused', (document) => document.paused !== null);
    expect(paused?.reason).toBe(`importPhase: ${named}: ended from outside`);
    await tells(filed, heldAt(filed, PAUSED));
    await filed.request.command('resume', operator);
    await window(filed);
  });

  test.each(['Reset to the last task', 'Reset to the first task'] as const)(
    'F6, C2: %s: it goes on, and the migration hears of its end',
    async (what) => {
      const filed = await approved();
      await imports(filed, 'phase-1');
      await press(service.client, what, importPhaseWorkflowId(filed.request.id, 'phase-1'));
      const { reports } = await window(filed);
      expect(reports.map(({ name, version }) => `${name} ${version}`)).toEqual(['phase-1 1']);
    },
  );
});
