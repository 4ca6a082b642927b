import { hash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeskDocument } from '../desk/embedded/desk-document.ts';
import { type Random, randomFor } from '../examples/random.ts';
import { holdCall } from '../test/held-call.ts';
import {
  csvText,
  type Engine,
  makeActivities,
  makePortal,
  makeRequest,
  runPhase,
  sendReply,
  type StartedEngine,
  startEngine,
  zipOf,
} from '../test/import-engine.ts';
import { makeUndoActivities, recordForUndo, runUndo } from '../test/undo-engine.ts';
import { differences, wholeContent } from '../test/whole-content.ts';
import { foldedIds } from './fold-imported.ts';
import type { ImportActivities, WrittenReport } from './import-activities.ts';

let engine: StartedEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const NOW = () => new Date('2026-01-01T00:00:00Z');
const REQUEST = 'm_twins';
const PORTAL = 'twins';

const names = (from: number, to: number, name: (i: number) => string): string =>
  csvText(
    ['ContactExtId', 'Last Name', 'Email'],
    Array.from({ length: to - from }, (_, i) => [`c${from + i}`, name(from + i), `c${from + i}@x.example`]),
  );
const CONTACTS = names(0, 2_300, (i) => (i % 7 === 0 ? '' : `Name ${i}`));

async function file(where: Engine, contactsFile = CONTACTS): Promise<void> {
  await makePortal(where, {
    id: PORTAL,
    agents: [{ id: 'a', lastName: 'A', email: 'a@x.example', status: 'active' }],
  });
  await makeRequest(
    where,
    PORTAL,
    {
      'Contacts.csv': contactsFile,
      'Agents.csv': csvText(['AgentExtId', 'Last Name', 'Email'], [['g1', 'A', 'a@x.example']]),
      'Tickets.csv': csvText(
        ['TicketExtId', 'ContactExtId', 'Subject', 'Assignee Email'],
        Array.from({ length: 40 }, (_, i) => [
          `t${i}`,
          `c${i}`,
          'S',
          i % 2 === 0 ? 'a@x.example' : 'b@x.example',
        ]),
      ),
      'files.zip': await zipOf({
        'Attachments.csv': csvText(
          ['AttachmentExtId', 'TicketExtId', 'File Name', 'File Path'],
          [
            ['x1', 't1', 'x', 'x.txt'],
            ['x2', 't2', 'gone', 'gone.txt'],
          ],
        ),
        'x.txt': 'x',
      }),
    },
    { id: REQUEST },
  );
}

async function reply(where: Engine): Promise<void> {
  await sendReply(where, REQUEST, 'r1', { 'Contacts.csv': names(0, 40, (i) => `Mended ${i}`) });
}

/** Activities of which each has an older twin that stops at a call of chance and goes on when later ones have been at work. */
function withLateTwins(
  where: Engine,
  random: Random,
): { activities: ImportActivities; end: () => Promise<void> } {
  const waiting: { left: number; letGo: () => Promise<void> }[] = [];
  const release = async (): Promise<void> => {
    for (const twin of waiting.filter(({ left }) => left <= 0)) {
      waiting.splice(waiting.indexOf(twin), 1);
      await twin.letGo();
    }
  };
  const twinned = async (name: keyof ImportActivities, argument: never): Promise<unknown> => {
    const held = holdCall(where, 1 + random.int(14));
    const older = (makeActivities(held.parts)[name] as (given: never) => Promise<unknown>)(argument).catch(
      // of the older twin nobody asks any more
      (error: unknown) => error,
    );
    await Promise.race([held.reached, older]);
    await wait(2);
    const answer = await (where.activities[name] as (given: never) => Promise<unknown>)(argument);
    for (const twin of waiting) twin.left--;
    waiting.push({
      left: random.int(4),
      letGo: async () => {
        held.letGo();
        await older;
      },
    });
    await release();
    return answer;
  };
  const activities = Object.fromEntries(
    (Object.keys(where.activities) as (keyof ImportActivities)[]).map((name) => [
      name,
      (argument: never) => twinned(name, argument),
    ]),
  ) as unknown as ImportActivities;
  return {
    activities,
    end: async () => {
      for (const twin of waiting) twin.left = 0;
      await release();
    },
  };
}

describe('D3: an attempt that was believed dead goes on late', () => {
  test('each activity has a late twin, in both phases: all that is left behind is as without them', async () => {
    const seed = Number(process.env['DESKFERRY_TEST_SEED'] ?? Date.now() % 100_000);
    process.stderr.write(`late-twin: DESKFERRY_TEST_SEED=${seed}\n`);
    const random = randomFor(seed);
    const calm = engine.beside('calm', NOW);
    await file(calm);
    await runPhase(calm, REQUEST);
    await reply(calm);
    await runPhase(calm, REQUEST, 'phase-2');
    const wanted = await wholeContent(calm.db, calm.storage);

    const troubled = engine.beside('troubled', NOW);
    await file(troubled);
    const { activities, end } = withLateTwins(troubled, random);
    await runPhase(troubled, REQUEST, 'phase-1', activities);
    await reply(troubled);
    await runPhase(troubled, REQUEST, 'phase-2', activities);
    await end();
    expect(differences(await wholeContent(troubled.db, troubled.storage), wanted)).toEqual([]);
  }, 120_000);

  test('E3: one that goes on in the window makes nothing again that was deleted in the desk since', async () => {
    const where = engine.beside('window', NOW);
    await file(where);
    await runPhase(where, REQUEST);

    const range = { request: REQUEST, phase: 'phase-1', tab: 'contacts', from: 1, to: 2 } as const;
    const claims: number[] = [];
    const late = makeActivities({
      ...where,
      stores: {
        ...where.stores,
        segments: {
          ...where.stores.segments,
          claim: async (key, number, at) => {
            claims.push(number);
            if (number === 2) {
              await wait(5);
              await where.activities.importSegments(range);
              await contacts(where).deleteOne({ _id: `${PORTAL}/files/c2200` });
            }
            return where.stores.segments.claim(key, number, at);
          },
        },
      },
    });
    await expect(late.importSegments(range)).rejects.toMatchObject({ code: 'SEGMENT_TAKEN' });
    expect(claims).toEqual([1, 2]);
    expect(await contacts(where).findOne({ _id: `${PORTAL}/files/c2200` })).toBeNull();
  });

  test('D2: one that reads back in the window names nothing that was edited in the desk since', async () => {
    const where = engine.beside('read-back', NOW);
    await file(where);
    await runPhase(where, REQUEST);
    const range = { request: REQUEST, phase: 'phase-1', tab: 'contacts', from: 1, to: 1 } as const;
    const proven = await where.stores.segments.get(range, 1);
    let isThawed = false;
    const late = makeActivities({
      ...where,
      desk: {
        ...where.desk,
        read: async (portal, scope, tab, ids) => {
          if (!isThawed) {
            await wait(5);
            await where.activities.reconcileSegments(range);
            await contacts(where).updateOne({ _id: `${PORTAL}/files/c1` }, { $set: { lastName: 'Edited' } });
          }
          isThawed = true;
          return where.desk.read(portal, scope, tab, ids);
        },
      },
    });
    await expect(late.reconcileSegments(range)).rejects.toMatchObject({ code: 'SEGMENT_TAKEN' });
    expect(await where.stores.discrepancies.list(REQUEST, 'phase-1', 10)).toEqual([]);
    expect((await where.stores.segments.get(range, 1))?.proof).toEqual(proven?.proof);
  });

  test('F1: after the report of a stopped phase, and in an undo, it writes no more', async () => {
    for (const how of ['stopped', 'undone'] as const) {
      const where = engine.beside(how, NOW);
      await file(where);
      const run = { request: REQUEST, phase: 'phase-1', tab: 'contacts' } as const;
      await where.activities.planPhase(run);
      await where.activities.freezeContext({ ...run, after: 'start' });
      await where.activities.stageTab(run);
      const begun = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      let made = 0;
      const late = makeActivities({
        ...where,
        desk: {
          ...where.desk,
          write: async (tab, batch, stamp) => {
            const written = await where.desk.write(tab, batch, stamp);
            made += written.filter(({ result }) => result === 'created').length;
            begun.resolve();
            await gate.promise;
            return written;
          },
        },
      }).importSegments({ ...run, from: 1, to: 2 });
      await begun.promise;
      await wait(5);
      const before = made;
      expect(before).toBeGreaterThan(100);
      if (how === 'stopped') await where.activities.writeReport(run);
      else {
        await recordForUndo(where, REQUEST, PORTAL);
        await runUndo(makeUndoActivities(where), REQUEST, NOW().getTime());
      }
      gate.resolve();
      await expect(late).rejects.toMatchObject({ code: 'SEGMENT_TAKEN' });
      const left = await contacts(where).countDocuments({
        _id: { $gt: `${PORTAL}/files/`, $lt: `${PORTAL}/files0` },
      });
      expect(left).toBe(how === 'stopped' ? before : 0);
      expect(made).toBe(before);
    }
  });

  test('D2: imported again with the same outcomes, a segment stays proven', async () => {
    const where = engine.beside('again', NOW);
    await file(where);
    const { report } = await runPhase(where, REQUEST);
    const run = { request: REQUEST, phase: 'phase-1', tab: 'contacts' } as const;
    await where.activities.importSegments({ ...run, from: 1, to: 2 });
    expect(await where.activities.proveTab(run)).toMatchObject({ digestsMatch: true, discrepancies: 0 });
    expect(await where.activities.writeReport(run)).toEqual(report);
  });
});

test('C9, D2, D3: an attempt of freezing that goes on when the phase has begun changes nobody’s lot', async () => {
  const few = names(0, 3, (i) => `Name ${i}`);
  const run = { request: REQUEST, phase: 'phase-1' } as const;
  let calls = 0;
  for (let call = 1; ; call++) {
    const where = engine.beside(`freezing-${call}`, NOW);
    await file(where, few);
    await where.activities.planPhase(run);
    const held = holdCall(where, call);
    const late = makeActivities(held.parts)
      .freezeContext({ ...run, after: 'start' })
      .then(() => 'it has ended');
    if ((await Promise.race([held.reached, late])) === 'it has ended') break;
    calls = call;
    await where.activities.freezeContext({ ...run, after: 'start' });
    // one of the portal's own with a mail of the source's, and one that nobody knows of under its scope
    for (const _id of [`${PORTAL}/desk/later`, `${PORTAL}/files/unknown`])
      await contacts(where).insertOne({ _id, externalId: _id.slice(-7), email: 'c1@x.example' });
    held.letGo();
    await late;
    const { proofs } = await runPhase(where, REQUEST);
    expect([call, proofs.contacts]).toMatchObject([
      call,
      { counts: { created: 3, unchanged: 0 }, discrepancies: 1 },
    ]);
    expect(await where.stores.discrepancies.list(REQUEST, 'phase-1', 10)).toMatchObject([
      { tab: 'contacts', kind: 'extra', externalId: 'unknown' },
    ]);
  }
  expect(calls).toBeGreaterThan(8);
}, 120_000);

/**
 * Lets one attempt after the other stop at a call, each a little later, lets others go on meanwhile, then it.
 * @returns at how many calls
 */
async function atCalls(
  where: Engine,
  name: 'foldImported' | 'writeReport',
  apart: number,
  round: {
    before?: (call: number) => Promise<void>;
    meanwhile: (call: number) => Promise<void>;
    after: (call: number) => Promise<void>;
  },
): Promise<number> {
  for (let call = 1; ; call += apart) {
    await round.before?.(call);
    const held = holdCall(where, call);
    const { [name]: attempt } = makeActivities(held.parts);
    const late = attempt({ request: REQUEST, phase: 'phase-1' })
      .then(() => 'it has ended')
      .catch(() => 'it was refused');
    if ((await Promise.race([held.reached, late])) === 'it has ended') return Math.floor(call / apart);
    await wait(2);
    await round.meanwhile(call);
    held.letGo();
    await late;
    await round.after(call);
  }
}

describe('D3: an attempt of the end of a phase goes on in the window, when the ledger is another one', () => {
  const run = { request: REQUEST, phase: 'phase-1' } as const;

  test('F1: a report that has gone out stays as it is, and the latest is the one of the ledger', async () => {
    const where = engine.beside('late-report', NOW);
    await file(
      where,
      names(0, 40, (i) => `Name ${i}`),
    );
    await runPhase(where, REQUEST);
    const written = async (): Promise<string[]> => {
      const reports = await where.stores.reports.list(REQUEST);
      return Promise.all(
        reports
          .filter(({ bytes }) => bytes !== null)
          .map(
            async ({ version, storageKey }) =>
              `${version} ${hash('sha256', await where.storage.get(storageKey))}`,
          ),
      );
    };
    // what reading back shows is part of the report
    const change = async (name: string): Promise<void> => {
      await contacts(where).updateOne({ _id: `${PORTAL}/files/c1` }, { $set: { lastName: name } });
      await where.activities.reconcileSegments({ ...run, tab: 'contacts', from: 1, to: 1 });
    };
    let known: string[] = [];
    let told: WrittenReport;
    const calls = await atCalls(where, 'writeReport', 4, {
      before: (call) => change(`Before ${call}`),
      meanwhile: async (call) => {
        await where.activities.writeReport(run);
        await change(`After ${call}`);
        told = await where.activities.writeReport(run);
        known = await written();
      },
      after: async () => {
        expect(await written()).toEqual(known);
        expect(await where.activities.writeReport(run)).toEqual(told);
      },
    });
    expect(calls).toBeGreaterThan(4);
  });

  test('E3: what was imported meanwhile counts as imported before', async () => {
    const where = engine.beside('late-fold', NOW);
    // every contact fails, and every ticket with its contact
    await file(
      where,
      names(0, 40, () => ''),
    );
    await runPhase(where, REQUEST);
    const calls = await atCalls(where, 'foldImported', 1, {
      meanwhile: async (call) => {
        // the parent of a ticket came by hand; tried again, the ticket is imported
        await contacts(where).insertOne({ _id: `${PORTAL}/files/c${call}`, externalId: `c${call}` });
        await where.activities.importSegments({ ...run, tab: 'tickets', from: 1, to: 1 });
        await where.activities.foldImported(run);
      },
      after: async (call) => {
        const ids = await foldedIds(where, { ...run, tab: 'tickets' });
        expect([call, ids?.size, ids?.has(`t${call}`)]).toEqual([call, call, true]);
      },
    });
    expect(calls).toBeGreaterThan(8);
  });
});

test('F1, D3: an undo that was killed after links and files were removed tells how many there were', async () => {
  const where = engine.beside('unused', NOW);
  await file(where);
  await runPhase(where, REQUEST);
  await recordForUndo(where, REQUEST, PORTAL);
  const undo = makeUndoActivities(where);
  const told: unknown[] = [];
  await runUndo(
    {
      ...undo,
      removeUnused: async (asked) => {
        told.push(await undo.removeUnused(asked));
        return undo.removeUnused(asked);
      },
      writeUndoReport: async (asked) => {
        told.push({ links: asked.links, files: asked.files });
        return undo.writeUndoReport(asked);
      },
    },
    REQUEST,
    NOW().getTime(),
  );
  expect(told).toEqual([
    { links: 1, files: 1 },
    { links: 1, files: 1 },
  ]);
});

const contacts = ({ db }: Engine) => db.collection<DeskDocument>('contacts');
