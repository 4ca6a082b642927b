import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { remedyOf } from './end-on-fault.ts';

const ROOT = join(import.meta.dirname, '..');
const COMPLETE = {
  PORT: '1',
  MONGODB_URI: 'mongodb://team:sesame@127.0.0.1:1',
  SMTP_URL: 'smtp://localhost:1025',
  MAIL_FROM: 'deskferry@example.com',
  TEAM_MAIL: 'team@example.com',
  SUPPORT_ADDRESS: 'support@example.com',
  PUBLIC_URL: 'http://localhost:8080/',
  STORAGE_FOLDER: '/nowhere',
  DESKFERRY_SECRET: 'a-secret-of-thirty-two-characters',
};

/** How a process of the service ends that is started with these settings. */
async function ended(file: string, environment: Record<string, string>) {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [file], { cwd: ROOT, env: { PATH, ...COMPLETE, ...environment } });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

describe.concurrent('a process that cannot start', () => {
  test.each(['api/serve.ts', 'workers/run.ts'])(
    '%s says in one line of its log that MongoDB does not answer, without its password',
    async (file) => {
      const { code, stdout, stderr } = await ended(file, {});
      expect([code, stderr]).toEqual([1, '']);
      expect(JSON.parse(stdout)).toMatchObject({
        level: 60,
        error: 'MongoServerSelectionError',
        msg: 'MongoDB does not answer: is it running, and does MONGODB_URI name it?',
      });
      expect(stdout).not.toContain('sesame');
    },
    60_000,
  );

  test('F4: an address that cannot be read is not repeated', async () => {
    const { code, stdout, stderr } = await ended('api/serve.ts', {
      MONGODB_URI: 'mongodb://u:se%same@127.0.0.1:1',
    });
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({ level: 60, msg: 'MONGODB_URI cannot be read as an address' });
    expect(stdout).not.toContain('same');
  }, 60_000);

  test.each(['api/serve.ts', 'workers/run.ts'])(
    '%s tells all settings at once',
    async (file) => {
      const { code, stderr } = await ended(file, {
        MONGODB_URI: '',
        PORT: 'x',
        SMTP_LISTEN_TLS_KEY: '/nowhere',
      });
      expect([code, stderr.trimEnd().split('\n').slice(1)]).toEqual([
        2,
        [
          '  PORT: is not a port (1 to 65535)',
          '  MONGODB_URI: is not set',
          '  SMTP_LISTEN_TLS_CERT: is not set, but SMTP_LISTEN_TLS_KEY is',
        ],
      ]);
    },
    60_000,
  );
});

describe('what can be done about a fault', () => {
  test('is told of ports, of Temporal and of files, by the settings that name them', async () => {
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const [fault] = (await once(createServer().listen(port), 'error')) as [Error];
    taken.close();
    expect(remedyOf(fault)).toContain(`port ${port} is taken`);
    const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
    expect(remedyOf(named('TransportError', 'tonic::transport::Error(Transport, ...)'))).toContain(
      'TEMPORAL_ADDRESS',
    );
    expect(remedyOf(named('TransportError', 'Namespace nope was not found or otherwise'))).toContain(
      'TEMPORAL_NAMESPACE',
    );
    expect(remedyOf(Object.assign(new Error('x'), { code: 'ENOENT', path: '/key.pem' }))).toContain(
      '/key.pem',
    );
    expect(remedyOf(new TypeError('x is not a function'))).toBeNull();
  });
});
