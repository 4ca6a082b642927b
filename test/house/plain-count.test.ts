import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from './tracked-files.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'deskferry-count-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** The last line and the exit code of a run over the files given. */
async function run(files: Record<string, string>): Promise<{ last: string; code: number }> {
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const reporter = JSON.stringify(path.join(root, 'test/house/plain-count.ts'));
  const config = [
    `import { plainCount } from ${reporter};`,
    "export default { test: { globals: true, include: ['*.test.mjs'], reporters: [plainCount] } };",
  ];
  await writeFile(path.join(folder, 'vitest.config.ts'), config.join('\n'));
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const ran = promisify(execFile)(process.execPath, [vitest, 'run', '--root', folder], { cwd: folder });
  const { stdout, code } = await ran.then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: unknown) => error as { stdout: string; code: number },
  );
  return { last: stdout.trim().split('\n').at(-1) ?? '', code };
}

describe('the last line of a test run', () => {
  test('counts tests that passed and failed, and files that could not be loaded', async () => {
    const result = await run({
      'a.test.mjs': "test('a', () => {}); test('b', () => {}); test('c', () => { throw new Error('c'); });",
      'b.test.mjs': "throw new Error('not loaded');",
    });
    expect(result).toEqual({ last: '2 passed, 2 failed', code: 1 });
  });

  test('says that all passed only when all passed', async () => {
    expect(await run({ 'a.test.mjs': "test('a', () => {});" })).toEqual({
      last: '1 passed, 0 failed',
      code: 0,
    });
  });
});
