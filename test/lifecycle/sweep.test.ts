import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { keepSchedules } from '../../workers/keep-schedules.ts';
import {
  ERASE,
  eraseWorkflowId,
  LIFECYCLE_TASK_QUEUE,
  migrationWorkflowId,
  PROCESSING_QUEUE_WORKFLOW_ID,
  QUEUE_QUERY,
  type QueueLine,
  SAMPLE_RUN,
  sampleWorkflowId,
  SWEEP,
  UNDO,
  undoWorkflowId,
} from '../../workflows/messages.ts';
import type { Swept } from '../../workflows/sweep.ts';
import { press, PRESSES } from './press-in-web-ui.ts';
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
  test('F6, C1: of one that is over but for its last mail: the mail goes out once, and the support ticket is closed', async () => {
    const request = await (await service.create(await service.portal())).approved();
    await request.reaches('the window is open', ({ state }) => state === 'REPLY_WINDOW');
    const gate = world.hold('sendMessage', request.id);
    await request.command('stop', { by: OPERATOR, reason: 'enough' });
    await request.reaches('it is closed', ({ closedAt }) => closedAt !== null);
    await request.handle.terminate();
    await swept('its ticket is closed', async () => {
      return (await service.stores.supportTickets.get(request.id))?.closedAt;
    });
    gate.open();
    const told = await service.stores.messages.list(request.id);
    expect(told.filter(({ kind }) => kind === 'stopped').map(({ state }) => state)).toEqual(['sent']);
    expect((await request.document())?.reason).toBe('enough');
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

describe('Reset', () => {
  test('A8: whose portal is another request’s by now: it is told to end', async () => {
    const portal = await service.portal();
    const request = await service.create(portal);
    await request.handle.terminate();
    await swept('it is cancelled', async () => (await request.document())?.closedAt);
    const other = await service.create(portal);
    await press(service.client, 'Reset to the last task', migrationWorkflowId(request.id));
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
  test('F6, B4: cancelled, terminated or reset: who runs keeps the turn, who waits keeps the order', async () => {
    world.hold('importSegments');
    const first = await importing(await service.portal());
    const waiting: FiledRequest[] = [];
    for (const place of [1, 2]) {
      const next = await (await service.create(await service.portal())).approved();
      await next.reaches('it waits', ({ placeInLine }) => placeInLine === place);
      waiting.push(next);
    }
    const runOf = async () =>
      (await service.client.workflow.getHandle(PROCESSING_QUEUE_WORKFLOW_ID).describe()).runId;
    for (const what of PRESSES) {
      const before = await runOf();
      await press(service.client, what, PROCESSING_QUEUE_WORKFLOW_ID);
      await swept(`${what}: the line is as it was`, async () => {
        if ((await runOf()) === before) return false;
        const { running, waiting: behind } = await line();
        return (
          running.map(({ request }) => request).join(' ') === first.id &&
          behind.map(({ request }) => request).join(' ') === waiting.map(({ id }) => id).join(' ')
        );
      });
    }
    world.clear();
    for (const request of [first, ...waiting]) {
      await request.reaches('it is imported', ({ state }) => state === 'REPLY_WINDOW');
    }
    expect(await line()).toMatchObject({ running: [], waiting: [] });
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

describe('What runs beside a request', () => {
  const KINDS = {
    undo: { type: UNDO, idOf: undoWorkflowId, held: 'decideUndo', done: 'system undone' },
    erase: { type: ERASE, idOf: eraseWorkflowId, held: 'eraseRequest', done: 'system erased' },
    sample: { type: SAMPLE_RUN, idOf: sampleWorkflowId, held: 'stageTab', done: 'system sampleFailed' },
  } as const;

  test.each(['undo', 'erase', 'sample'] as const)(
    'F6, F1, F5, B6: %s: cancelled or terminated, it says so and holds nothing; reset, it goes on',
    async (kind) => {
      const { type, idOf, held, done } = KINDS[kind];
      const portal = await service.portal();
      const request = await service.create(portal);
      const workflowId = idOf(request.id);
      const gate = world.hold(held, request.id);
      if (kind !== 'sample') {
        await request.command('cancel', { by: REQUESTER, reason: 'a mistake' });
        await request.handle.result();
      }
      const begin = async (): Promise<void> => {
        await service.client.workflow.start(type, {
          taskQueue: LIFECYCLE_TASK_QUEUE,
          workflowId,
          args: [{ request: request.id, by: OPERATOR, reason: 'r', records: 1 }],
        });
        await service.until('it is under way', async () => {
          const { raw } = await service.client.workflow.getHandle(workflowId).describe();
          return raw.pendingActivities?.some((each) => each.activityType?.name === held);
        });
        // what it has made by then, where the world plays the import
        if (kind === 'sample') await service.deps.desk.openSamplePortal(portal, request.id);
      };
      const reasons = async (): Promise<(string | null)[]> =>
        (await service.stores.audit.list(request.id))
          .filter(({ action }) => action === `${kind}Failed`)
          .map(({ reason }) => reason);
      const holdsNothing = async (): Promise<boolean> => {
        const samples = await service.db
          .collection<{ _id: string }>('portals')
          .findOne({ _id: `sample.${request.id}` });
        const holder = await service.stores.portalClaims.holder(portal);
        return (
          samples === null &&
          (await portalOf(portal)).closedBy === null &&
          holder === (kind === 'sample' ? request.id : null)
        );
      };

      await begin();
      await sweep();
      // A8, C2: an undo that runs has its portal
      const { closedBy } = await portalOf(portal);
      expect(closedBy).toBe(kind === 'undo' ? request.id : null);
      await press(service.client, 'Cancel', workflowId);
      await service.until('it says that it was cancelled', async () => (await reasons()).length === 1);
      await service.until('cancelled, it has ended and holds nothing', async () => {
        const { status } = await service.client.workflow.getHandle(workflowId).describe();
        return status.name === 'CANCELLED' && (await holdsNothing());
      });

      await begin();
      await press(service.client, 'Terminate', workflowId);
      await swept('terminated, it holds nothing and says so', async () => {
        return (await reasons()).length === 2 && (await holdsNothing());
      });
      expect((await reasons())[1]).toBe('terminated in Temporal');

      await press(service.client, 'Reset to the last task', workflowId);
      gate.open();
      await service.until(
        'reset, it goes on to its end',
        async () => (await request.actions()).at(-1) === done,
      );
      await service.until('ended, it holds nothing', holdsNothing);
      expect((await service.stores.audit.verifyChain(request.id, null)).broken).toBeNull();
    },
  );
});

test('F6: a sweep that is terminated in the middle leaves the rest to the next one', async () => {
  const request = await service.create(await service.portal());
  const gate = world.hold('settleRequest', request.id);
  await request.handle.terminate();
  const workflowId = `sweep-${randomUUID()}`;
  const handle = await service.client.workflow.start(SWEEP, { taskQueue: LIFECYCLE_TASK_QUEUE, workflowId });
  await service.until('it is putting the request right', async () => {
    const { raw } = await handle.describe();
    if (raw.pendingActivities?.some((each) => each.activityType?.name === 'settleRequest')) return true;
    return raw.workflowExecutionInfo?.closeTime ? true : null;
  });
  await handle.terminate().catch(() => {});
  gate.open();
  await swept('it is put right', async () => (await request.document())?.closedAt);
  expect((await request.document())?.state).toBe('CANCELLED');
});

test('The sweep is started twice a minute by a schedule, however often it is made', async () => {
  await keepSchedules(service.client);
  await keepSchedules(service.client);
  const handle = service.client.schedule.getHandle('sweep');
  const { spec, action } = await handle.describe();
  expect(spec.intervals).toEqual([expect.objectContaining({ every: 30_000 })]);
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
