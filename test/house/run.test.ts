import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from './tracked-files.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'deskferry-run-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function start(name: string, text: string, ...args: string[]) {
  const file = path.join(folder, name);
  await writeFile(file, text);
  const child = spawn(process.execPath, [path.join(root, 'scripts/run.mjs'), file, ...args]);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return {
    child,
    output: () => output,
    ended: once(child, 'close') as Promise<[number | null, string | null]>,
  };
}

describe('scripts/run.mjs', () => {
  test('runs TypeScript on Node 24 or later with the arguments given, and ends with its exit code', async () => {
    const text =
      'const args: string[] = process.argv.slice(2); console.log(process.versions.node, ...args); process.exitCode = 7;';
    const { ended, output } = await start('exit.ts', text, 'one', '--two');
    expect(await ended).toEqual([7, null]);
    const [version, ...args] = output().trim().split(' ');
    expect(Number.parseInt(version ?? '', 10)).toBeGreaterThanOrEqual(24);
    expect(args).toEqual(['one', '--two']);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('hands %s on, and ends as what it ran ended', async (signal) => {
    const text = `process.on('${signal}', () => process.exit(3)); setInterval(() => {}, 1000); console.log('up');`;
    const { child, ended } = await start('signal.mjs', text);
    await once(child.stdout, 'data');
    child.kill(signal);
    expect(await ended).toEqual([3, null]);
  });

  test('ends what it runs when the shell that started it is gone', async () => {
    const file = path.join(folder, 'orphan.mjs');
    const text =
      "process.on('SIGTERM', () => { console.log('ended'); process.exit(); }); setInterval(() => {}, 1000);";
    await writeFile(file, `${text} console.log('up');`);
    // as npm starts a script: a shell that waits, and dies of SIGTERM
    const command = `"${process.execPath}" "${path.join(root, 'scripts/run.mjs')}" "${file}"; true`;
    const shell = spawn('sh', ['-c', command]);
    const lines: string[] = [];
    shell.stdout.setEncoding('utf8').on('data', (line: string) => lines.push(line.trim()));
    await once(shell.stdout, 'data');
    shell.kill('SIGTERM');
    // the output closes when the last process that holds it has ended
    await once(shell, 'close');
    expect(lines).toEqual(['up', 'ended']);
  });
});
