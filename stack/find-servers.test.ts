import { chmod, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildOnce } from './build-once.ts';
import { findMongo } from './find-mongo.ts';
import { findTemporal } from './find-temporal.ts';
import { runCommand } from './run-command.ts';
import { cacheFolder, surroundings } from './surroundings.ts';

let folder: string;
let said: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deskferry-find-'));
  said = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const around = (env: NodeJS.ProcessEnv) =>
  surroundings({
    env: { DESKFERRY_CACHE: join(folder, 'cache'), PATH: join(folder, 'bin'), ...env },
    say: (line) => said.push(line),
  });

/** Puts a script that stands for a tool on the fake PATH. */
async function tool(name: string, script = ''): Promise<string> {
  const path = join(folder, 'bin', name);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(
    path,
    `#!/bin/sh\nPATH=/usr/bin:/bin\necho "$@" >> '${join(folder, 'calls')}'\n${script}\n`,
  );
  await chmod(path, 0o755);
  return path;
}

const calls = () => readFile(join(folder, 'calls'), 'utf8').catch(() => '');

describe('Temporal', () => {
  const go = 'mkdir -p "$GOBIN"; printf "#!/bin/sh\\n" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"';

  test('an address in the environment comes first', async () => {
    await tool('temporal');
    const found = await findTemporal(around({ TEMPORAL_ADDRESS: 'there:7233' }), null);
    expect(found).toEqual({ kind: 'address', address: 'there:7233' });
  });

  test('then the binary on the PATH, then the cache, then the build, which happens once', async () => {
    await tool('go', go);
    const cached = join(folder, 'cache', 'temporal-1.5.1', 'temporal');
    expect(await findTemporal(around({}), null)).toEqual({ kind: 'binary', path: cached });
    expect(await calls()).toBe('install github.com/temporalio/cli/cmd/temporal@v1.5.1\n');
    expect(said.join('\n')).toMatch(/building the Temporal server once, about 3 minutes/);
    expect(await findTemporal(around({}), null)).toEqual({ kind: 'binary', path: cached });
    expect((await calls()).split('\n')).toHaveLength(2);
    const onPath = await tool('temporal');
    expect(await findTemporal(around({}), null)).toEqual({ kind: 'binary', path: onPath });
    expect(await readdir(join(folder, 'cache'))).toEqual(['temporal-1.5.1']);
  });

  test('without Go it says what can be done', async () => {
    await expect(findTemporal(around({}), null)).rejects.toMatchObject({
      code: 'TOOLS_MISSING',
      message: expect.stringMatching(/TEMPORAL_ADDRESS/) as string,
    });
  });

  test('a failed build says why, and leaves nothing that looks built', async () => {
    await tool('go', 'echo no space left >&2; exit 1');
    await expect(findTemporal(around({}), null)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(/no space left/) as string,
    });
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  describe('official download', () => {
    let site: Server;
    let archive: string;
    let answer: Buffer | 'silence' | 'refusal';
    beforeEach(async () => {
      await mkdir(join(folder, 'packed'));
      await writeFile(join(folder, 'packed', 'temporal'), '#!/bin/sh\necho downloaded\n', { mode: 0o755 });
      await writeFile(join(folder, 'packed', 'LICENSE'), 'x');
      await runCommand(
        'tar',
        ['-czf', join(folder, 'a.tgz'), '-C', join(folder, 'packed'), 'temporal', 'LICENSE'],
        {
          env: process.env,
        },
      );
      site = createServer((_request, response) => {
        if (answer === 'silence') return;
        if (answer === 'refusal') response.writeHead(404);
        response.end(answer);
      });
      await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
      const address = site.address();
      archive = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/cli`;
    });
    afterEach(() => {
      site.closeAllConnections();
      site.close();
    });
    const withTools = (env: NodeJS.ProcessEnv = {}) =>
      around({ PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, ...env });

    test('comes before the build', async () => {
      await tool('go', go);
      answer = await readFile(join(folder, 'a.tgz'));
      const found = await findTemporal(withTools(), archive);
      if (found.kind !== 'binary') throw new Error('no binary');
      expect(await runCommand(found.path, [], { env: {} })).toBe('downloaded\n');
      expect(await calls()).toBe('');
    });

    test.each(['refusal', 'silence', 'rubbish'])('falls through quietly on %s', async (kind) => {
      await tool('go', go);
      answer = kind === 'rubbish' ? Buffer.from('rubbish') : (kind as 'refusal' | 'silence');
      const started = Date.now();
      await findTemporal(withTools(), archive);
      expect(Date.now() - started).toBeLessThan(30_000);
      expect(await calls()).toMatch(/install/);
      expect(said.every((line) => /build|built/.test(line))).toBe(true);
    });

    test('is left out when downloads are off', async () => {
      await tool('go', go);
      answer = await readFile(join(folder, 'a.tgz'));
      await findTemporal(withTools({ DESKFERRY_DOWNLOADS: 'off' }), archive);
      expect(await calls()).toMatch(/install/);
    });
  });
});

describe('MongoDB', () => {
  const never = async () => null;
  const tools = async () => {
    const java = await tool('java');
    await tool('javac');
    await tool('mvn');
    return java;
  };

  test('an address in the environment comes first, then mongod on the PATH', async () => {
    await tools();
    const mongod = await tool('mongod');
    const env = { MONGODB_URI: 'mongodb://there' };
    expect(await findMongo(around(env), null, never)).toEqual({ kind: 'address', uri: 'mongodb://there' });
    expect(await findMongo(around({}), null, never)).toEqual({ kind: 'mongod', path: mongod });
    expect(await findMongo(around({}), 'embedded', never)).toMatchObject({ kind: 'embedded' });
  });

  test('then the cached embedded server, then a download that was chosen, then the build, which happens once', async () => {
    const java = await tools();
    const downloaded = async (to: string) => join(to, 'mongod');
    expect(await findMongo(around({}), null, downloaded)).toEqual({
      kind: 'mongod',
      path: join(folder, 'cache', 'mongod', 'mongod'),
    });
    expect(await findMongo(around({ DESKFERRY_DOWNLOADS: 'off' }), null, downloaded)).toMatchObject({
      kind: 'embedded',
      java,
    });
    const built = await calls();
    expect(built).toMatch(/dependency:copy-dependencies/);
    expect(built).toMatch(/EmbeddedMongo\.java/);
    expect(await findMongo(around({}), null, downloaded)).toMatchObject({ kind: 'embedded' });
    expect(await calls()).toBe(built);
  });

  test('a failing download is passed over quietly', async () => {
    await tools();
    const failing = () => Promise.reject(new Error('no network'));
    expect(await findMongo(around({}), null, failing)).toMatchObject({ kind: 'embedded' });
  });

  test('data of mongod is not handed to the embedded server', async () => {
    await tools();
    await expect(findMongo(around({}), 'mongod', never)).rejects.toMatchObject({
      code: 'OTHER_SERVERS_DATA',
    });
  });

  test('without Java it says what is needed', async () => {
    await expect(findMongo(around({}), null, never)).rejects.toMatchObject({
      code: 'TOOLS_MISSING',
      message: expect.stringMatching(/MONGODB_URI.*java/) as string,
    });
  });
});

describe('building once', () => {
  test('of several at the same time one builds, and the others wait for it', async () => {
    let builds = 0;
    let waiting = 0;
    const target = join(folder, 'thing');
    const one = () =>
      buildOnce(
        target,
        async (temporary) => {
          builds++;
          await pause(300);
          await writeFile(join(temporary, 'content'), 'whole');
        },
        () => waiting++,
      );
    await Promise.all([one(), one(), one()]);
    expect([builds, waiting]).toEqual([1, 2]);
    expect(await readFile(join(target, 'content'), 'utf8')).toBe('whole');
    expect(await readdir(folder)).toEqual(['thing']);
  });

  test('the lock and the leftovers of a dead builder stop nobody', async () => {
    const target = join(folder, 'thing');
    await writeFile(`${target}.lock`, '999999999 dead');
    await mkdir(`${target}.making-dead`);
    await buildOnce(target, async () => {});
    expect(await readdir(folder)).toEqual(['thing']);
    const silent = join(folder, 'other');
    await writeFile(`${silent}.lock`, `${process.pid} somewhere else`);
    await utimes(`${silent}.lock`, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
    await buildOnce(silent, async () => {});
    expect(await readdir(folder)).toEqual(['other', 'thing']);
  });
});

test('the cache is DESKFERRY_CACHE, else in the XDG cache folder, else in ~/.cache', () => {
  expect(cacheFolder({ DESKFERRY_CACHE: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/c');
  expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/deskferry');
  expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/deskferry');
});
