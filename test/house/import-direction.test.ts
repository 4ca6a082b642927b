import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from './tracked-files.ts';

const RULE = 'eslint(no-restricted-imports)';

const forbidden: [file: string, statement: string][] = [
  ['domain/a.ts', "import { readFile } from 'node:fs/promises';"],
  ['domain/a.ts', "import { z } from 'zod';"],
  ['domain/a.ts', "import { now } from '@temporalio/workflow';"],
  ['domain/a.ts', "import type { Stores } from '../store/stores.ts';"],
  ['domain/rules/a.ts', "import { x } from '../../sources/x.ts';"],
  ['domain/digest.ts', "import { readFileSync } from 'node:fs';"],
  ['domain/digest.ts', "import { x } from '../desk/x.ts';"],
  ['workflows/a.ts', "import { Client } from '@temporalio/client';"],
  ['workflows/a.ts', "import { Context } from '@temporalio/activity';"],
  ['workflows/a.ts', "import { Worker } from '@temporalio/worker';"],
  ['workflows/a.ts', "import { randomUUID } from 'node:crypto';"],
  ['workflows/a.ts', "import { DateTime } from 'luxon';"],
  ['workflows/a.ts', "import { createActivities } from '../activities/create-activities.ts';"],
  ['workflows/a.ts', "import { recordDigest } from '../domain/digest.ts';"],
  ['workflows/a.ts', "import { x } from '../store/x.ts';"],
  ['sources/a.ts', "import { x } from '../desk/x.ts';"],
  ['sources/files/a.ts', "import { x } from '../../store/x.ts';"],
  ['desk/a.ts', "import { x } from '../store/x.ts';"],
  ['desk/embedded/a.ts', "import { log } from '@temporalio/activity';"],
  ['store/a.ts', "import { x } from '../desk/x.ts';"],
  ['store/a.ts', "import { x } from '../configuration/x.ts';"],
  ['mail/a.ts', "import { x } from '../store/x.ts';"],
  ['activities/a.ts', "import { migration } from '../workflows/migration.ts';"],
  ['activities/a.ts', "import { x } from '../api/x.ts';"],
  ['configuration/a.ts', "import { x } from '../store/x.ts';"],
  ['temporal/a.ts', "import { x } from '../api/x.ts';"],
  ['workers/a.ts', "import { x } from '../api/x.ts';"],
  ['workers/a.ts', "import { x } from '../stack/x.ts';"],
  ['api/a.ts', "import { x } from '../workers/x.ts';"],
  ['api/a.ts', "import { x } from '../test/x.ts';"],
  ['api/routes/a.ts', "import { x } from '../../stack/x.ts';"],
  ['web/a.ts', "import { x } from '../store/x.ts';"],
  ['cli/a.ts', "import { x } from '../test/x.ts';"],
];

const allowed: [file: string, statement: string][] = [
  ['domain/a.ts', "import { TABS } from './tab.ts';"],
  ['domain/rules/a.ts', "import { TABS } from '../tab.ts';"],
  ['domain/digest.ts', "import { hash } from 'node:crypto';"],
  ['domain/a.test.ts', "import { test } from 'vitest';"],
  ['workflows/a.ts', "import { sleep } from '@temporalio/workflow';"],
  ['workflows/a.ts', "import { ActivityFailure } from '@temporalio/common';"],
  ['workflows/a.ts', "import type { Activities } from '../activities/create-activities.ts';"],
  ['workflows/a.ts', "import { type Dependencies } from '../activities/create-activities.ts';"],
  ['workflows/a.ts', "import { TABS } from '../domain/tab.ts';"],
  ['sources/a.ts', "import { parse } from 'csv-parse';"],
  ['store/a.ts', "import { MongoClient } from 'mongodb';"],
  ['activities/a.ts', "import { x } from '../store/x.ts';"],
  ['activities/a.ts', "import type { ImportPhaseInput } from '../workflows/messages.ts';"],
  ['api/a.ts', "import { UPDATES } from '../workflows/messages.ts';"],
  ['temporal/a.ts', "import { x } from '../store/x.ts';"],
  ['workers/a.ts', "import { createActivities } from '../activities/create-activities.ts';"],
  ['cli/demo.ts', "import { startStack } from '../stack/stack.ts';"],
  ['cli/demo.ts', "import { writeSample } from '../examples/write-sample.ts';"],
];

/** Where the linter complains about an import, as `file:line`. */
let complaints: Set<string>;
let folder: string;

/** The cases by file; a statement's line number is its place in the list. */
const lines = new Map<string, string[]>();
for (const [file, statement] of [...forbidden, ...allowed]) {
  lines.set(file, [...(lines.get(file) ?? []), statement]);
}
const placeOf = (file: string, statement: string): string =>
  `${file}:${(lines.get(file) ?? []).indexOf(statement) + 1}`;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'deskferry-imports-'));
  await cp(path.join(root, '.oxlintrc.json'), path.join(folder, '.oxlintrc.json'));
  for (const [file, statements] of lines) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    const named = statements.map((statement, index) => statement.replace('{ x }', `{ x as x${index} }`));
    await writeFile(path.join(folder, file), `${named.join('\n')}\n`);
  }
  const oxlint = path.join(root, 'node_modules/oxlint/bin/oxlint');
  const run = promisify(execFile)(process.execPath, [oxlint, '--format', 'unix'], { cwd: folder });
  // complaints make it exit with 1
  const { stdout } = await run.catch((error: unknown) => error as { stdout: string });
  const found = stdout.split('\n').filter((line) => line.includes(RULE));
  complaints = new Set(found.map((line) => line.split(':').slice(0, 2).join(':').replaceAll('\\', '/')));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('imports point inwards', () => {
  test.each(forbidden)('%s may not hold: %s', (file, statement) => {
    expect(complaints).toContain(placeOf(file, statement));
  });

  test.each(allowed)('%s may hold: %s', (file, statement) => {
    expect(complaints).not.toContain(placeOf(file, statement));
  });
});
