import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, onFreePorts } from './free-port.ts';
import { javaLibraries, requireTool } from './java-libraries.ts';
import { startServer } from './server-process.ts';
import { type Surroundings, surroundings } from './surroundings.ts';

const POM = join(import.meta.dirname, 's3-server', 'pom.xml');
const NAME = 'the S3 server';

/** A server that speaks S3, for tests. */
export interface S3Server {
  /** `http://127.0.0.1:<port>`; buckets are asked for by path */
  endpoint: string;
  port: number;
  credentials: { accessKeyId: string; secretAccessKey: string };
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Fetches the S3 server once. Throws TOOLS_MISSING without Java and Maven, BUILD_FAILED when it cannot be fetched. */
export async function ensureS3Server(given: Partial<Surroundings> = {}): Promise<string> {
  const { folder } = await javaLibraries(POM, NAME, surroundings(given));
  return folder;
}

/**
 * Starts S3Proxy over the folder `<dataFolder>/s3`, with these buckets in it. It checks signatures, not checksums.
 * Throws StackError.
 */
export async function startS3(
  options: { dataFolder: string; buckets: readonly string[]; port?: number } & Partial<Surroundings>,
): Promise<S3Server> {
  const around = surroundings(options);
  const jars = await ensureS3Server(options);
  const java = await requireTool('java', NAME, around.env);
  const folder = join(options.dataFolder, 's3');
  for (const bucket of options.buckets) await mkdir(join(folder, 'buckets', bucket), { recursive: true });
  const credentials = { accessKeyId: 'deskferry', secretAccessKey: 'known to the tests alone' };
  return onFreePorts([options.port], async () => {
    const port = options.port ?? (await freePort());
    const endpoint = `http://127.0.0.1:${port}`;
    const properties = join(folder, 's3proxy.properties');
    await writeFile(
      properties,
      [
        `s3proxy.endpoint=${endpoint}`,
        's3proxy.authorization=aws-v4',
        `s3proxy.identity=${credentials.accessKeyId}`,
        `s3proxy.credential=${credentials.secretAccessKey}`,
        // x-amz-checksum-*: it does not know them
        's3proxy.ignore-unknown-headers=true',
        'jclouds.provider=filesystem-nio2',
        `jclouds.filesystem.basedir=${join(folder, 'buckets')}`,
        '',
      ].join('\n'),
    );
    const running = await startServer({
      name: NAME,
      command: java,
      args: [
        '-Xmx256m',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        join(jars, '*'),
        'org.gaul.s3proxy.Main',
        '--properties',
        properties,
      ],
      env: around.env,
      logFile: join(folder, 's3proxy.log'),
      healthy: async () => {
        // an answer is enough: it refuses whoever does not sign
        await fetch(endpoint, { signal: AbortSignal.timeout(1_000) });
      },
    });
    return { endpoint, port, credentials, stop: () => running.stop(), kill: () => running.kill() };
  });
}
