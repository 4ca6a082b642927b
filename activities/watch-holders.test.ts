import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { makeWatchHolders } from './watch-holders.ts';

test('B4: a worker that stops hands the watch over at once', async () => {
  const asked: string[] = [];
  const client = {
    workflow: {
      getHandle: (id: string) => ({
        describe: async () => {
          asked.push(id);
          return { status: { name: 'RUNNING' } };
        },
      }),
    },
  } as unknown as Client;
  const stopping = new AbortController();
  const watch = makeWatchHolders({
    client,
    workflowIdOf: (request) => `of ${request}`,
    stopping: stopping.signal,
  });
  const environment = new MockActivityEnvironment();
  environment.on('heartbeat', () => stopping.abort());
  const before = Date.now();
  expect(await environment.run(watch, { requests: ['m_1'] })).toEqual({ gone: [] });
  expect(Date.now() - before).toBeLessThan(5_000);
  expect(asked).toContain('of m_1');
});
