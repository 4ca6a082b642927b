import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What the finder looks at: the environment, and where it tells its progress (one line each, no line end). */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

/** Fills in this process's own environment and a silent `say`. */
export function surroundings(given: Partial<Surroundings> = {}): Surroundings {
  return { env: given.env ?? process.env, say: given.say ?? (() => {}) };
}

/** The folder that keeps built and downloaded servers: `$DESKFERRY_CACHE`, else `deskferry` in the user's cache. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env['DESKFERRY_CACHE']) return env['DESKFERRY_CACHE'];
  const home = env['HOME'] || homedir();
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'deskferry');
}

/** The full path of the first executable file called `name` on the PATH, or null. */
export async function findOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const names = process.platform === 'win32' ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const candidate of names) {
      const path = join(folder, candidate);
      if (await isExecutable(path)) return path;
    }
  }
  return null;
}

/** Whether `path` is a file this user may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
