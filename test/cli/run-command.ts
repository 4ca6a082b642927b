import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const COMMAND = join(import.meta.dirname, '../../cli/deskferry.ts');

/** How the command ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcessWithoutNullStreams;
  ended: Promise<Ended>;
}

/** Starts the command as a user does. @param settings folder of this user's settings */
export function startCommand(
  settings: string,
  args: readonly string[],
  options: { input?: string; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Started {
  const { input = '', cwd, env = {} } = options;
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { ...process.env, XDG_CONFIG_HOME: settings, APPDATA: settings, TZ: 'Asia/Tokyo', ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const told = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (told[name] += text));
  }
  child.stdin.end(input);
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, ...told }));
  return { child, ended };
}
