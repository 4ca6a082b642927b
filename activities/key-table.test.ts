import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdSetBuilder } from './id-set.ts';
import { KeyTable } from './key-table.ts';

test('G: of rows with one key the first is kept, through growth and through the logs of a stager that starts anew', () => {
  const table = new KeyTable();
  const logs: Buffer[] = [];
  for (let i = 0; i < 20_000; i++) {
    const entry = { content: [i, i + 1], arrival: i % 7 } as const;
    expect(table.keep(`k${i}`, entry)).toBeUndefined();
    expect(table.keep(`k${Math.floor(i / 2)}`, entry)?.arrival).toBe(Math.floor(i / 2) % 7);
    if (i % 3_000 === 0) logs.push(table.takeLog());
  }
  logs.push(table.takeLog());
  const anew = new KeyTable();
  for (const log of logs) anew.load(log);
  for (let i = 0; i < 20_000; i++) {
    expect(anew.find(`k${i}`)).toEqual({ content: [i, i + 1], arrival: i % 7 });
  }
  expect(anew.find('k20000')).toBeUndefined();
});

test('E3: a set of ids knows exactly what was added, stored and read again', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (ids, others) => {
      const builder = new IdSetBuilder();
      for (const id of ids) builder.add(id);
      const again = new IdSetBuilder();
      again.addBytes(builder.build().toBytes());
      for (const id of ids) again.add(id);
      const set = again.build();
      expect(set.size).toBe(new Set(ids).size);
      for (const id of [...ids, ...others]) expect(set.has(id)).toBe(ids.includes(id));
    }),
  );
});
