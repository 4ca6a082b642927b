import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../domain/lifecycle.ts';
import { DAY, Lifecycle, OPERATOR, REQUESTER, refusalOf } from './environment.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start();
});
afterEach(() => life.clear());
afterAll(() => life.stop());

describe('A2: steps and submission', () => {
  test('A2: submitting with a step missing is refused, naming the step, and changes nothing', async () => {
    const request = await life.create();
    await request.steps({ done: ['basic', 'desk', 'portal'] });
    const before = await request.snapshot();
    await expect(request.command('submit', { by: REQUESTER })).rejects.toMatchObject({
      cause: { type: 'STEP_MISSING', message: expect.stringContaining('files, tabs') as string },
    });
    expect(await request.snapshot()).toEqual(before);
  });

  test('A2: between submission and taking only cancel is possible', async () => {
    const request = await (await life.create()).submitted();
    const refused = await Promise.all([
      refusalOf(request.steps({ revision: 3 })),
      refusalOf(request.command('addFile', { by: REQUESTER, key: 'f2', bytes: 1 })),
      refusalOf(request.command('dropFile', { by: REQUESTER, key: 'f1' })),
      refusalOf(request.command('submit', { by: REQUESTER })),
      refusalOf(request.command('precheck', { by: REQUESTER })),
    ]);
    expect(refused).toEqual(Array(5).fill('ALREADY_SUBMITTED'));
    expect((await request.command('cancel', { by: REQUESTER })).state).toBe('CANCELLED');
  });

  test('A2: a change made from an older revision is refused', async () => {
    const request = await life.create();
    await request.steps({ revision: 3 });
    expect(await refusalOf(request.steps({ revision: 2 }))).toBe('NOT_ALLOWED');
    expect((await request.snapshot()).revision).toBe(3);
  });

  test('A7: after submission a confirmation goes out', async () => {
    const request = await (await life.create()).submitted();
    await life.until('a message', () => life.world.messages.length > 0);
    expect(life.world.messages).toMatchObject([{ request: request.id, sequence: 1, kind: 'confirmation' }]);
  });

  test('A11: a precheck runs as often as wanted before submission', async () => {
    const request = await life.create();
    await request.steps();
    await request.command('precheck', { by: REQUESTER });
    await request.command('precheck', { by: REQUESTER });
    await life.until('both ran', () => life.world.named('runChecks').length === 2);
    expect((await request.snapshot()).state).toBe('PENDING');
  });
});

test('A2: a request that is changed very often goes on with a new history and loses nothing', async () => {
  const request = await life.create();
  await request.steps();
  const { runId } = await request.handle.describe();
  let bytes = 0;
  await life.until('a new history', async () => {
    for (let change = 0; change < 20; change++) {
      await request.command('addFile', { by: REQUESTER, key: 'f1', bytes: ++bytes });
    }
    return (await request.handle.describe()).runId !== runId;
  });
  expect(await request.snapshot()).toMatchObject({
    state: 'PENDING',
    revision: 2,
    files: ['f1'],
    missingSteps: [],
  });
  const { audit } = life.world;
  expect(audit.map((entry) => entry.sequence)).toEqual(audit.map((_, index) => index + 1));
  expect((await request.command('submit', { by: REQUESTER })).submitted).toBe(true);
  expect(life.world.documents.get(request.id)?.runId).not.toBe(runId);
});

describe('A4: files', () => {
  test('A4: a sixth file, a file of over 2 GB and over 10 GB together are refused', async () => {
    const request = await life.create();
    const add = (key: string, bytes: number) =>
      refusalOf(request.command('addFile', { by: REQUESTER, key, bytes }));
    expect(await add('big', 2_000_000_001)).toBe('FILE_TOO_LARGE');
    for (const key of ['a', 'b', 'c', 'd', 'e']) expect(await add(key, 2_000_000_000)).toBeNull();
    expect(await add('f', 1)).toBe('TOO_MANY_FILES');
    expect(await add('a', 5)).toBeNull();
    expect((await request.snapshot()).files.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('A4: an operator grants larger limits with a reason; a requester, or without a reason, cannot', async () => {
    const request = await life.create();
    const limits = { files: 7, totalBytes: 12_000_000_000 };
    expect(await refusalOf(request.command('grantLimits', { by: REQUESTER, reason: 'please', limits }))).toBe(
      'NOT_ALLOWED',
    );
    expect(await refusalOf(request.command('grantLimits', { by: OPERATOR, reason: ' ', limits }))).toBe(
      'NOT_ALLOWED',
    );
    expect(
      await refusalOf(request.command('grantLimits', { by: OPERATOR, reason: 'x', limits: { files: 1 } })),
    ).toBe('NOT_ALLOWED');
    const granted = await request.command('grantLimits', { by: OPERATOR, reason: 'large customer', limits });
    expect(granted.limits).toEqual({ ...DEFAULT_LIMITS, ...limits });
  });
});

describe('A6: cancelling', () => {
  test('A6: in every later state cancelling is refused, naming the state', async () => {
    const request = await (await life.create()).verifying();
    await expect(request.command('cancel', { by: REQUESTER })).rejects.toMatchObject({
      cause: { type: 'WRONG_STATE', message: expect.stringContaining('VERIFYING') as string },
    });
    expect((await request.snapshot()).state).toBe('VERIFYING');
  });

  test('A6, A8: cancelled, the request is told, closed and gives up its portal', async () => {
    const request = await life.create();
    await request.steps();
    expect(life.world.claims.size).toBe(1);
    await request.command('cancel', { by: OPERATOR, reason: 'filed twice' });
    const end = await request.result();
    expect(end).toMatchObject({ state: 'CANCELLED', reason: 'filed twice' });
    expect(life.world.claims.size).toBe(0);
    expect(life.world.told()).toEqual(['cancelled']);
  });
});

describe('A8: one open request per portal', () => {
  test('A8: a second request for a portal is refused and nothing has changed', async () => {
    const first = await life.create();
    const second = await life.create();
    await first.steps({ portal: 'p' });
    const before = await second.snapshot();
    expect(await refusalOf(second.steps({ portal: 'p' }))).toBe('PORTAL_TAKEN');
    expect(await second.snapshot()).toEqual(before);
    expect(life.world.claims.get('p')).toBe(first.id);
  });

  test('A8: of requests that choose a portal at once one has it, and the others are as they were', async () => {
    const requests = await Promise.all(Array.from({ length: 4 }, () => life.create()));
    const before = await Promise.all(requests.map((request) => request.snapshot()));
    // no claim is answered before all have asked
    const claims = life.world.hold('claimPortal');
    const asked = requests.map((request) => refusalOf(request.steps({ portal: 'p' })));
    await life.until('all have asked', () => life.world.named('claimPortal').length === 4);
    claims.open();
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === 'PORTAL_TAKEN')).toHaveLength(3);
    const chosen = answers.indexOf(null);
    expect(life.world.claims.get('p')).toBe(requests[chosen]?.id);
    const after = await Promise.all(requests.map((request) => request.snapshot()));
    expect(after.toSpliced(chosen, 1)).toEqual(before.toSpliced(chosen, 1));
  });

  test('A8: choosing another portal gives the first one up', async () => {
    const request = await life.create();
    await request.steps({ portal: 'p' });
    await request.steps({ portal: 'q', revision: 3 });
    expect([...life.world.claims.keys()]).toEqual(['q']);
  });

  test('A8: a portal that the creating call names is claimed; taken, it stays to be chosen', async () => {
    await life.create({ request: 'm_first', steps: { revision: 1, done: ['desk', 'portal'], portal: 'p' } });
    await life.until('claimed', () => life.world.claims.has('p'));
    const second = await life.create({
      request: 'm_second',
      steps: { revision: 1, done: ['desk', 'portal'], portal: 'p' },
    });
    await second.noted('portalTaken');
    expect((await second.snapshot()).missingSteps).toEqual(['basic', 'files', 'tabs', 'portal']);
  });
});

describe('A9: expiry', () => {
  test('A9: left unsubmitted for 30 days it expires, with a reminder 3 days before, and its files are erased', async () => {
    const request = await life.create();
    await request.steps();
    const end = await request.result();
    expect(end.state).toBe('EXPIRED');
    expect(life.world.told()).toEqual(['expiryReminder', 'expired']);
    const days = life.world.messages.map((message) => Math.round((message.at - end.createdAt) / DAY));
    expect(days).toEqual([27, 30]);
    expect(life.world.named('eraseUploads')).toHaveLength(1);
    expect(life.world.claims.size).toBe(0);
  });

  test('A9: submitted, it does not expire', async () => {
    const request = await (await life.create()).submitted();
    await life.pass(40 * DAY);
    expect(await request.snapshot()).toMatchObject({ state: 'PENDING', submitted: true, expiresAt: null });
  });

  test('A2, A9: sending back starts the 30 days again', async () => {
    const request = await (await life.create()).submitted();
    await life.pass(20 * DAY);
    await request.command('take', { by: OPERATOR });
    const back = await request.command('sendBack', { by: OPERATOR, reason: 'the tickets file is empty' });
    expect(back).toMatchObject({ state: 'PENDING', submitted: false });
    const end = await request.result();
    expect(end.state).toBe('EXPIRED');
    expect(Math.round(((end.closedAt ?? 0) - end.createdAt) / DAY)).toBe(50);
  });
});

test('A2, A8: steps redone while a portal is still being claimed never end up behind it', async () => {
  const request = await life.create();
  const claim = life.world.hold('claimPortal');
  const older = request.steps({ revision: 2, portal: `slow-${request.id}` });
  await life.until('the claim is under way', () => life.world.named('claimPortal').length === 1);
  const newer = request.steps({ revision: 3, portal: `quick-${request.id}` });
  claim.open();
  await Promise.all([older, newer]);
  expect((await request.snapshot()).revision).toBe(3);
  await life.until('only the newer portal is claimed', () => life.world.claims.size === 1);
  expect([...life.world.claims.keys()]).toEqual([`quick-${request.id}`]);
});
