import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLY_WINDOW_MS } from '../domain/lifecycle.ts';
import { Lifecycle } from '../test/lifecycle/environment.ts';
import { createMigrationLine } from './migration-line.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start();
});
afterAll(() => life?.stop());

const MAIL = { by: 'mail', files: [{ key: 'f9', bytes: 10 }] };

describe('speaking to the process of a request', () => {
  it('E1, E2: what is told in the window is taken, acknowledged once, and refused with a mail after it', async () => {
    const line = createMigrationLine(life.temporal.client);
    const request = await life.create();
    await request.approved();
    await request.reaches('REPLY_WINDOW');

    expect(await line.tell(request.id, { ...MAIL, key: 'r1' })).toBe(true);
    expect(await line.tell(request.id, { ...MAIL, key: 'r1' })).toBe(true);
    expect(await line.ask(request.id)).toMatchObject({ state: 'REPLY_WINDOW', replies: ['r1'] });
    await life.until('it is acknowledged', () => life.world.told().includes('replyReceived'));
    expect(life.world.told().filter((kind) => kind === 'replyReceived')).toHaveLength(1);

    const gate = life.world.hold('planPhase');
    await life.pass(REPLY_WINDOW_MS + 1_000);
    await request.reaches('PHASE_2');
    await line.tell(request.id, { ...MAIL, key: 'r2' });
    expect(await line.ask(request.id)).toMatchObject({ state: 'PHASE_2', replies: ['r1'] });
    await life.until('it is told to be late', () => life.world.told().includes('lateReply'));
    gate.open();

    await request.result();
    expect(await line.tell(request.id, { ...MAIL, key: 'r3' })).toBe(false);
    expect(await line.ask(request.id)).toMatchObject({ state: 'COMPLETED' });
  });

  it('a request without a process is told to have none', async () => {
    const line = createMigrationLine(life.temporal.client);
    expect(await line.tell('m_nobody', { ...MAIL, key: 'r1' })).toBe(false);
    expect(await line.ask('m_nobody')).toBeNull();
  });
});
