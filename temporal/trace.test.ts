import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** What a process of these modules has loaded of OpenTelemetry, but for the empty interface that other packages bring. */
async function loaded(...modules: string[]): Promise<string[]> {
  const script = `
    for (const file of ${JSON.stringify(modules)}) await import(new URL(file, ${JSON.stringify(import.meta.url)}));
    const { createRequire } = await import('node:module');
    const files = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache);
    console.log(JSON.stringify(files.filter((file) => /opentelemetry\\/(?!api\\/)/.test(file.replaceAll(String.fromCharCode(92), "/")))));
    process.exit(0);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as string[];
}

test('nothing of OpenTelemetry is loaded where no collector is named', async () => {
  const without = ['../api/app.ts', '../api/gather-dependencies.ts', '../workers/watch-activities.ts'];
  expect(await loaded(...without, './follow-calls.ts', './encrypt-payloads.ts')).toEqual([]);
  expect(await loaded('./trace.ts')).not.toEqual([]);
}, 60_000);
