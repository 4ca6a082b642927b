import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFile } from '../sources/memory-file.ts';
import { readCsv, readHeader } from '../sources/read-csv.ts';
import { csvText } from './csv-text.ts';

async function readAgain(bytes: Uint8Array): Promise<string[][]> {
  const access = memoryFile('Tickets.csv', bytes);
  const open = (from: number) => access.open(from);
  const shape = { encoding: 'utf-8', delimiter: ',' } as const;
  const rows = [(await readHeader(open, shape)).header];
  for await (const batch of readCsv(open, shape)) {
    for (const row of batch.rows) rows.push('cells' in row ? row.cells : [row.code]);
  }
  return rows;
}

const cell = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', '\uFEFF', ' ', 'a', '件') }),
);

describe('C6: what is handed back is read again as it was', () => {
  it('whatever the cells hold, lone line ends of any kind too', async () => {
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        expect(await readAgain(csvText(rows))).toEqual(rows);
      }),
    );
  });
});
