import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STATES, type State } from '../../domain/lifecycle.ts';
import { UPDATES, type UpdateArguments } from '../../workflows/messages.ts';
import { Lifecycle, OPERATOR, REQUESTER, refusalOf, type Request } from './environment.ts';

type Name = keyof UpdateArguments;

/** What the requirements allow in each state; SUBMITTED is PENDING between submission and an operator's taking it (A2). */
const ALLOWED: Record<State | 'SUBMITTED', readonly Name[]> = {
  PENDING: ['redoSteps', 'addFile', 'dropFile', 'submit', 'cancel', 'precheck', 'grantLimits', 'sourceKey'],
  SUBMITTED: ['cancel', 'take'],
  VERIFYING: ['approve', 'reject', 'sendBack', 'precheck', 'grantLimits', 'sourceKey'],
  QUEUED: ['pause', 'stop', 'sourceKey'],
  PHASE_1: ['pause', 'stop', 'sourceKey'],
  REPLY_WINDOW: ['pause', 'stop', 'reply', 'startPhase2', 'retryTab', 'grantLimits', 'sourceKey'],
  PHASE_2: ['pause', 'stop', 'sourceKey'],
  COMPLETED: [],
  CANCELLED: [],
  EXPIRED: [],
  REJECTED: [],
  STOPPED: [],
};

const GIVEN: UpdateArguments = {
  redoSteps: { by: REQUESTER, revision: 9, done: [], portal: null },
  addFile: { by: REQUESTER, key: 'new', bytes: 1 },
  dropFile: { by: REQUESTER, key: 'f1' },
  submit: { by: REQUESTER },
  cancel: { by: OPERATOR },
  take: { by: OPERATOR },
  approve: { by: OPERATOR },
  reject: { by: OPERATOR, reason: 'x' },
  sendBack: { by: OPERATOR, reason: 'x' },
  grantLimits: { by: OPERATOR, reason: 'x', limits: { files: 9 } },
  precheck: { by: OPERATOR },
  pause: { by: OPERATOR },
  resume: { by: OPERATOR },
  stop: { by: OPERATOR },
  reply: { by: REQUESTER, key: 'k', files: [] },
  startPhase2: { by: REQUESTER },
  sourceKey: { by: REQUESTER },
  retryTab: { by: OPERATOR, tab: 'tickets' },
};

let life: Lifecycle;
const requests = new Map<State | 'SUBMITTED', Request>();

/** One request in every state; of the final ones EXPIRED is closed, the others are held while they are being closed. */
beforeAll(async () => {
  life = await Lifecycle.start(2);
  const create = () => life.create();
  const put = async (state: State | 'SUBMITTED', request: Request): Promise<void> => {
    await request.reaches(state === 'SUBMITTED' ? 'PENDING' : state);
    requests.set(state, request);
  };

  const expired = await create();
  await expired.result();
  await put('EXPIRED', expired);

  const completed = await (await create()).approved();
  await completed.reaches('REPLY_WINDOW');
  life.world.hold('closeSupportTicket');
  await completed.command('startPhase2', { by: REQUESTER });
  await completed.command('startPhase2', { by: OPERATOR });
  await put('COMPLETED', completed);

  const window = await (await create()).approved();
  await put('REPLY_WINDOW', window);

  const phase2 = await (await create()).approved();
  await phase2.reaches('REPLY_WINDOW');
  life.world.hold('planPhase');
  await phase2.command('startPhase2', { by: REQUESTER });
  await phase2.command('startPhase2', { by: OPERATOR });
  await put('PHASE_2', phase2);
  await put('PHASE_1', await (await create()).approved());
  await put('QUEUED', await (await create()).approved());

  life.world.hold('releasePortal');
  const [stopped, rejected, cancelled] = [
    await (await create()).approved(),
    await (await create()).verifying(),
    await (await create()).submitted(),
  ];
  await stopped.command('stop', { by: OPERATOR });
  await put('STOPPED', stopped);
  await rejected.command('reject', { by: OPERATOR, reason: 'x' });
  await put('REJECTED', rejected);
  await cancelled.command('cancel', { by: REQUESTER });
  await put('CANCELLED', cancelled);

  await put('VERIFYING', await (await create()).verifying());
  await put('SUBMITTED', await (await create()).submitted());
  const pending = await create();
  await pending.steps();
  await put('PENDING', pending);
});
afterAll(() => {
  life.world.clear();
  return life.stop();
});

describe.each([...STATES, 'SUBMITTED'] as const)('A2, A6, B1, E2, F1: a request that is %s', (state) => {
  const refused = (Object.keys(UPDATES) as Name[]).filter((name) => !ALLOWED[state].includes(name));
  test.each(refused)('refuses %s, and nothing has changed', async (name) => {
    const request = requests.get(state);
    if (request === undefined) throw new Error(`no request is ${state}`);
    const before = await request.snapshot();
    const refusal = await refusalOf(request.command(name, GIVEN[name]));
    expect(refusal).toMatch(
      /^(WRONG_STATE|ALREADY_SUBMITTED|NOT_SUBMITTED|NOT_PAUSED|WINDOW_CLOSED|STEP_MISSING|CLOSED)$/,
    );
    const after = await request.snapshot();
    expect({ ...after, sequence: 0 }).toEqual({ ...before, sequence: 0 });
  });
});
