import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const PROGRAM = `
  import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'create-logger.ts'))};
  const logger = createLogger('info', 'test');
  process.on('SIGTERM', () => {
    logger.info('ending');
    logger.fatal('ended');
    process.exit(7);
  });
  logger.info('started');
  process.stderr.write('.');
  setInterval(() => logger.info('at work'), 10);
`;
const started: ChildProcess[] = [];
afterAll(() => started.map((child) => child.kill('SIGKILL')));

function startedWith(stdout: 'pipe' | number): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', PROGRAM], {
    stdio: ['ignore', stdout, 'pipe'],
  });
  started.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<void> {
  if (child.stderr === null) throw new Error('has no standard error');
  await once(child.stderr, 'data');
}

describe('a process ends when it is told to', () => {
  test('though nobody reads its log any more', async () => {
    const child = startedWith('pipe');
    await firstLine(child);
    child.stdout?.destroy();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
  }, 30_000);

  test('though its log cannot be written, as on a full disk', async () => {
    const child = startedWith(openSync(import.meta.filename, 'r'));
    await firstLine(child);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([7, null]);
  }, 30_000);
});
