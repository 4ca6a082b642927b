import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce } from './build-once.ts';
import { javaLibraries, requireTool } from './java-libraries.ts';
import { cacheFolder, type Surroundings, surroundings } from './surroundings.ts';

const POM = join(import.meta.dirname, 'test-server', 'pom.xml');
const NAME = 'the time-skipping test server';

/**
 * Gives the path of a script that starts Temporal's time-skipping test server, fetching it once. For
 * `TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } })`;
 * search attributes are made there with `registerSearchAttributes`. That server has no schedules.
 * Throws TOOLS_MISSING without Java and Maven, BUILD_FAILED when it cannot be fetched.
 */
export async function ensureTestServer(given: Partial<Surroundings> = {}): Promise<string> {
  const around = surroundings(given);
  const jars = await javaLibraries(POM, NAME, around);
  const folder = join(cacheFolder(around.env), `test-server-${jars.hash}`);
  const script = 'temporal-test-server';
  await buildOnce(folder, async (temporary) => {
    const java = await requireTool('java', NAME, around.env);
    const path = join(temporary, script);
    await writeFile(
      path,
      `#!/bin/sh\nexec '${java}' -XX:TieredStopAtLevel=1 -cp '${jars.folder}/*' io.temporal.testserver.TestServer "$@"\n`,
    );
    await chmod(path, 0o755);
  });
  return join(folder, script);
}
