import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What an import worker is started with (docs/operations.md, Memory and disk). */
export const IMPORT_WORKER_MEMORY = ['--max-old-space-size=300', '--max-semi-space-size=16'];

/**
 * Runs a file of this folder in a process of its own and gives the JSON of its last line.
 * @throws Error when it ends otherwise than with 0
 */
export async function runFile<T>(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<T> {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [...nodeOptions, file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const printed = await text(child.stdout);
  const code = await ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return JSON.parse(printed.trimEnd().split('\n').at(-1) ?? '') as T;
}
