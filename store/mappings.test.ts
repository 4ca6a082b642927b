import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase } from '../test/database.ts';
import { createMappings, type Mappings } from './mappings.ts';

let started: Awaited<ReturnType<typeof startTestDatabase>>;
let mappings: Mappings;
beforeAll(async () => {
  started = await startTestDatabase();
  mappings = createMappings(started.database.db);
});
afterAll(() => started.stop());

test('A10: a mapping is kept under its name, for its tenant alone', async () => {
  const saved = {
    tenant: 't1',
    name: 'Old desk / 2024',
    mapping: { 'a.b': { $c: 1 } },
    savedAt: new Date(1_000),
    by: 'requester:r',
  };
  expect(await mappings.put(saved)).toBe(true);
  expect(await mappings.put({ ...saved, savedAt: new Date(2_000) })).toBe(false);
  await mappings.put({ ...saved, tenant: 't1/x', name: 'other' });
  await mappings.put({ ...saved, name: 'A' });
  expect(await mappings.get('t1', saved.name)).toEqual({ ...saved, savedAt: new Date(2_000) });
  expect(await mappings.get('t2', saved.name)).toBeNull();
  expect((await mappings.list('t1')).map(({ name }) => name)).toEqual(['A', saved.name]);
  expect((await mappings.list('t1'))[0]).not.toHaveProperty('mapping');
  expect(await mappings.remove('t1', saved.name)).toBe(true);
  expect(await mappings.remove('t1', saved.name)).toBe(false);
  expect(await mappings.get('t1', saved.name)).toBeNull();
});
