import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { LifecycleActivities } from '../../activities/lifecycle-activities.ts';
import { Lifecycle, OPERATOR, REQUESTER, refusalOf } from './environment.ts';

let life: Lifecycle;
beforeAll(async () => {
  life = await Lifecycle.start();
});
afterEach(() => life.clear());
afterAll(() => life.stop());

/** The first segments of the groups that were imported, in order. */
const imported = (): number[] =>
  life.world
    .named('importSegments')
    .map((call) => (call.argument as { from: number }).from)
    .toSorted((a, b) => a - b);

describe('one phase', () => {
  test('C2, D2: plans, freezes, then stages, imports, reads back and proves tab by tab, and reports at the end', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    const { world } = life;
    const order = world.calls.map((call) => call.name);
    const first = (name: string): number => order.indexOf(name as never);
    expect(first('planPhase')).toBeLessThan(first('freezeContext'));
    expect(first('freezeContext')).toBeLessThan(first('importSegments'));
    expect(world.named('freezeContext').map((call) => (call.argument as { after: string }).after)).toEqual([
      'start',
    ]);
    const imported = world
      .named('importSegments')
      .map((call) => call.argument as { tab: string; from: number });
    expect(
      imported
        .filter(({ tab }) => tab === 'contacts')
        .map(({ from }) => from)
        .toSorted((a, b) => a - b),
    ).toEqual([1, 2, 3, 4]);
    expect(imported.findLastIndex(({ tab }) => tab === 'contacts')).toBeLessThan(
      imported.findIndex(({ tab }) => tab === 'tickets'),
    );
    // what is left of a tab when its import ends is shared by two
    for (const tab of ['contacts', 'tickets']) {
      const readBack = world
        .named('reconcileSegments')
        .map((call) => call.argument as { tab: string; from: number; to: number })
        .filter((each) => each.tab === tab)
        .map(({ from, to }) => [from, to])
        .toSorted(([a = 0], [b = 0]) => a - b);
      expect(readBack).toEqual([
        [1, 2],
        [3, 4],
      ]);
    }
    expect(order.lastIndexOf('importSegments')).toBeLessThan(first('foldImported'));
    expect(order.lastIndexOf('proveTab')).toBeLessThan(first('writeReport'));
    expect(world.named('recordSpeed')).toHaveLength(2);
  });

  test('C2: originals before translations: a group behind a barrier starts when all before it are done', async () => {
    life.world.plan = [{ tab: 'articles', records: 10, bytes: 10 }];
    life.world.barriers = [1];
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('the first group runs', () => life.world.named('importSegments').length === 1);
    await request.snapshot();
    expect(life.world.named('importSegments')).toHaveLength(1);
    gate.open();
    await request.reaches('REPLY_WINDOW');
    expect(life.world.named('importSegments')).toHaveLength(4);
  });

  test('C2: four groups of a tab are under way at a time', async () => {
    life.world.plan = [{ tab: 'tickets', records: 8, bytes: 8 }];
    life.world.segmentsPerTab = 8;
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('four groups run', () => life.world.named('importSegments').length === 4);
    await request.snapshot();
    expect(life.world.named('importSegments')).toHaveLength(4);
    gate.open();
    await request.reaches('REPLY_WINDOW');
    expect(imported()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('E3, C4: what was imported is folded, and its images resolved, while the rest is read back; the report waits for the proof', async () => {
    const gate = life.world.hold('reconcileSegments');
    const request = await (await life.create()).approved();
    for (const name of ['foldImported', 'resolveImages'] as const)
      await life.until(name, () => life.world.named(name).length === 1);
    await request.snapshot();
    expect(life.world.named('writeReport')).toHaveLength(0);
    gate.open();
    await request.reaches('REPLY_WINDOW');
    for (const name of ['foldImported', 'resolveImages', 'writeReport'] as const)
      expect(life.world.named(name)).toHaveLength(1);
  });

  test('B5: the report does not wait until the speed of a tab is kept; the phase does', async () => {
    const gate = life.world.hold('recordSpeed');
    const request = await (await life.create()).approved();
    await life.until('reported', () => life.world.named('settleEstimates').length === 1);
    expect((await request.snapshot()).state).toBe('PHASE_1');
    gate.open();
    await request.reaches('REPLY_WINDOW');
    expect(life.world.named('recordSpeed')).toHaveLength(2);
  });

  test('A3: after the agents tab the context is frozen further', async () => {
    life.world.plan = [
      { tab: 'agents', records: 10, bytes: 10 },
      { tab: 'contacts', records: 10, bytes: 10 },
    ];
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    const frozen = life.world
      .named('freezeContext')
      .map(({ argument }) => (argument as { after: string }).after);
    expect(frozen).toEqual(['start', 'agents']);
  });

  test('C2: what is staged of a tab is imported while the rest of it is staged', async () => {
    life.world.plan = [{ tab: 'tickets', records: 20, bytes: 20 }];
    life.world.segmentsPerTab = 20;
    const importing = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('an import', () => life.world.named('importSegments').length > 0);
    const staging = life.world.hold('stageTab');
    importing.open();
    await life.until('as far as is staged', () => imported().length >= 8);
    staging.open();
    await request.reaches('REPLY_WINDOW');
    expect(imported()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const pieces = life.world.named('stageTab').map((call) => (call.argument as { until?: number }).until);
    expect(pieces).toEqual([8, 16, 32]);
  });

  test('C2: what a piece under way has closed is imported before the piece comes to its end', async () => {
    life.world.plan = [{ tab: 'tickets', records: 50, bytes: 50 }];
    life.world.segmentsPerTab = 50;
    life.world.closed = 8;
    const importing = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('an import', () => life.world.named('importSegments').length > 0);
    const staging = life.world.hold('stageTab');
    const reading = life.world.hold('reconcileSegments');
    life.world.closed = 40;
    importing.open();
    await life.until('as far as is closed', () => imported().length === 40);
    // D2: what is read back falls behind no further
    await life.until('two read back', () => life.world.named('reconcileSegments').length === 2);
    life.world.closed = null;
    staging.open();
    reading.open();
    await request.reaches('REPLY_WINDOW');
    expect(imported()).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });

  test('C1, C2, B5: the support ticket opens, the portal is closed for phase 1 only, the expected end is told', async () => {
    const gate = life.world.hold('writeReport');
    const request = await (await life.create()).approved();
    const running = await request.reaches(
      'PHASE_1',
      ({ phases }) => Object.keys(phases[0]?.tabs ?? {}).length === 2,
    );
    expect(running.supportTicket).toBe(`s-${request.id}`);
    expect(life.world.closedPortals.size).toBe(1);
    await life.until('told', () => life.world.told().includes('phaseStarted'));
    expect(
      life.world.messages.find((each) => each.kind === 'phaseStarted')?.facts.expectedEnd,
    ).toBeGreaterThan(running.phases[0]?.startedAt ?? 0);
    gate.open();
    await request.reaches('REPLY_WINDOW');
    expect(life.world.closedPortals.size).toBe(0);
    await request.result();
    expect(life.world.named('closePortal')).toHaveLength(1);
    expect(life.world.named('closeSupportTicket')).toHaveLength(1);
  });

  test('C5: a tab with more failures than the share is flagged', async () => {
    life.world.failedRecords = 1;
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.noted('failureShareExceeded:tickets');
    expect(request.actions().filter((action) => action.startsWith('failureShare'))).toEqual([
      'failureShareExceeded:contacts',
      'failureShareExceeded:tickets',
    ]);
  });

  test('a phase of many segments is cut into several histories and imports each segment once', async () => {
    life.world.plan = [{ tab: 'tickets', records: 1_000, bytes: 1_000 }];
    life.world.segmentsPerTab = 700;
    const request = await (await life.create()).approved();
    // 700 segments are many for a slow machine
    await life.until('imported', async () => (await request.snapshot()).state === 'REPLY_WINDOW', 120_000);
    expect(imported()).toEqual(Array.from({ length: 700 }, (_, index) => index + 1));
    const history = await life.temporal.client.workflow
      .getHandle(`import-phase/${request.id}/phase-1`)
      .fetchHistory();
    expect(history.events?.length).toBeLessThan(2_000);
    const begun = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(begun?.continuedExecutionRunId).toBeTruthy();
  }, 150_000);
});

describe('F1: pause, resume and stop', () => {
  test('F1, C2, B4: paused in phase 1 it halts, keeps the portal closed, gives its turn back, and goes on where it was', async () => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('importing', () => life.world.named('importSegments').length > 0);
    const paused = await request.command('pause', { by: OPERATOR, reason: 'maintenance' });
    expect(paused.paused).toMatchObject({ by: OPERATOR, reason: 'maintenance' });
    expect(await refusalOf(request.command('pause', { by: OPERATOR }))).toBe('ALREADY_PAUSED');
    await request.noted('turnGivenBack:phase-1');
    expect(life.world.closedPortals.size).toBe(1);
    gate.open();
    expect((await request.command('resume', { by: OPERATOR })).paused).toBeNull();
    await request.reaches('REPLY_WINDOW');
    expect(life.world.named('planPhase')).toHaveLength(1);
    expect(life.world.told()).toContain('resumed');
    expect(await refusalOf(request.command('resume', { by: OPERATOR }))).toBe('NOT_PAUSED');
  });

  test('F1, C2: stopped in phase 1 it keeps what is done, writes the report, opens the portal and frees it', async () => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('importing', () => life.world.named('importSegments').length > 0);
    await request.command('stop', { by: OPERATOR, reason: 'wrong export' });
    const end = await request.result();
    gate.open();
    expect(end).toMatchObject({ state: 'STOPPED', reason: 'wrong export' });
    expect(end.reports.map((report) => report.name)).toEqual(['phase-1']);
    expect(life.world.closedPortals.size).toBe(0);
    expect(life.world.claims.size).toBe(0);
    expect(life.world.messages.at(-1)).toMatchObject({
      kind: 'stopped',
      facts: { report: { name: 'phase-1' } },
    });
  });

  test('F1: stopped while it waits or is paused it ends at once', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.command('pause', { by: OPERATOR });
    await request.command('stop', { by: OPERATOR });
    expect(await request.result()).toMatchObject({ state: 'STOPPED', paused: null });
  });

  test('F1: a tab is tried again while its phase is paused', async () => {
    const gate = life.world.hold('writeReport');
    const request = await (await life.create()).approved();
    await life.until('nearly done', () => life.world.named('writeReport').length > 0);
    expect(await refusalOf(request.command('retryTab', { by: OPERATOR, tab: 'tickets' }))).toBe('NOT_PAUSED');
    await request.command('pause', { by: OPERATOR });
    await request.noted('turnGivenBack:phase-1');
    expect(await refusalOf(request.command('retryTab', { by: OPERATOR, tab: 'agents' }))).toBe('NOT_ALLOWED');
    await request.command('retryTab', { by: OPERATOR, tab: 'tickets' });
    gate.open();
    await request.command('resume', { by: OPERATOR });
    await request.reaches('REPLY_WINDOW');
    const tickets = life.world
      .named('importSegments')
      .filter((call) => (call.argument as { tab: string }).tab === 'tickets');
    expect(tickets).toHaveLength(8);
  });

  test('F1: a tab is tried again in the window: a new version of the report', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.command('retryTab', { by: OPERATOR, tab: 'tickets' });
    const after = await request.reaches('REPLY_WINDOW', ({ reports }) => reports.length === 2);
    expect(after.reports.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'phase-1 1',
      'phase-1 2',
    ]);
    expect(life.world.named('planPhase')).toHaveLength(1);
    await life.until('told', () => life.world.told().includes('phase1ReportAgain'));
    const again = life.world.messages.find(({ kind }) => kind === 'phase1ReportAgain');
    expect(again?.facts).toMatchObject({
      report: { name: 'phase-1', version: 2 },
      windowEndsAt: after.replyWindow?.endsAt,
    });
    expect(life.world.told().filter((kind) => kind === 'phase1Report')).toHaveLength(1);
  });
});

describe('faults', () => {
  test.each([
    'planPhase',
    'stageTab',
    'importSegments',
    'proveTab',
    'writeReport',
    'closePortal',
    'openSupportTicket',
    'sendMessage',
  ] as const)(
    'a phase whose %s fails for good is paused with the reason, and goes on when resumed',
    async (name) => {
      const request = await (await life.create()).verifying();
      await life.until('the confirmation', () => life.world.told().includes('confirmation'));
      // of the messages, the report: the one before it may be lost
      life.world.fail(name, name === 'sendMessage' ? 2 : 1);
      await request.command('approve', { by: OPERATOR });
      const paused = await request.paused();
      expect(paused.paused?.reason).toContain('STORE_AWAY');
      expect(paused.state).toBe('PHASE_1');
      await request.noted('turnGivenBack:phase-1');
      await request.command('resume', { by: OPERATOR });
      await request.reaches('REPLY_WINDOW');
      expect(life.world.told()).toContain('phase1Report');
    },
  );

  test('B2: an integration that is on when a phase starts pauses it and says which', async () => {
    // a desk that cannot refuse the switch: it is on between approval and the turn
    const line = life.world.hold('joinQueue');
    const request = await (await life.create()).approved();
    life.world.integrationsOn.push('zohoCrm');
    line.open();
    const paused = await request.paused();
    expect(paused.paused?.reason).toContain('zohoCrm');
    expect(life.world.named('planPhase')).toHaveLength(0);
    life.world.integrationsOn.length = 0;
    await request.command('resume', { by: OPERATOR });
    await request.reaches('REPLY_WINDOW');
  });

  test('B2: switched on midway in a desk that cannot refuse: paused, mailed, and resumed when it is off again', async () => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('importing', () => life.world.named('importSegments').length > 0);
    life.world.integrationsOn.push('salesforce');
    gate.open();
    const paused = await request.paused();
    expect(paused).toMatchObject({ state: 'PHASE_1', paused: { by: 'system' } });
    await life.until('mailed', () => life.world.told().includes('paused'));
    const mailed = life.world.messages.find(({ kind }) => kind === 'paused');
    expect(mailed?.facts.reason).toContain('INTEGRATIONS_ON: salesforce must be off');
    // still on: paused again before anything is imported
    const tried = life.world.named('importSegments').length;
    await request.command('resume', { by: OPERATOR });
    await request.noted('paused', 2);
    expect(life.world.named('importSegments')).toHaveLength(tried);
    life.world.integrationsOn.length = 0;
    await request.command('resume', { by: OPERATOR });
    await request.reaches('REPLY_WINDOW');
    expect(life.world.named('planPhase')).toHaveLength(1);
  });

  test('D2: a proof that fails pauses the request before its report goes out; resumed, it is proven again', async () => {
    life.world.discrepancies = 3;
    const request = await (await life.create()).approved();
    const paused = await request.paused();
    expect(paused.paused?.reason).toContain('tickets 3');
    expect(life.world.named('writeReport')).toHaveLength(0);
    life.world.discrepancies = 0;
    await request.command('resume', { by: OPERATOR });
    const after = await request.reaches('REPLY_WINDOW');
    expect(after.phases[0]?.tabs.tickets?.digestsMatch).toBe(true);
    const proofs = life.world.named('proveTab').map((call) => (call.argument as { tab: string }).tab);
    expect(proofs).toEqual(['contacts', 'tickets', 'contacts', 'tickets']);
    expect(life.world.named('importSegments')).toHaveLength(8);
  });

  test('D2: an operator can let the report go out as it is, only when a proof has failed', async () => {
    life.world.discrepancies = 1;
    const request = await (await life.create()).approved();
    await request.paused();
    await request.command('resume', { by: OPERATOR, accept: true });
    const after = await request.reaches('REPLY_WINDOW');
    expect(after.phases[0]?.tabs.tickets?.digestsMatch).toBe(false);
    await request.noted('resumedAccepting');
    await request.command('pause', { by: OPERATOR });
    expect(await refusalOf(request.command('resume', { by: OPERATOR, accept: true }))).toBe('NOT_ALLOWED');
  });

  test('a message that no mail server takes is audited and does not hold the migration', async () => {
    life.world.fail('sendMessage');
    const request = await (await life.create()).submitted();
    await request.noted('messageFailed');
    expect((await request.snapshot()).paused).toBeNull();
  });

  test('cancelled in Temporal itself it halts, opens the portal, frees it and stands as stopped', async () => {
    const gate = life.world.hold('importSegments');
    const request = await (await life.create()).approved();
    await life.until('importing', () => life.world.named('importSegments').length > 0);
    await request.handle.cancel();
    await expect(request.result()).rejects.toThrow('cancelled');
    gate.open();
    expect(life.world.documents.get(request.id)).toMatchObject({ state: 'STOPPED', paused: null });
    expect(life.world.closedPortals.size).toBe(0);
    expect(life.world.claims.size).toBe(0);
    expect(life.world.told()).not.toContain('paused');
  });
});

describe('E1: replies', () => {
  test('E1: a reply is recorded and acknowledged; its files count against the limits of the window', async () => {
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    const files = [1, 2, 3, 4].map((number) => ({ key: `r${number}`, bytes: 1_000 }));
    const after = await request.command('reply', { by: REQUESTER, key: 'k1', files });
    expect(after.replies).toEqual(['k1']);
    await life.until('acknowledged', () => life.world.messages.some((each) => each.facts.reply === 'k1'));
    const more = {
      by: REQUESTER,
      key: 'k2',
      files: [
        { key: 'r5', bytes: 1 },
        { key: 'r6', bytes: 1 },
      ],
    };
    expect(await refusalOf(request.command('reply', more))).toBe('TOO_MANY_FILES');
    // by mail it cannot be refused at once: a message says that it was not taken, and it is no reply
    await request.handle.signal('mailReply', { ...more, by: 'requester:mail', key: 'k2' });
    await life.until('told', () => life.world.messages.some((each) => each.facts.reply === 'k2'));
    expect(life.world.messages.filter((each) => each.facts.reply === 'k2').map((each) => each.kind)).toEqual([
      'replyRefused',
    ]);
    expect((await request.snapshot()).replies).toEqual(['k1']);
    await request.handle.signal('mailReply', { by: 'requester:mail', key: 'k3', files: [] });
    await request.handle.signal('mailReply', { by: 'requester:mail', key: 'k3', files: [] });
    await life.until('taken once', async () => (await request.snapshot()).replies.length === 2);
    expect((await request.snapshot()).replies).toEqual(['k1', 'k3']);
  });

  test('E2: a reply before the window is refused; after it, it is refused and a mail says so', async () => {
    const gate = life.world.hold('foldImported');
    const request = await (await life.create()).approved();
    await request.reaches('PHASE_1');
    const reply = { by: REQUESTER, key: 'k1', files: [] };
    expect(await refusalOf(request.command('reply', reply))).toBe('WRONG_STATE');
    gate.open();
    await request.reaches('REPLY_WINDOW');
    life.world.hold('planPhase');
    await request.command('startPhase2', { by: REQUESTER });
    await request.command('startPhase2', { by: OPERATOR });
    await request.reaches('PHASE_2');
    expect(await refusalOf(request.command('reply', reply))).toBe('WINDOW_CLOSED');
    await life.until('told', () => life.world.told().includes('lateReply'));
    const { replies, replyWindow, phases } = await request.snapshot();
    expect(replies).toEqual([]);
    // the mail tells until when replies were accepted, which is earlier than it was to be
    expect(replyWindow?.endsAt).toBe(phases[1]?.startedAt);
  });

  test('B5: how long phase 2 will take is told from what failed and what was replied', async () => {
    life.world.failedRecords = 5;
    life.world.checks = { ...life.world.checks, tabs: life.world.plan };
    const request = await (await life.create()).approved();
    await request.reaches('REPLY_WINDOW');
    await request.command('reply', { by: REQUESTER, key: 'k1', files: [{ key: 'r1', bytes: 30 }] });
    await request.command('startPhase2', { by: REQUESTER });
    await request.command('startPhase2', { by: OPERATOR });
    await request.result();
    const lengths = life.world
      .named('estimatePhase')
      .map((call) => call.argument as Parameters<LifecycleActivities['estimatePhase']>[0])
      .filter(({ told }) => told === undefined);
    expect(lengths[0]?.tabs).toEqual(life.world.plan);
    // a tenth of phase 1's 300 bytes was replied; 5 of 10 contacts and of 20 tickets failed
    expect(lengths.at(-1)?.tabs).toEqual([
      { tab: 'contacts', records: 6, bytes: 60 },
      { tab: 'tickets', records: 7, bytes: 70 },
    ]);
  });
});
