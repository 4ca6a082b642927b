import { describe, expect, test } from 'vitest';
import { StackError } from './errors.ts';
import { onFreePorts } from './free-port.ts';

const inUse = (port: number): string =>
  `{"level":"FATAL","message":"listen tcp 127.0.0.1:${port}: bind: address already in use"}`;

/** Starts what fails so often with a message; how often it was started, and what came of it. */
async function started(asked: readonly number[], message: string, failures = 1) {
  let starts = 0;
  const outcome = await onFreePorts(asked, async () => {
    if (++starts <= failures) throw new StackError('START_FAILED', message);
    return 'runs';
  }).catch((error: unknown) => (error instanceof StackError ? error.code : error));
  return [starts, outcome];
}

describe('a port that another process took in between', () => {
  test('is replaced by another one, three times at most', async () => {
    expect(await started([], inUse(4000))).toEqual([2, 'runs']);
    expect(await started([], 'java.net.BindException: Address already in use')).toEqual([2, 'runs']);
    expect(await started([], inUse(4000), 5)).toEqual([3, 'START_FAILED']);
  });

  test('is replaced though another one was asked for, which is not', async () => {
    const log = `Server:  localhost:7233\nUI:  http://localhost:4000\n${inUse(4000)}`;
    expect(await started([7233], log)).toEqual([2, 'runs']);
    expect(await started([7233], `the Temporal server ended while starting\n${inUse(7233)}`)).toEqual([
      1,
      'START_FAILED',
    ]);
    expect(await started([7233, 4000], log)).toEqual([1, 'START_FAILED']);
    expect(await started([27_017], 'java.net.BindException: Address already in use')).toEqual([
      1,
      'START_FAILED',
    ]);
  });

  test('is not looked for in any other failure', async () => {
    expect(await started([], 'the Temporal server ended while starting\nno such file')).toEqual([
      1,
      'START_FAILED',
    ]);
  });
});
