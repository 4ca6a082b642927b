import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WarningCode } from '../domain/codes.ts';
import { TAB_TITLES, TABS, type Tab } from '../domain/tab.ts';
import { makeSampleHelpDesk, type SampleManifest } from '../examples/sample-help-desk.ts';
import { makeReply, type ReplyManifest } from '../examples/sample-reply.ts';
import { SAMPLE_DEPARTMENTS, SAMPLE_STATUSES } from '../examples/sample-world.ts';
import {
  type Engine,
  makePortal,
  makeRequest,
  type PhaseResult,
  readReport,
  type Row,
  rowsOf,
  runPhase,
  sendReply,
  startEngine,
} from '../test/import-engine.ts';

const SAMPLE = { tickets: 220, seed: 4, includeTooLarge: true };

let engine: Engine;
let folder: string;
let manifest: SampleManifest;
let second: ReplyManifest;
let first: { result: PhaseResult; files: Map<string, Buffer> };
let again: { result: PhaseResult; files: Map<string, Buffer> };

async function filesOf(root: string, names: readonly string[]): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const name of names) files[name] = await readFile(join(root, name));
  return files;
}

beforeAll(async () => {
  engine = await startEngine();
  folder = await mkdtemp(join(tmpdir(), 'deskferry-sample-'));
  manifest = await makeSampleHelpDesk({ folder, ...SAMPLE });
  second = await makeReply({ folder: join(folder, 'reply'), sample: SAMPLE });
  const portal = await makePortal(engine, {
    departments: SAMPLE_DEPARTMENTS,
    statuses: SAMPLE_STATUSES,
  });
  const request = await makeRequest(engine, portal, await filesOf(folder, manifest.files));
  const one = await runPhase(engine, request);
  first = { result: one, files: await readReport(engine, request, one.report) };
  await sendReply(engine, request, 'r1', await filesOf(join(folder, 'reply'), second.files));
  const two = await runPhase(engine, request, 'phase-2');
  again = { result: two, files: await readReport(engine, request, two.report) };
}, 180_000);
afterAll(async () => {
  await engine.stop();
  await rm(folder, { recursive: true });
});

const rowsOfTab = (files: Map<string, Buffer>, tab: Tab): Row[] =>
  rowsOf(files.get(`${TAB_TITLES[tab]}.csv`));

const line = (...parts: (string | number | null)[]): string => parts.map((part) => part ?? '').join(' | ');

function failuresIn(files: Map<string, Buffer>): string[] {
  return TABS.flatMap((tab) =>
    rowsOfTab(files, tab)
      .filter((row) => row['result'] === 'failed')
      .map((row) => line(tab, row['file'] ?? '', row['row'] ?? '', row['code'] ?? '', row['column'] ?? '')),
  ).toSorted();
}

function warningsIn(files: Map<string, Buffer>): Record<string, Partial<Record<WarningCode, number>>> {
  return Object.fromEntries(
    TABS.map((tab) => {
      const counts: Record<string, number> = {};
      for (const row of rowsOfTab(files, tab)) {
        for (const warning of (row['warnings'] ?? '').split(';').filter((each) => each !== '')) {
          counts[warning] = (counts[warning] ?? 0) + 1;
        }
      }
      return [tab, counts];
    }),
  );
}

describe('a whole sample help desk, in both phases', () => {
  test('D1: every tab comes to the counts that its making says', () => {
    for (const tab of TABS)
      expect({ tab, ...first.result.proofs[tab]?.counts }).toEqual({ tab, ...manifest.tabs[tab] });
  });

  test('D2: source and desk agree in every tab', () => {
    for (const { result } of [first, again]) {
      for (const tab of TABS)
        expect(result.proofs[tab]).toMatchObject({ digestsMatch: true, discrepancies: 0 });
    }
  });

  test('C5, G: exactly the faulty records fail, each with its code and column', () => {
    const expected = manifest.failures.map(({ tab, file, row, code, column }) =>
      line(tab, file, row, code, column),
    );
    expect(failuresIn(first.files)).toEqual(expected.toSorted());
    const skipped = TABS.flatMap((tab) =>
      rowsOfTab(first.files, tab).filter((row) => row['result'] === 'skipped'),
    );
    expect(
      skipped.map((row) => line(row['file'] ?? '', row['row'] ?? '', row['code'] ?? '')).toSorted(),
    ).toEqual(manifest.skipped.map(({ file, row, code }) => line(file, row, code)).toSorted());
  });

  test('C3, C4: exactly the surprising records carry a warning', () => {
    expect(warningsIn(first.files)).toEqual(manifest.warnings);
  });

  test('E3: phase 2 comes to what the reply says', () => {
    for (const tab of TABS)
      expect({ tab, ...again.result.proofs[tab]?.counts }).toEqual({ tab, ...second.tabs[tab] });
    const expected = second.failures.map(({ tab, file, row, code, column }) =>
      line(tab, file, row, code, column),
    );
    expect(failuresIn(again.files)).toEqual(expected.toSorted());
    expect(warningsIn(again.files)).toEqual(second.warnings);
  });
});
