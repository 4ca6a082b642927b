import { stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestMongo, type Stored, type TestMongo } from './embedded-mongo-for-test.ts';

let mongo: TestMongo;
beforeEach(async () => {
  mongo = await startTestMongo();
}, 120_000);
afterEach(() => mongo.end());

const collection = () => mongo.db().collection<Stored>('records');
const text = 'x'.repeat(1_000);

const DEADLINE_MS = 60_000;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('not in time');
    await pause(5);
  }
}

test('kill -9 in the middle of inserts and updates loses nothing that was acknowledged', async () => {
  const acknowledged = new Set<string>();
  let counted = 0;
  for (let round = 0; round < 5; round++) {
    const work = { goesOn: true };
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; work.goesOn; n++) {
        const _id = `${round}/${writer}/${n}`;
        try {
          await collection().insertOne({ _id, text });
          acknowledged.add(_id);
        } catch {
          return;
        }
      }
    });
    const counter = (async () => {
      while (work.goesOn) {
        try {
          await collection().updateOne({ _id: 'counter' }, { $inc: { n: 1 } }, { upsert: true });
          counted++;
        } catch {
          return;
        }
      }
    })();
    const enough = acknowledged.size + 400;
    await until(() => acknowledged.size >= enough);
    await mongo.server().kill();
    work.goesOn = false;
    await Promise.all([...writers, counter]);
    await mongo.again();
    const stored = new Set(
      (
        await collection()
          .find({}, { projection: { _id: 1 } })
          .toArray()
      ).map(({ _id }) => JSON.stringify(_id)),
    );
    expect([...acknowledged].filter((_id) => !stored.has(JSON.stringify(_id)))).toEqual([]);
    const counter_ = await collection().findOne({ _id: 'counter' });
    // One more may have been written and not been acknowledged, in each round.
    expect(counter_?.['n']).toBeGreaterThanOrEqual(counted);
    expect(counter_?.['n']).toBeLessThanOrEqual(counted + round + 1);
  }
}, 400_000);

test('after a crash while collections are made and dropped, none is half there', async () => {
  for (let round = 0; round < 3; round++) {
    const work = { goesOn: true };
    let made = 0;
    const makers = Array.from({ length: 3 }, async (_, maker) => {
      for (let n = 0; work.goesOn; n++) {
        const one = mongo.db().collection<Stored>(`c${maker}`);
        try {
          await one.insertMany([{ _id: `${round}/${n}/0` }, { _id: `${round}/${n}/1` }]);
          await one.drop();
          made++;
        } catch {
          return;
        }
      }
    });
    const enough = made + 30;
    await until(() => made >= enough);
    await mongo.server().kill();
    work.goesOn = false;
    await Promise.all(makers);
    await mongo.again();
    for (let maker = 0; maker < 3; maker++) {
      const left = await mongo.db().collection<Stored>(`c${maker}`).find().toArray();
      expect(left.length).toBeLessThanOrEqual(2);
      await mongo.db().collection<Stored>(`c${maker}`).deleteMany({});
    }
  }
}, 300_000);

test('a restart in order keeps everything; the process ends by SIGTERM', async () => {
  await collection().insertMany(Array.from({ length: 500 }, (_, _id) => ({ _id, text })));
  const { pid } = mongo.server();
  await mongo.server().stop();
  expect(() => process.kill(pid ?? 0, 0)).toThrow(/ESRCH/);
  await mongo.again();
  expect(await collection().countDocuments()).toBe(500);
}, 60_000);

test('the file shrinks by itself when most of it was deleted or rewritten', async () => {
  for (let from = 0; from < 20_000; from += 1_000) {
    await collection().insertMany(Array.from({ length: 1_000 }, (_, n) => ({ _id: from + n, text })));
  }
  for (let round = 0; round < 2; round++) {
    await collection().updateMany({ _id: { $lt: 10_000 } }, { $set: { round } });
  }
  const full = (await stat(mongo.file)).size;
  await collection().deleteMany({ _id: { $gte: 1_000 } });
  await until(async () => (await stat(mongo.file)).size < full / 4);
  expect(await collection().countDocuments()).toBe(1_000);
  expect(await collection().findOne({ _id: 999 })).toMatchObject({ text, round: 1 });
}, 120_000);

test('parallel documents of 10 MB are written and read, and the server lives on', async () => {
  const large = 'y'.repeat(10_000_000);
  await Promise.all(Array.from({ length: 12 }, (_, _id) => collection().insertOne({ _id, large })));
  await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const found = await collection().findOne({ _id: n });
      expect(found?.['large'] === large).toBe(true);
      await collection().updateOne({ _id: n }, { $set: { seen: true } });
    }),
  );
  let read = 0;
  for await (const found of collection().find()) read += (found['large'] as string).length;
  expect(read).toBe(12 * large.length);
  await collection().createIndex({ name: 1 }, { unique: true, sparse: true });
  const tooLarge = { $set: { more: large, name: 'taken' } };
  await expect(collection().updateOne({ _id: 0 }, tooLarge)).rejects.toMatchObject({ code: 10334 });
  await collection().insertOne({ _id: 'free', name: 'taken' });
  expect(await collection().countDocuments({ seen: true })).toBe(12);
}, 120_000);

test('a second server on the same file does not start and says why', async () => {
  const { startMongo } = await import('./mongo-server.ts');
  const dataFolder = mongo.file.replace(/\/mongodb\/store\.mv$/, '');
  await expect(startMongo({ dataFolder, env: { ...process.env, MONGODB_URI: '' } })).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringMatching(/locked/) as string,
  });
}, 60_000);
