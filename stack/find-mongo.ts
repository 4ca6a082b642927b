import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce } from './build-once.ts';
import { StackError } from './errors.ts';
import { javaLibraries, requireTool } from './java-libraries.ts';
import { runCommand } from './run-command.ts';
import { cacheFolder, findOnPath, type Surroundings } from './surroundings.ts';

const FOLDER = join(import.meta.dirname, 'embedded-mongo');
const NAME = 'the embedded MongoDB';

/** Where MongoDB is: a server that runs already, MongoDB's own binary, or the embedded server's classes. */
export type FoundMongo =
  | { kind: 'address'; uri: string }
  | { kind: 'mongod'; path: string }
  | { kind: 'embedded'; java: string; classPath: string };

/** Gives the path of a downloaded `mongod`, or null when this installation does not download one. */
export type MongodDownload = (downloadFolder: string) => Promise<string | null>;

/**
 * Finds MongoDB, in this order: the address in MONGODB_URI -> `mongod` on the PATH -> the cached embedded server -> the
 * official download, when the optional package `mongodb-memory-server-core` is installed (it knows which build fits
 * which system; passed over quietly when it fails or DESKFERRY_DOWNLOADS is `off`) -> the embedded server, built with
 * Maven and javac (under a minute, once for each version of its sources).
 * `only` names the kind of server whose files are in the data folder already: another kind cannot read them.
 * Throws TOOLS_MISSING when nothing is found and there is no Java, BUILD_FAILED when the build fails.
 */
export async function findMongo(
  around: Surroundings,
  only: 'mongod' | 'embedded' | null = null,
  downloadMongod: MongodDownload = withMemoryServer,
): Promise<FoundMongo> {
  const { env, say } = around;
  const uri = env['MONGODB_URI'];
  if (uri) return { kind: 'address', uri };

  if (only !== 'embedded') {
    const onPath = await findOnPath('mongod', env);
    if (onPath !== null) return { kind: 'mongod', path: onPath };
  }
  const classes = join(cacheFolder(env), `embedded-mongo-${await sourceHash()}`);
  const cached = await readdir(classes).then(
    () => true,
    () => false,
  );
  if (only !== 'embedded' && !cached && env['DESKFERRY_DOWNLOADS'] !== 'off') {
    const downloaded = await downloadMongod(join(cacheFolder(env), 'mongod')).catch(() => null);
    if (downloaded !== null) return { kind: 'mongod', path: downloaded };
  }
  if (only === 'mongod') {
    throw new StackError(
      'OTHER_SERVERS_DATA',
      'the data folder was written by mongod, and there is no mongod now: put it on the PATH or use another data folder',
    );
  }

  const java = await requireTool('java', `MONGODB_URI and mongod are missing, and ${NAME}`, env);
  const jars = await javaLibraries(join(FOLDER, 'pom.xml'), NAME, around);
  await buildOnce(
    classes,
    async (temporary) => {
      const javac = await requireTool('javac', NAME, env);
      say(`compiling ${NAME}`);
      await runCommand(
        javac,
        ['-nowarn', '--release', '17', '-cp', join(jars.folder, '*'), '-d', temporary, ...(await sources())],
        { env },
      );
    },
    () => say(`another process is compiling ${NAME}; waiting for it`),
  );
  const separator = process.platform === 'win32' ? ';' : ':';
  return { kind: 'embedded', java, classPath: `${classes}${separator}${join(jars.folder, '*')}` };
}

async function sources(): Promise<string[]> {
  const entries = await readdir(join(FOLDER, 'src'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.java'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [join(FOLDER, 'pom.xml'), ...(await sources())]) {
    hash
      .update(file.slice(FOLDER.length))
      .update('\0')
      .update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

interface MemoryServerModule {
  MongoBinary: { getPath(options: { downloadDir: string }): Promise<string> };
}

async function withMemoryServer(downloadFolder: string): Promise<string | null> {
  // Not a dependency: who installs it has chosen to download MongoDB's own server.
  const name: string = 'mongodb-memory-server-core';
  const module = (await import(name)) as MemoryServerModule;
  return module.MongoBinary.getPath({ downloadDir: downloadFolder });
}
