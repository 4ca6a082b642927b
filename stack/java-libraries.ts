import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { buildOnce } from './build-once.ts';
import { StackError } from './errors.ts';
import { runCommand } from './run-command.ts';
import { cacheFolder, findOnPath, type Surroundings } from './surroundings.ts';

/**
 * Gives the folder of jars that `pom` (a path to a pom.xml) names, fetching them by Maven once; a changed pom has a
 * folder of its own. `what` names the server in messages.
 * Throws TOOLS_MISSING without Maven, BUILD_FAILED when Maven cannot get them.
 */
export async function javaLibraries(
  pom: string,
  what: string,
  { env, say }: Surroundings,
): Promise<{ folder: string; hash: string }> {
  const content = await readFile(pom);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const folder = join(cacheFolder(env), `jars-${hash}`);
  await buildOnce(
    folder,
    async (temporary) => {
      const maven = await requireTool('mvn', what, env);
      say(`fetching the libraries of ${what} once, less than a minute`);
      await runCommand(
        maven,
        [
          '-q',
          '-B',
          '-f',
          pom,
          'dependency:copy-dependencies',
          '-DincludeScope=runtime',
          `-DoutputDirectory=${temporary}`,
        ],
        { env },
      );
    },
    () => say(`another process is fetching the libraries of ${what}; waiting for it`),
  );
  return { folder, hash };
}

/** The path of a Java tool (`java`, `javac`, `mvn`): in JAVA_HOME, else on the PATH. Throws TOOLS_MISSING. */
export async function requireTool(
  tool: 'java' | 'javac' | 'mvn',
  what: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const home = env['JAVA_HOME'];
  const search = home ? { ...env, PATH: `${join(home, 'bin')}${delimiter}${env['PATH'] ?? ''}` } : env;
  const path = await findOnPath(tool, search);
  if (path === null) {
    throw new StackError('TOOLS_MISSING', `${what} needs ${tool} (a JDK of version 17 or later, and Maven)`);
  }
  return path;
}
