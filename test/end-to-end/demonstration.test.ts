import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RESULTS, type TabCounts } from '../../domain/codes.ts';
import { TABS } from '../../domain/tab.ts';

describe('npm run demo', () => {
  let folder = '';
  let told: {
    migration: string;
    state: string;
    phases: Record<string, Record<string, TabCounts & { digestsMatch: boolean }>>;
    mails: { to: string[]; subject: string }[];
    reports: string[];
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskferry-demo-'));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['cli/demo.ts', '--json', '--tickets', '60', '--folder', folder],
      { env: { ...process.env, DESKFERRY_REPLY_WINDOW: '8s' }, timeout: 240_000, maxBuffer: 10_000_000 },
    );
    told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as typeof told;
  }, 260_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('A2-E4: one request goes from creation to COMPLETED, and its failures are exactly those of the manifest', () => {
    // The command exits with 1 when a report differs from its manifest in a record or a code.
    expect(told.state).toBe('COMPLETED');
    expect(told.reports).toHaveLength(2);
  });

  test('D1, D2: in both phases every tab adds up and its digests match', () => {
    expect(Object.keys(told.phases)).toEqual(['phase-1', 'phase-2']);
    expect(Object.keys(told.phases['phase-1'] ?? {})).toEqual([...TABS]);
    for (const tabs of Object.values(told.phases)) {
      for (const counts of Object.values(tabs)) {
        expect(counts.source).toBe(RESULTS.reduce((sum, result) => sum + counts[result], 0));
        expect(counts.digestsMatch).toBe(true);
      }
    }
  });

  test('A7, B5, C7, E1, E4: the primary contact is told of every step, and nobody else is', () => {
    const subjects = told.mails.map((mail) => mail.subject);
    const steps = [
      '申請を受け付けました',
      '1回目の移行を開始',
      '1回目の移行が完了',
      '返信を受け付けました',
      '2回目の移行を開始',
      '移行が完了しました',
    ];
    for (const step of steps) {
      expect(subjects.filter((subject) => subject.includes(step)).length, step).toBeGreaterThan(0);
    }
    expect(new Set(told.mails.flatMap((mail) => mail.to))).toEqual(new Set(['keiko.sato@acme.example']));
  });
});
