import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FailureCode } from '../domain/codes.ts';
import { TABS } from '../domain/tab.ts';
import { PlainImport } from './plain-import.ts';
import {
  type ExpectedFailure,
  type ExpectedSkip,
  makeSampleHelpDesk,
  sampleRecords,
} from './sample-help-desk.ts';
import { makeReply } from './sample-reply.ts';
import { SampleSizeError, sampleWorld } from './sample-world.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sample-help-desk-'));
});
afterAll(() => rm(root, { recursive: true }));

async function sums(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).toSorted();
  const each = names.map(async (name) => {
    const bytes = await readFile(path.join(folder, name));
    return [name, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(each));
}

/** What every file can cause (G), TOO_LARGE apart. */
const CODES: readonly FailureCode[] = [
  'MISSING_REQUIRED',
  'BAD_FORMAT',
  'TOO_LONG',
  'MISSING_REFERENCE',
  'PARENT_FAILED',
  'DUPLICATE_ID',
  'MALFORMED_ROW',
  'BAD_ENCODING',
  'FILE_MISSING',
  'CHECKSUM_MISMATCH',
];

describe('the sample help desk', () => {
  test('the same seed and size give the same bytes, in any time zone; another seed gives others', async () => {
    const zone = process.env['TZ'];
    const made = async (name: string, seed: number): Promise<Record<string, string>> => {
      const folder = path.join(root, name);
      await makeSampleHelpDesk({ folder, tickets: 60, seed });
      await makeReply({ folder: path.join(folder, 'reply'), sample: { tickets: 60, seed } });
      const reply = await sums(path.join(folder, 'reply'));
      await rm(path.join(folder, 'reply'), { recursive: true });
      return {
        ...(await sums(folder)),
        ...Object.fromEntries(Object.entries(reply).map(([k, v]) => [`reply/${k}`, v])),
      };
    };
    try {
      process.env['TZ'] = 'UTC';
      const first = await made('utc', 3);
      process.env['TZ'] = 'Asia/Tokyo';
      expect(await made('tokyo', 3)).toEqual(first);
      expect(Object.values(await made('other', 4))).not.toContain(first['Tickets_01.csv']);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  test('A4: there are at most five upload files, of a sample and of a reply', async () => {
    const folder = path.join(root, 'five');
    const sample = await makeSampleHelpDesk({ folder, tickets: 120 });
    expect(await readdir(folder)).toHaveLength(5);
    expect((await readdir(folder)).toSorted()).toEqual(sample.files.toSorted());
    const reply = await makeReply({ folder: path.join(folder, 'reply'), sample: { tickets: 120 } });
    const written = await readdir(path.join(folder, 'reply'));
    expect(written.length).toBeLessThanOrEqual(5);
    expect(written.toSorted()).toEqual(reply.files.toSorted());
  });

  test.each([50, 60, 75, 80, 99, 101, 130, 150, 260])(
    'C5, G: 3-5 percent of the records fail and every code occurs at %i tickets',
    (tickets) => {
      for (const seed of [1, 2, 3]) {
        const codes = new Set<FailureCode>();
        let records = 0;
        let failed = 0;
        let doubled = 0;
        for (const { outcome } of sampleRecords(sampleWorld({ tickets, seed, includeTooLarge: false }))) {
          records += 1;
          if (outcome.result === 'skipped') doubled += 1;
          if (outcome.result !== 'failed') continue;
          failed += 1;
          codes.add(outcome.code);
        }
        expect([...codes].toSorted()).toEqual(CODES.toSorted());
        expect(doubled).toBeGreaterThan(0);
        expect(failed / records).toBeGreaterThanOrEqual(0.03);
        expect(failed / records).toBeLessThanOrEqual(0.05);
      }
    },
  );

  test('C3, C4: every warning that a file can cause occurs', async () => {
    const { warnings } = await makeSampleHelpDesk({ folder: path.join(root, 'warnings'), tickets: 50 });
    const seen = new Set(TABS.flatMap((tab) => Object.keys(warnings[tab])));
    expect([...seen].toSorted()).toEqual(
      [
        'AUTHOR_FALLBACK',
        'DEPARTMENT_FALLBACK',
        'OWNER_FALLBACK',
        'STATUS_ADDED',
        'TIME_DEFAULTED',
      ].toSorted(),
    );
  });

  test('C3: agents whose mail is in the portal are expected to be mapped, and whether they are active is the portal’s to say', async () => {
    const folder = path.join(root, 'portal-agents');
    const without = await makeSampleHelpDesk({ folder, tickets: 60 });
    const [first] = sampleWorld({ tickets: 60 }).agents;
    const portalAgents = [{ mail: ` ${first?.mail.toUpperCase()}`, active: false }];
    const mapped = await makeSampleHelpDesk({ folder, tickets: 60, portalAgents });
    expect(mapped.tabs.agents).toEqual({
      ...without.tabs.agents,
      created: without.tabs.agents.created - 1,
      unchanged: 1,
    });
    expect(mapped.warnings.threads.AUTHOR_FALLBACK).toBeGreaterThan(
      without.warnings.threads.AUTHOR_FALLBACK ?? 0,
    );
  });

  test.each([
    { tickets: 1, seed: 1 },
    { tickets: 12, seed: 5 },
    { tickets: 60, seed: 7, includeTooLarge: true },
    { tickets: 500, seed: 2, includeTooLarge: false },
  ])('the manifests say what an import finds, in both phases ($tickets tickets)', async (sample) => {
    const folder = path.join(root, `import-${sample.tickets}`);
    const first = await makeSampleHelpDesk({ folder, ...sample });
    const plain = new PlainImport();
    const found = await plain.run(folder, first.files);
    expect(found.tabs).toEqual(first.tabs);
    expect(found.warnings).toEqual(first.warnings);
    expect(different(found.failures.map(failureLine), first.failures.map(failureLine))).toEqual([]);
    expect(different(found.skipped.map(skipLine), first.skipped.map(skipLine))).toEqual([]);

    const reply = await makeReply({ folder: path.join(folder, 'reply'), sample });
    const again = await plain.run(path.join(folder, 'reply'), reply.files);
    const expected = reply.failures.map((each) => `${each.from} ${failureLine(each)}`);
    const seen = again.failures.map((each) => `${each.again ? 'phase-1' : 'reply'} ${failureLine(each)}`);
    expect(different(seen, expected)).toEqual([]);
    expect(again.tabs).toEqual(reply.tabs);
    expect(again.warnings).toEqual(reply.warnings);
    expect(again.skipped).toEqual([]);
  });

  test('G: one record is over 16,000,000 bytes when that is asked for, and by default from 200 tickets on', async () => {
    const tooLarge = async (tickets: number, includeTooLarge?: boolean): Promise<number> => {
      const size = includeTooLarge === undefined ? { tickets } : { tickets, includeTooLarge };
      const { failures } = await makeSampleHelpDesk({ folder: path.join(root, 'large'), ...size });
      return failures.filter(({ code }) => code === 'TOO_LARGE').length;
    };
    expect(await tooLarge(50)).toBe(0);
    expect(await tooLarge(50, true)).toBe(1);
    expect(await tooLarge(200)).toBe(1);
    expect(await tooLarge(200, false)).toBe(0);
  });

  test('E3: phase 2 of a sample has every kind of outcome', async () => {
    const { tabs, failures } = await makeReply({
      folder: path.join(root, 'outcomes'),
      sample: { tickets: 60 },
    });
    const sum = (result: 'created' | 'updated' | 'unchanged' | 'failed'): number =>
      TABS.reduce((all, tab) => all + tabs[tab][result], 0);
    for (const result of ['created', 'updated', 'unchanged', 'failed'] as const)
      expect(sum(result)).toBeGreaterThan(0);
    expect(new Set(failures.map(({ from }) => from))).toEqual(new Set(['reply', 'phase-1']));
    expect(failures.map(({ code }) => code)).toContain('DUPLICATE_ID');
    for (const tab of TABS) expect(tabs[tab].skipped).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN])('%d tickets are refused', async (tickets) => {
    await expect(makeSampleHelpDesk({ folder: root, tickets })).rejects.toThrow(SampleSizeError);
  });
});

function failureLine({ tab, file, row, externalId, code, column }: Omit<ExpectedFailure, 'why'>): string {
  return `${tab} ${file} ${row} ${externalId} ${code} ${column}`;
}

function skipLine({ tab, file, row, externalId }: Omit<ExpectedSkip, 'code'>): string {
  return `${tab} ${file} ${row} ${externalId}`;
}

/** Lines that are in one list only, or not as often. */
function different(found: readonly string[], expected: readonly string[]): string[] {
  const balance = new Map<string, number>();
  for (const line of found) balance.set(line, (balance.get(line) ?? 0) + 1);
  for (const line of expected) balance.set(line, (balance.get(line) ?? 0) - 1);
  return [...balance]
    .filter(([, left]) => left !== 0)
    .map(([line, left]) => `${left > 0 ? 'found' : 'expected'} ${line}`);
}
