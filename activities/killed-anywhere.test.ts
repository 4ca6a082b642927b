import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeskDocument } from '../desk/embedded/desk-document.ts';
import { addNativeRecords } from '../desk/embedded/portals.ts';
import { randomFor } from '../examples/random.ts';
import { makeSampleHelpDesk } from '../examples/sample-help-desk.ts';
import { makeReply } from '../examples/sample-reply.ts';
import { startTestMongo, type TestMongo } from '../stack/embedded-mongo-for-test.ts';
import {
  csvText,
  type Engine,
  makePortal,
  makeRequest,
  openEngine,
  sendReply,
} from '../test/import-engine.ts';
import { type RunOrder, STANDING, type Told } from '../test/killable-run.ts';
import { recordForUndo } from '../test/undo-engine.ts';
import { differences, wholeContent } from '../test/whole-content.ts';

const REQUEST = 'm_killed';
const PORTAL = 'killed';
const SAMPLE = { tickets: 50, seed: 5, includeTooLarge: false };
const WORKS = ['phase-1', 'phase-2', 'undo'] as const;
type Work = (typeof WORKS)[number];

const seed = Number(process.env['DESKFERRY_TEST_SEED'] ?? Date.now() % 100_000);
process.stderr.write(`killed-anywhere: DESKFERRY_TEST_SEED=${seed}\n`);

let mongo: TestMongo;
let folder = '';
const files: Record<'export' | 'reply', Record<string, Buffer>> = { export: {}, reply: {} };
/** of the run that nobody killed: what it left behind, and how many calls it made */
const calm = new Map<Work, { content: Map<string, string>; calls: number }>();
/** made ready while another is at work */
let standby: ChildProcess | null = null;

beforeAll(async () => {
  mongo = await startTestMongo();
  folder = await mkdtemp(join(tmpdir(), 'deskferry-killed-'));
  const made = await makeSampleHelpDesk({ folder: join(folder, 'export'), ...SAMPLE });
  const reply = await makeReply({ folder: join(folder, 'reply'), sample: SAMPLE });
  for (const name of made.files) files.export[name] = await readFile(join(folder, 'export', name));
  for (const name of reply.files) files.reply[name] = await readFile(join(folder, 'reply', name));
  const engine = engineOf('calm');
  for (const work of WORKS) {
    await prepare(engine, work);
    const { calls } = await live('calm', { work, done: [], cutAt: null });
    calm.set(work, { content: await wholeContent(engine.db, engine.storage), calls: calls ?? 0 });
  }
}, 300_000);
afterAll(async () => {
  standby?.disconnect();
  await mongo?.end();
  await rm(folder, { recursive: true, force: true });
});

const folderOf = (name: string): string => join(folder, 'storage', name);
const engineOf = (name: string): Engine =>
  openEngine(mongo.client().db(name), folderOf(name), () => STANDING);

/** What happens between the runs: the request is filed, replies come, somebody edits the desk. */
async function prepare(engine: Engine, work: Work): Promise<void> {
  if (work === 'phase-1') {
    await makePortal(engine, {
      id: PORTAL,
      agents: [{ id: 'native', lastName: 'N', email: 'native@portal.example', status: 'active' }],
    });
    await addNativeRecords(engine.db, PORTAL, 'contacts', [
      { id: 'n1', fields: { lastName: 'Native', email: 'native@customer.example' } },
    ]);
    const own = Array.from({ length: 2_050 }, (_, i) => [
      `own${i}`,
      i % 30 === 0 ? '' : `Own ${i}`,
      i === 7 ? 'native@customer.example' : `own${i}@customer.example`,
    ]);
    const more = csvText(['ContactExtId', 'Last Name', 'Email'], [...own, ...own.slice(0, 3)]);
    await makeRequest(engine, PORTAL, { ...files.export, 'Contacts_02.csv': more }, { id: REQUEST });
  } else if (work === 'phase-2') await sendReply(engine, REQUEST, 'r1', files.reply);
  else {
    await recordForUndo(engine, REQUEST, PORTAL);
    await engine.db
      .collection<DeskDocument>('contacts')
      .updateOne({ _id: `${PORTAL}/files/own11` }, { $set: { lastName: 'Edited since' } });
  }
}

type Life = Pick<RunOrder, 'work' | 'done' | 'cutAt'> & Partial<Pick<RunOrder, 'answered' | 'tellAt'>>;

/** One process at work, until it ends or dies; what it had told by then. @throws when it fails otherwise */
async function live(
  database: string,
  life: Life,
  onCall: () => Promise<void> = async () => {},
): Promise<{ calls: number | null; done: RunOrder['done'] }> {
  const child = standby ?? startChild();
  const done: RunOrder['done'] = [];
  const result = { calls: null as number | null, done };
  const doings: Promise<void>[] = [];
  const ready = Promise.withResolvers<void>();
  child.on('message', (told: Told) => {
    if ('ready' in told) ready.resolve();
    else if ('call' in told) done.push([told.call, told.answer]);
    else if (told.over) result.calls = told.calls;
    else doings.push(onCall());
  });
  const ended = once(child, 'exit');
  child.send({
    uri: mongo.server().address,
    database,
    folder: folderOf(database),
    request: REQUEST,
    answered: false,
    tellAt: [],
    ...life,
  } satisfies RunOrder);
  standby = startChild();
  const [code, signal] = (await ended) as [number | null, string | null];
  await Promise.all(doings);
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the run ended with ${code ?? signal}`);
  return result;
}

function startChild(): ChildProcess {
  return fork(join(import.meta.dirname, '../test/killable-run.ts'), {
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
  });
}

/** Runs it to its end by processes of which each dies at a call of chance; how many died. */
async function runKilled(database: string, work: Work, cuts: number): Promise<number> {
  const random = randomFor(seed, database, work);
  const share = (calm.get(work)?.calls ?? 0) / cuts;
  const done: RunOrder['done'] = [];
  let patience = 1;
  for (let died = 0; died < 10 * cuts; died++) {
    const cutAt = 1 + random.int(Math.ceil(2 * share * patience));
    const life = await live(database, { work, done, cutAt, answered: random.chance(0.5) });
    if (life.calls !== null) return died;
    done.push(...life.done);
    // an activity that needs more calls than that comes to its end too
    patience = life.done.length > 0 ? 1 : patience * 1.5;
    // what was done may be done again: its answer was lost
    if (random.chance(0.3)) done.pop();
  }
  throw new Error('it does not come to its end');
}

describe('D3: killed anywhere, a run leaves behind what it leaves when nobody kills it', () => {
  test('processes that die at a call of chance, in phase 1, in phase 2 and in an undo', async () => {
    const engine = engineOf('cut');
    const died: number[] = [];
    for (const [work, cuts] of [
      ['phase-1', 12],
      ['phase-2', 4],
      ['undo', 3],
    ] as const) {
      await prepare(engine, work);
      died.push(await runKilled('cut', work, cuts));
      const wanted = calm.get(work)?.content ?? new Map<string, string>();
      expect(differences(await wholeContent(engine.db, engine.storage), wanted)).toEqual([]);
    }
    process.stderr.write(`killed-anywhere: ${died.join(', ')} processes died\n`);
    expect(Math.min(...died)).toBeGreaterThan(0);
  }, 900_000);

  test('MongoDB dies at calls of chance in phase 1', async () => {
    await prepare(engineOf('mongo'), 'phase-1');
    const { calls = 0, content = new Map<string, string>() } = calm.get('phase-1') ?? {};
    const random = randomFor(seed, 'mongo');
    const tellAt = [0, 1, 2].map((third) => 1 + Math.floor(((third + random.next()) * calls) / 3));
    let kills = 0;
    const life = await live('mongo', { work: 'phase-1', done: [], cutAt: null, tellAt }, async () => {
      await mongo.server().kill();
      await mongo.again();
      kills++;
    });
    expect(life.calls).not.toBeNull();
    expect(kills).toBe(3);
    const engine = engineOf('mongo');
    expect(differences(await wholeContent(engine.db, engine.storage), content)).toEqual([]);
  }, 300_000);
});
