import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Lifecycle, OPERATOR, REQUESTER, refusalOf } from './environment.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start();
});
afterEach(() => life.clear());
afterAll(() => life.stop());

const BLOCKED = { blocking: 2, ungranted: 1, warnings: 0, bytes: 1, records: 1, tabs: [] };

test('B1: what was not submitted can be neither taken nor approved', async () => {
  const request = await life.create();
  await request.steps();
  expect(await refusalOf(request.command('take', { by: OPERATOR }))).toBe('NOT_SUBMITTED');
  expect(await refusalOf(request.command('approve', { by: OPERATOR }))).toBe('WRONG_STATE');
  expect((await request.snapshot()).state).toBe('PENDING');
});

test('B1: a requester can neither take nor approve', async () => {
  const request = await (await life.create()).submitted();
  expect(await refusalOf(request.command('take', { by: REQUESTER }))).toBe('NOT_ALLOWED');
});

test('B1: taking runs the checks; blocking findings cannot be approved away', async () => {
  life.world.checks = BLOCKED;
  const request = await (await life.create()).verifying();
  await expect(request.command('approve', { by: OPERATOR })).rejects.toMatchObject({
    cause: { type: 'BLOCKING_FINDINGS', message: expect.stringContaining('2 blocking findings') as string },
  });
  expect((await request.snapshot()).state).toBe('VERIFYING');
});

test('A4, B1: a limit that is granted is checked again, and then the request can be approved', async () => {
  life.world.checks = BLOCKED;
  const request = await (await life.create()).verifying();
  life.world.checks = { ...BLOCKED, blocking: 0, ungranted: 0 };
  await request.command('grantLimits', { by: OPERATOR, reason: 'large customer', limits: { files: 9 } });
  await request.noted('checked', 2);
  expect(life.world.named('runChecks').at(-1)?.argument).toMatchObject({ limits: { files: 9 } });
  await request.command('approve', { by: OPERATOR });
  await request.reaches('REPLY_WINDOW');
});

test('B1: approval waits for the checks, and checks that could not be run can be run again', async () => {
  life.world.fail('runChecks');
  const request = await (await life.create()).submitted();
  await request.command('take', { by: OPERATOR });
  await request.noted('checksFailed');
  expect(await refusalOf(request.command('approve', { by: OPERATOR }))).toBe('NOT_ALLOWED');
  expect(await refusalOf(request.command('precheck', { by: REQUESTER }))).toBe('NOT_ALLOWED');
  await request.command('precheck', { by: OPERATOR });
  await request.noted('checked');
  await request.command('approve', { by: OPERATOR });
  await request.reaches('REPLY_WINDOW');
});

test('B1, A2: sent back with a reason it is mended and submitted again', async () => {
  const request = await (await life.create()).verifying();
  expect(await refusalOf(request.command('sendBack', { by: OPERATOR, reason: '' }))).toBe('NOT_ALLOWED');
  await request.command('sendBack', { by: OPERATOR, reason: 'no agents' });
  await life.until('told why', () =>
    life.world.messages.some((each) => each.kind === 'sentBack' && each.facts.reason === 'no agents'),
  );
  await request.steps({ revision: 3 });
  const again = await request.command('submit', { by: REQUESTER });
  expect(again).toMatchObject({ state: 'PENDING', submitted: true, revision: 3, reason: null });
  await request.command('take', { by: OPERATOR });
  await request.noted('checked', 2);
  await request.command('approve', { by: OPERATOR });
  await request.reaches('REPLY_WINDOW');
});

test('B2: an integration that was switched on since the checks is refused at approval', async () => {
  const request = await (await life.create()).verifying();
  life.world.integrationsOn.push('zohoCrm');
  await expect(request.command('approve', { by: OPERATOR })).rejects.toMatchObject({
    cause: { type: 'BLOCKING_FINDINGS' },
  });
  expect((await request.snapshot()).state).toBe('VERIFYING');
  life.world.integrationsOn.length = 0;
  await request.command('approve', { by: OPERATOR });
  expect((await request.snapshot()).state).not.toBe('VERIFYING');
});

test('B1: a rejection is final and its reason is mailed', async () => {
  const request = await (await life.create()).verifying();
  await request.command('reject', { by: OPERATOR, reason: 'not our customer' });
  expect(await request.result()).toMatchObject({ state: 'REJECTED', reason: 'not our customer' });
  expect(life.world.messages.at(-1)).toMatchObject({
    kind: 'rejected',
    facts: { reason: 'not our customer' },
  });
  expect(life.world.claims.size).toBe(0);
});
