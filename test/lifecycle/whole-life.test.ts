import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DAY, Lifecycle, OPERATOR, REQUESTER } from './environment.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start();
});
afterEach(() => life.clear());
afterAll(() => life.stop());

describe('a migration from creation to completion', () => {
  test('E1, E2, E4: goes through every state, reminds 7 days and 1 day before the window ends, and completes by itself', async () => {
    const request = await (await life.create()).approved();
    const end = await request.result();

    expect(end.state).toBe('COMPLETED');
    const { replyWindow } = end;
    expect(replyWindow && replyWindow.endsAt - replyWindow.opensAt).toBe(14 * DAY);
    expect(life.world.told()).toEqual([
      'confirmation',
      'phaseStarted',
      'phase1Report',
      'reminder',
      'reminder',
      'phaseStarted',
      'completed',
    ]);
    const endsAt = replyWindow?.endsAt ?? 0;
    const reminders = life.world.messages.filter((message) => message.kind === 'reminder');
    expect(reminders.map((message) => Math.round((endsAt - message.at) / 60_000))).toEqual([
      7 * 1_440,
      1_440,
    ]);
    expect(end.phases.map((phase) => phase.phase)).toEqual(['phase-1', 'phase-2']);
    expect(Math.round(((end.phases[1]?.startedAt ?? 0) - endsAt) / 60_000)).toBe(0);
    expect(end.reports.map((report) => report.name)).toEqual(['phase-1', 'phase-2']);
    expect(life.world.claims.size).toBe(0);
    expect(life.world.documents.get(request.id)).toEqual(end);
  });

  test('F2: every decision stands in the audit log, numbered without a gap', async () => {
    const request = await (await life.create()).approved();
    await request.result();
    const entries = life.world.audit.filter((entry) => entry.request === request.id);
    expect(entries.map((entry) => entry.sequence)).toEqual(entries.map((_, index) => index + 1));
    expect(entries.filter((entry) => entry.by !== 'system').map((entry) => entry.action)).toEqual([
      'created',
      'stepsRedone',
      'fileAdded',
      'submitted',
      'taken',
      'approved',
    ]);
  });

  test('C5, F3: the Web UI shows the counts of each tab, and where too many records failed', async () => {
    life.world.failedRecords = 1;
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    const told = await request.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(told.currentDetails).toContain('| Tickets | 10 | 9 | 0 | 0 | 0 | 1 (many) | yes |');
  });

  test('E2: phase 2 starts early only when both the requester and an operator ask for it', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    const asked = await request.command('startPhase2', { by: REQUESTER });
    expect(asked.state).toBe('REPLY_WINDOW');
    expect(asked.earlyStart).toEqual({ requester: true, operator: false });
    await request.command('startPhase2', { by: OPERATOR });
    const end = await request.result();
    expect(end.state).toBe('COMPLETED');
    expect((end.phases[1]?.startedAt ?? 0) - (end.replyWindow?.opensAt ?? 0)).toBeLessThan(DAY);
    expect(life.world.told()).not.toContain('reminder');
  });

  test('E1: a pause does not stop the clock of the window; phase 2 waits to be resumed', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.command('pause', { by: OPERATOR });
    await life.pass(15 * DAY);
    const waiting = await request.snapshot();
    expect(waiting.state).toBe('PHASE_2');
    // they go out all the same, and say that phase 2 waits
    const reminders = life.world.messages.filter(({ kind }) => kind === 'reminder');
    expect(reminders.map(({ facts }) => facts.paused)).toEqual([true, true]);
    expect(life.world.named('planPhase')).toHaveLength(1);
    await request.command('resume', { by: OPERATOR });
    expect((await request.result()).state).toBe('COMPLETED');
  });
});
