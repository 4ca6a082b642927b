import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { ensureTestServer } from './find-test-server.ts';
import { registerSearchAttributes } from '../workers/search-attributes.ts';

test('the time-skipping server takes the search attributes and runs a wait of two weeks in seconds', async () => {
  const path = await ensureTestServer();
  expect(await ensureTestServer()).toBe(path);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  try {
    await registerSearchAttributes(environment.connection, 'default');
    await registerSearchAttributes(environment.connection, 'default');
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue: 'waiting',
      workflowsPath: join(import.meta.dirname, 'test-server', 'waiting-workflow.ts'),
    });
    const waited = environment.client.workflow.execute('waiting', {
      workflowId: 'migration/1',
      taskQueue: 'waiting',
    });
    expect(await worker.runUntil(waited)).toBe('over');
  } finally {
    await environment.teardown();
  }
}, 120_000);
