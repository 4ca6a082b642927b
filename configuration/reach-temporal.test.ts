import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfiguration } from './read-configuration.ts';
import { startTemporal } from '../stack/stack.ts';
import { reachTemporal } from './reach-temporal.ts';

const certificate = (name: string): string =>
  join(import.meta.dirname, '../test/certificates', `${name}.pem`);
const TLS = {
  TEMPORAL_TLS_CA: certificate('ca'),
  TEMPORAL_TLS_CERT: certificate('client'),
  TEMPORAL_TLS_KEY: certificate('client-key'),
  TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
};

describe('a Temporal behind TLS that wants to see a certificate', () => {
  let folder: string;
  let temporal: Awaited<ReturnType<typeof startTemporal>>;
  /** speaks TLS, and passes on to it */
  let front: Server;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deskferry-tls-'));
    temporal = await startTemporal({ dataFolder: folder });
    const [ca, cert, key] = await Promise.all(
      ['ca', 'server', 'server-key'].map((name) => readFile(certificate(name))),
    );
    const port = Number(temporal.address.split(':')[1]);
    front = createServer(
      { ca, cert, key, requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] },
      (socket) => {
        const onwards = connect(port, '127.0.0.1');
        for (const end of [socket, onwards])
          end.on('error', () => [socket, onwards].map((each) => each.destroy()));
        socket.pipe(onwards).pipe(socket);
      },
    );
    // a handshake that fails is what some tests are about
    front.on('tlsClientError', () => {});
    await once(front.listen(0, '127.0.0.1'), 'listening');
  }, 120_000);
  afterAll(async () => {
    front?.close();
    await temporal?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  /** How client and worker reach it with these settings. */
  function reached(environment: Record<string, string>) {
    const { temporal: settings } = readConfiguration({
      MONGODB_URI: 'mongodb://localhost',
      SMTP_URL: 'smtp://localhost',
      MAIL_FROM: 'a@example.com',
      TEAM_MAIL: 'a@example.com',
      SUPPORT_ADDRESS: 'a@example.com',
      PUBLIC_URL: 'http://localhost',
      STORAGE_FOLDER: folder,
      DESKFERRY_SECRET: 'a-secret-of-thirty-two-characters',
      TEMPORAL_ADDRESS: `127.0.0.1:${(front.address() as AddressInfo).port}`,
      ...environment,
    });
    return reachTemporal(settings);
  }

  async function clientAndWorker(environment: Record<string, string>): Promise<string[]> {
    const options = reached(environment);
    const tries = [
      () => Connection.connect({ ...options, connectTimeout: '3s' }),
      () => NativeConnection.connect(options),
    ];
    return Promise.all(
      tries.map(async (open) => {
        try {
          const connection = await open();
          const { namespaceInfo } = await connection.workflowService.describeNamespace({
            namespace: 'default',
          });
          await connection.close();
          return namespaceInfo?.name ?? '';
        } catch {
          return 'refused';
        }
      }),
    );
  }

  test('is reached with its authority, a certificate and its name', async () => {
    expect(await clientAndWorker(TLS)).toEqual(['default', 'default']);
  }, 30_000);

  test('is not reached without one of them', async () => {
    const without = (...missing: string[]): Record<string, string> =>
      Object.fromEntries(Object.entries(TLS).filter(([name]) => !missing.includes(name)));
    const told = await Promise.all([
      clientAndWorker(without('TEMPORAL_TLS_CA')),
      clientAndWorker(without('TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY')),
      clientAndWorker(without('TEMPORAL_TLS_SERVER_NAME')),
    ]);
    expect(told).toEqual(told.map(() => ['refused', 'refused']));
  }, 30_000);

  test('a Temporal without TLS is reached with a key, where TLS is switched off', async () => {
    const plain = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'false' };
    expect(await clientAndWorker(plain)).toEqual(['default', 'default']);
  }, 30_000);
});
