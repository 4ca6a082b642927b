import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { keepSchedules } from '../../workers/keep-schedules.ts';
import {
  LIFECYCLE_TASK_QUEUE,
  migrationWorkflowId,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  type QueueLine,
  SWEEP,
  UNDO,
  undoWorkflowId,
} from '../../workflows/messages.ts';
import type { Swept } from '../../workflows/sweep.ts';
import { type FiledRequest, OPERATOR, REQUESTER, ServiceInProcess } from './service-in-process.ts';
import { World } from './world.ts';

vi.setConfig({ testTimeout: 180_000 });

const world = new World({ join: async () => {}, leave: async () => {} });
let service: ServiceInProcess;
beforeAll(async () => {
  service = await ServiceInProcess.start(world);
});
beforeEach(() => world.clear());
afterAll(() => service.stop());

/** What the schedule starts; visibility of the development server follows within a second. */
async function sweep(): Promise<Swept> {
  return (await service.client.workflow.execute(SWEEP, {
    taskQueue: LIFECYCLE_TASK_QUEUE,
    workflowId: `sweep-${randomUUID()}`,
  })) as Swept;
}

/** Sweeps, as the schedule does again and again, until something holds. */
function swept<T>(what: string, look: () => Promise<T | null | false | undefined>): Promise<T> {
  return service.until(what, async () => {
    await sweep();
    return look();
  });
}

async function line(): Promise<QueueLine> {
  return service.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).query<QueueLine>(QUEUE_QUERY);
}

/** As the Web UI's Reset does: to the last workflow task that was completed. */
async function reset(request: FiledRequest, to: 'first' | 'last' = 'last'): Promise<void> {
  const { runId } = await request.handle.describe();
  const handle = service.client.workflow.getHandle(migrationWorkflowId(request.id), runId);
  const { events } = await handle.fetchHistory();
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  const task = to === 'first' ? tasks[0] : tasks.at(-1);
  await service.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: migrationWorkflowId(request.id), runId },
    reason: 'pressed in the Web UI',
    workflowTaskFinishEventId: task?.eventId ?? null,
    requestId: randomUUID(),
  });
}

async function importing(portal: string): Promise<FiledRequest> {
  const request = await (await service.create(portal)).approved();
  await request.reaches('phase 1 is under way', ({ state }) => state === 'PHASE_1');
  await service.until('it imports', async () =>
    world
      .named('importSegments')
      .some((call) => (call.argument as { request: string }).request === request.id),
  );
  return request;
}

const portalOf = (id: string) => service.deps.desk.portal(id);

describe('Terminate', () => {
  test('C2, A8, B2, B4: in phase 1: the document says STOPPED and why, the portal opens, the next one has its turn', async () => {
    world.hold('importSegments');
    const [portal, other] = [await service.portal(), await service.portal()];
    const request = await importing(portal);
    const next = await (await service.create(other)).approved();
    await next.reaches('it waits', ({ placeInLine }) => placeInLine === 1);
    expect(await portalOf(portal)).toMatchObject({ closedBy: request.id, integrationsLockedBy: request.id });

    await request.handle.terminate('pressed in the Web UI');
    const document = await swept('it is put right', async () => {
      const found = await request.document();
      return (found?.closedAt ?? null) !== null && found;
    });
    expect(document).toMatchObject({ state: 'STOPPED', reason: 'terminated in Temporal', paused: null });
    expect(document.phases[0]?.endedAt).toBeInstanceOf(Date);
    expect(await portalOf(portal)).toMatchObject({ closedBy: null, integrationsLockedBy: null });
    expect(await service.stores.portalClaims.holder(portal)).toBeNull();
    expect((await service.stores.supportTickets.get(request.id))?.closedAt).toBeInstanceOf(Date);
    expect((await request.actions()).filter((each) => each.includes('Outside'))).toEqual([
      'system endedOutside',
    ]);
    const told = (await service.stores.messages.list(request.id)).map(
      ({ kind, state }) => `${kind} ${state}`,
    );
    expect(told.filter((each) => each === 'stopped sent')).toHaveLength(1);
    await next.reaches('its turn has come', ({ state }) => state === 'PHASE_1');
    world.clear();
    await next.reaches('it is imported', ({ state }) => state === 'REPLY_WINDOW');

    // again changes nothing
    await sweep();
    expect(await request.document()).toEqual(document);
    expect(await service.stores.messages.list(request.id)).toHaveLength(told.length);
  });

  test.each([
    ['PENDING', 'CANCELLED'],
    ['VERIFYING', 'REJECTED'],
    ['REPLY_WINDOW', 'STOPPED'],
  ] as const)('A8: in %s: the document says %s, and the portal is free', async (from, to) => {
    const portal = await service.portal();
    const request = await service.create(portal);
    if (from === 'VERIFYING') await request.verifying();
    if (from === 'REPLY_WINDOW') await request.approved();
    await request.reaches(from, ({ state }) => state === from);
    await request.handle.terminate();
    await swept('it is put right', async () => (await request.document())?.state === to);
    expect((await request.document())?.reason).toBe('terminated in Temporal');
    expect(await service.stores.portalClaims.holder(portal)).toBeNull();
  });

  test('A late write of the run that was ended does not bring the request back', async () => {
    const request = await service.create(await service.portal());
    const { runId } = await request.handle.describe();
    const snapshot = await request.handle.query('snapshot');
    await request.handle.terminate();
    await swept('it is put right', async () => (await request.document())?.state === 'CANCELLED');
    const [tenant, draft] = ['acme', await service.stores.drafts.get(request.id, 1)];
    const late = { ...(snapshot as object), runId, sequence: 1_000_000 } as Parameters<
      typeof service.stores.requests.put
    >[0];
    expect(await service.stores.requests.put(late, { tenant, draft, files: [] })).toEqual({
      result: 'older',
    });
    expect((await request.document())?.state).toBe('CANCELLED');
  });
});

describe('Cancel', () => {
  test('C2, F1: in phase 1: stopped with a report by its own process; the sweep finds nothing to do', async () => {
    world.hold('importSegments');
    const portal = await service.portal();
    const request = await importing(portal);
    await request.handle.cancel();
    await expect(request.handle.result()).rejects.toThrow('cancelled');
    const document = await request.document();
    expect(document).toMatchObject({ state: 'STOPPED', reason: 'cancelled in Temporal' });
    expect(document?.closedAt).toBeInstanceOf(Date);
    expect(document?.reports.map(({ name }) => name)).toEqual(['phase-1']);
    expect(await portalOf(portal)).toMatchObject({ closedBy: null, integrationsLockedBy: null });
    expect((await line()).running).toEqual([]);
    await sweep();
    expect(await request.document()).toEqual(document);
  });
});

describe('Reset', () => {
  test('F2: of a terminated request: the new run takes over, with its portal, and its word is written beside the old one', async () => {
    const portal = await service.portal();
    const request = await (await service.create(portal)).approved();
    await service.until('the window is open', async () =>
      (await request.actions()).includes('system windowOpened'),
    );
    // a reset repeats what was not answered yet
    await request.rests();
    await request.handle.terminate();
    await swept('it is stopped', async () => (await request.document())?.closedAt);
    await reset(request);
    await swept('the new run took over', async () => (await request.document())?.state === 'REPLY_WINDOW');
    expect(await service.stores.portalClaims.holder(portal)).toBe(request.id);
    expect((await request.document())?.closedAt).toBeNull();
    await request.command('stop', { by: OPERATOR, reason: 'enough' });
    await request.handle.result();
    expect(await request.document()).toMatchObject({ state: 'STOPPED', reason: 'enough' });
    const actions = await request.actions();
    expect(actions.slice(actions.indexOf('system endedOutside'))).toEqual([
      'system endedOutside',
      'system resetInTemporal',
      'operator:team stopOrdered',
      'operator:team stopped',
      'system closed',
      'system supportTicketClosed',
    ]);
    expect((await service.stores.audit.verifyChain(request.id, null)).broken).toBeNull();
  });

  test('F2: to its very beginning: what it does and says the second time is written and sent, too', async () => {
    const portal = await service.portal();
    const request = await (await service.create(portal)).approved();
    await request.reaches('the window is open', ({ state }) => state === 'REPLY_WINDOW');
    await reset(request, 'first');
    await swept('the new run took over', async () => (await request.document())?.state === 'PENDING');
    await request.command('cancel', { by: REQUESTER, reason: 'a mistake' });
    await request.reaches(
      'it is closed',
      ({ state, closedAt }) => state === 'CANCELLED' && closedAt !== null,
    );
    expect((await request.actions()).slice(-2)).toEqual(['requester:acme cancelled', 'system closed']);
    await service.until('it is told', async () =>
      (await service.stores.messages.list(request.id)).some(
        ({ kind, state }) => kind === 'cancelled' && state === 'sent',
      ),
    );
    expect(await service.stores.portalClaims.holder(portal)).toBeNull();
  });

  test('A8: whose portal is another request’s by now: it is told to end', async () => {
    const portal = await service.portal();
    const request = await service.create(portal);
    await request.handle.terminate();
    await swept('it is cancelled', async () => (await request.document())?.closedAt);
    const other = await service.create(portal);
    await reset(request);
    await swept('it has ended again', async () => {
      const { status } = await request.handle.describe();
      return status.name === 'CANCELLED';
    });
    await swept('its document says so', async () => (await request.document())?.state === 'CANCELLED');
    expect(await request.actions()).toContain('system resetDismissed');
    expect(await service.stores.portalClaims.holder(portal)).toBe(other.id);
  });
});

describe('the processing queue', () => {
  test('B4: terminated, it is there again: who runs keeps the turn, who waits keeps the order', async () => {
    world.hold('importSegments');
    const first = await importing(await service.portal());
    const waiting: FiledRequest[] = [];
    for (const place of [1, 2]) {
      const next = await (await service.create(await service.portal())).approved();
      await next.reaches('it waits', ({ placeInLine }) => placeInLine === place);
      waiting.push(next);
    }
    await service.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).terminate();
    await swept('all are in line again', async () => {
      try {
        const { running, waiting: behind } = await line();
        return running.length + behind.length === 3;
      } catch {
        return false;
      }
    });
    const now = await line();
    expect(now.running.map(({ request }) => request)).toEqual([first.id]);
    expect(now.waiting.map(({ request }) => request)).toEqual(waiting.map(({ id }) => id));
    world.clear();
    for (const request of [first, ...waiting]) {
      await request.reaches('it is imported', ({ state }) => state === 'REPLY_WINDOW');
    }
  });

  test('B4: a request that is approved meanwhile starts it with the one that runs, not beside it', async () => {
    world.hold('importSegments');
    const first = await importing(await service.portal());
    await service.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).terminate();
    const next = await (await service.create(await service.portal())).approved();
    await next.reaches('it waits', ({ placeInLine }) => placeInLine === 1);
    expect((await line()).running.map(({ request }) => request)).toEqual([first.id]);
    world.clear();
    await next.reaches('it is imported', ({ state }) => state === 'REPLY_WINDOW');
  });
});

test('A8, C2: an undo that was terminated no longer holds its portal; one that runs does', async () => {
  const portal = await service.portal();
  const request = await service.create(portal);
  await request.command('cancel', { by: REQUESTER, reason: 'a mistake' });
  await request.handle.result();
  const undo = await service.client.workflow.start(UNDO, {
    // nobody works there: it stays where it is
    taskQueue: 'nobody',
    workflowId: undoWorkflowId(request.id),
    args: [{ request: request.id, by: OPERATOR, reason: 'r' }],
  });
  await service.stores.portalClaims.claim(portal, request.id);
  await service.deps.desk.close(portal, request.id);
  await sweep();
  expect(await service.stores.portalClaims.holder(portal)).toBe(request.id);
  await undo.terminate();
  await swept('the portal is free', async () => (await service.stores.portalClaims.holder(portal)) === null);
  expect(await portalOf(portal)).toMatchObject({ closedBy: null });
});

test('The sweep is started every minute by a schedule, however often it is made', async () => {
  await keepSchedules(service.client);
  await keepSchedules(service.client);
  const handle = service.client.schedule.getHandle('sweep');
  const { spec, action } = await handle.describe();
  expect(spec.intervals).toEqual([expect.objectContaining({ every: 60_000 })]);
  expect(action).toMatchObject({ workflowType: SWEEP, taskQueue: LIFECYCLE_TASK_QUEUE });
  // the same schedule, but for a test's patience
  await handle.update((schedule) => ({ ...schedule, spec: { intervals: [{ every: '1 second' }] } }));
  const results = async (): Promise<Swept[]> => {
    const found: Swept[] = [];
    const query = `WorkflowType = '${SWEEP}' AND ExecutionStatus = 'Completed' AND TemporalScheduledById = 'sweep'`;
    for await (const { workflowId, runId } of service.client.workflow.list({ query })) {
      found.push((await service.client.workflow.getHandle(workflowId, runId).result()) as Swept);
    }
    return found;
  };
  // each goes on from what the one before told: everything only once an hour
  await service.until('a sweep that goes on from the one before', async () =>
    (await results()).some(({ until, everythingAt }) => until > everythingAt),
  );
  await handle.delete();
});
