import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce } from './build-once.ts';
import { download } from './download.ts';
import { StackError } from './errors.ts';
import { runCommand } from './run-command.ts';
import { cacheFolder, findOnPath, isExecutable, type Surroundings } from './surroundings.ts';

// The last version that `go install` accepts: later ones carry a `replace` in their go.mod.
const VERSION = '1.5.1';
const ANSWER_WITHIN_MS = 4_000;
const WHOLE_WITHIN_MS = 300_000;

/** Where Temporal is: a server that runs already, or a binary that can start one. */
export type FoundTemporal = { kind: 'address'; address: string } | { kind: 'binary'; path: string };

/**
 * Finds Temporal, in this order: the address in TEMPORAL_ADDRESS -> `temporal` on the PATH -> the cache -> the official
 * download of the CLI -> built with Go (about 3 minutes, once, 250 MB). The download is left out when
 * DESKFERRY_DOWNLOADS is `off`, and passed over quietly when it does not answer.
 * Throws TOOLS_MISSING when nothing is found and there is no Go, BUILD_FAILED when the build fails.
 */
export async function findTemporal(
  { env, say }: Surroundings,
  archive: string | null = officialArchive(),
): Promise<FoundTemporal> {
  const address = env['TEMPORAL_ADDRESS'];
  if (address) return { kind: 'address', address };
  const onPath = await findOnPath('temporal', env);
  if (onPath !== null) return { kind: 'binary', path: onPath };

  const folder = join(cacheFolder(env), `temporal-${VERSION}`);
  const binary = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  await buildOnce(
    folder,
    async (temporary) => {
      if (archive !== null && env['DESKFERRY_DOWNLOADS'] !== 'off') {
        if (await downloadCli(archive, temporary, binary, env)) return;
      }
      await buildCli(temporary, { env, say });
    },
    () => say('another process is getting the Temporal server; waiting for it'),
  );
  return { kind: 'binary', path: join(folder, binary) };
}

function officialArchive(): string | null {
  const platforms: Partial<Record<NodeJS.Platform, string>> = {
    linux: 'linux',
    darwin: 'darwin',
    win32: 'windows',
  };
  const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
  const platform = platforms[process.platform];
  const architecture = architectures[process.arch];
  if (platform === undefined || architecture === undefined) return null;
  return `https://temporal.download/cli/archive/v${VERSION}?platform=${platform}&arch=${architecture}`;
}

async function downloadCli(
  archive: string,
  folder: string,
  binary: string,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  const packed = join(folder, 'archive');
  const path = join(folder, binary);
  try {
    await download(archive, packed, { answerWithinMs: ANSWER_WITHIN_MS, wholeWithinMs: WHOLE_WITHIN_MS });
    await runCommand('tar', ['-xf', packed, '-C', folder, binary], { env });
    await rm(packed);
    await chmod(path, 0o755);
    await runCommand(path, ['--version'], { env });
    return true;
  } catch {
    await Promise.all([rm(packed, { force: true }), rm(path, { force: true })]);
    return false;
  }
}

async function buildCli(folder: string, { env, say }: Surroundings): Promise<void> {
  const go = await findOnPath('go', env);
  if (go === null) {
    throw new StackError(
      'TOOLS_MISSING',
      'no Temporal server: set TEMPORAL_ADDRESS, put `temporal` on the PATH, or install Go so that it can be built',
    );
  }
  say('building the Temporal server once, about 3 minutes');
  const started = Date.now();
  const progress = setInterval(() => {
    say(`building the Temporal server: ${Math.round((Date.now() - started) / 1000)} s so far`);
  }, 30_000);
  const bin = join(folder, 'bin');
  try {
    await runCommand(go, ['install', `github.com/temporalio/cli/cmd/temporal@v${VERSION}`], {
      env: { ...env, GOBIN: bin },
      cwd: folder,
    });
  } finally {
    clearInterval(progress);
  }
  const built = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  await rename(join(bin, built), join(folder, built));
  await rm(bin, { recursive: true });
  if (!(await isExecutable(join(folder, built)))) {
    throw new StackError('BUILD_FAILED', 'go install made no temporal binary');
  }
  say(`the Temporal server is built (${Math.round((Date.now() - started) / 1000)} s)`);
}
