import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, readConfiguration, readDuration, readShare } from './read-configuration.ts';

const COMPLETE = {
  MONGODB_URI: 'mongodb://localhost:27017',
  SMTP_URL: 'smtp://localhost:1025',
  MAIL_FROM: 'Deskferry <deskferry@example.com>',
  TEAM_MAIL: 'team@example.com',
  SUPPORT_ADDRESS: 'support@example.com',
  PUBLIC_URL: 'http://localhost:8080/',
  STORAGE_FOLDER: '/var/lib/deskferry',
  DESKFERRY_SECRET: 'a-secret-of-thirty-two-characters',
};

function faults(environment: Record<string, string>): readonly { variable: string; fault: string }[] {
  try {
    readConfiguration(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('needs the addresses and the folder; everything else has a default', () => {
    expect(readConfiguration(COMPLETE)).toEqual({
      port: 8080,
      temporal: {
        address: 'localhost:7233',
        namespace: 'default',
        apiKey: null,
        tls: null,
        encryption: false,
      },
      mongodb: { uri: 'mongodb://localhost:27017', database: 'deskferry' },
      mail: {
        smtpUrl: 'smtp://localhost:1025',
        from: 'Deskferry <deskferry@example.com>',
        team: 'team@example.com',
      },
      replies: null,
      supportAddress: 'support@example.com',
      publicUrl: 'http://localhost:8080',
      storageFolder: '/var/lib/deskferry',
      bucket: null,
      localCopies: 10_000_000_000,
      sourceHosts: [],
      replyWindowMs: 1_209_600_000,
      retentionMs: 2_592_000_000,
      concurrentTurns: 1,
      failureShare: 0.05,
      secret: 'a-secret-of-thirty-two-characters',
      encryptionKeys: [],
      callsPerMinute: 1_200,
      corsOrigins: [],
      temporalUiOrigins: [],
      trustProxy: 0,
      oidc: null,
      largestAttachment: 10_000_000,
      limits: { files: 5, fileBytes: 2_000_000_000, totalBytes: 10_000_000_000 },
      metrics: null,
      traces: null,
      logLevel: 'info',
    });
  });

  it('tells every fault at once, with the variable and without its value', () => {
    const told = faults({
      ...COMPLETE,
      PORT: 'eighty',
      PUBLIC_URL: 'ftp://secret.example.com',
      MAIL_FROM: ' ',
      DESKFERRY_REPLY_WINDOW: '14',
      LOG_LEVEL: 'loud',
    });
    expect(told.map((fault) => fault.variable).toSorted()).toEqual([
      'DESKFERRY_REPLY_WINDOW',
      'LOG_LEVEL',
      'MAIL_FROM',
      'PORT',
      'PUBLIC_URL',
    ]);
    expect(told.find((fault) => fault.variable === 'MAIL_FROM')?.fault).toBe('is not set');
    expect(JSON.stringify(told)).not.toContain('secret.example.com');
  });

  it('E1: reads the reply window as a length of time', () => {
    expect(['30s', '10m', '36h', '14d', '500ms', '1.5h'].map(readDuration)).toEqual([
      30_000, 600_000, 129_600_000, 1_209_600_000, 500, 5_400_000,
    ]);
    expect(['', '14', '0s', '-1d', '1w', 'd'].map(readDuration)).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(readConfiguration({ ...COMPLETE, DESKFERRY_REPLY_WINDOW: '30s' }).replyWindowMs).toBe(30_000);
  });

  it('C5: reads the share of failed records as a fraction or as a percentage', () => {
    expect(['0.05', '5%', '0', '100%', '1'].map(readShare)).toEqual([0.05, 0.05, 0, 1, 1]);
    expect(['5', '101%', '-1%', 'all'].map(readShare)).toEqual([null, null, null, null]);
  });

  it('sends a Temporal key over TLS only, unless told otherwise', () => {
    const tls = (environment: Record<string, string>) =>
      readConfiguration({ ...COMPLETE, ...environment }).temporal.tls;
    expect(tls({ TEMPORAL_API_KEY: 'k' })).toEqual({});
    expect(tls({ TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'false' })).toBeNull();
    expect(tls({ TEMPORAL_TLS_SERVER_NAME: 'temporal.internal' })).toEqual({
      serverNameOverride: 'temporal.internal',
    });
    const wrong = {
      TEMPORAL_TLS: 'false',
      TEMPORAL_TLS_CA: '/nowhere/ca.pem',
      TEMPORAL_TLS_SERVER_NAME: 'x',
    };
    expect(faults({ ...COMPLETE, ...wrong }).map(({ variable, fault }) => `${variable} ${fault}`)).toEqual([
      'TEMPORAL_TLS_CA names no PEM file that can be read',
      'TEMPORAL_TLS_CA is set, but TEMPORAL_TLS is false',
      'TEMPORAL_TLS_SERVER_NAME is set, but TEMPORAL_TLS is false',
    ]);
  });

  it('encrypts what Temporal keeps when there is a key, unless told otherwise', () => {
    const DESKFERRY_ENCRYPTION_KEYS = `2026:${randomBytes(32).toString('base64')}`;
    const read = (environment: Record<string, string>) =>
      readConfiguration({ ...COMPLETE, ...environment }).temporal.encryption;
    expect(read({ DESKFERRY_ENCRYPTION_KEYS })).toBe(true);
    expect(read({ DESKFERRY_ENCRYPTION_KEYS, TEMPORAL_ENCRYPTION: 'false' })).toBe(false);
    expect(faults({ ...COMPLETE, TEMPORAL_ENCRYPTION: 'true' })).toHaveLength(1);
  });

  it('refuses half of what says something only as a whole', () => {
    const told = (environment: Record<string, string>) =>
      faults({ ...COMPLETE, ...environment }).map(({ variable, fault }) => `${variable} ${fault}`);
    expect(told({ REPLY_ADDRESS: 'replies@example.com' })).toEqual([
      'REPLY_ADDRESS is set, but neither SMTP_LISTEN_PORT nor IMAP_URL is',
    ]);
    expect(
      told({ IMAP_URL: 'imaps://me:word@mail.example.com', SMTP_LISTEN_TLS_KEY: '/etc/key.pem' }),
    ).toEqual([
      'REPLY_ADDRESS is not set, but IMAP_URL is',
      'SMTP_LISTEN_TLS_CERT is not set, but SMTP_LISTEN_TLS_KEY is',
    ]);
    expect(told({ SMTP_LISTEN_PORT: '2525', OIDC_AUDIENCE: 'deskferry' })).toEqual([
      'REPLY_ADDRESS is not set, but SMTP_LISTEN_PORT is',
      'OIDC_ISSUER is not set, but OIDC_AUDIENCE is',
    ]);
    expect(told({ REPLY_ADDRESS: 'replies@example.com', SMTP_LISTEN_PORT: '2525' })).toEqual([]);
  });

  it('F4: takes tokens of a provider asked over TLS, and only those meant for it', () => {
    const provider = { OIDC_ISSUER: 'https://login.example.com/acme', OIDC_AUDIENCE: 'deskferry' };
    expect(readConfiguration({ ...COMPLETE, ...provider }).oidc).toEqual({
      issuer: 'https://login.example.com/acme',
      audience: 'deskferry',
      roleClaim: 'role',
      tenantClaim: 'tenant',
    });
    const { OIDC_ISSUER } = provider;
    expect(faults({ ...COMPLETE, OIDC_ISSUER }).map(({ variable }) => variable)).toEqual(['OIDC_AUDIENCE']);
    for (const issuer of [
      'http://login.example.com',
      'login.example.com',
      'https://login.example.com/?a=b',
    ]) {
      expect(faults({ ...COMPLETE, ...provider, OIDC_ISSUER: issuer })).toHaveLength(1);
    }
    expect(
      readConfiguration({ ...COMPLETE, ...provider, OIDC_ISSUER: 'http://127.0.0.1:9000' }).oidc?.issuer,
    ).toBe('http://127.0.0.1:9000');
  });

  it("takes a bucket instead of the folder, Amazon's or another server's", () => {
    const read = (environment: Record<string, string>) =>
      readConfiguration({ ...COMPLETE, ...environment }).bucket;
    expect(read({ STORAGE_URL: 's3://files', AWS_REGION: 'ap-northeast-1' })).toEqual({
      bucket: 'files',
      prefix: '',
      region: 'ap-northeast-1',
      endpoint: null,
      pathStyle: false,
    });
    const endpoint = 'https://s3.example.com';
    expect(read({ STORAGE_URL: 's3://files/desk/ferry/', STORAGE_ENDPOINT: endpoint })).toEqual({
      bucket: 'files',
      prefix: 'desk/ferry/',
      region: 'us-east-1',
      endpoint,
      pathStyle: true,
    });
    const wrong = (environment: Record<string, string>): string[] =>
      faults({ ...COMPLETE, ...environment }).map(({ variable }) => variable);
    for (const url of ['https://files', 's3://', 's3://F', 's3://files/../x', 's3://files//x']) {
      expect(wrong({ STORAGE_URL: url, AWS_REGION: 'eu-west-1' })).toEqual(['STORAGE_URL']);
    }
    expect(wrong({ STORAGE_URL: 's3://files', AWS_ACCESS_KEY_ID: 'id', STORAGE_PATH_STYLE: 'yes' })).toEqual([
      'STORAGE_PATH_STYLE',
      'STORAGE_REGION',
      'AWS_SECRET_ACCESS_KEY',
    ]);
    expect(wrong({ STORAGE_ENDPOINT: endpoint, STORAGE_REGION: 'x' })).toEqual([
      'STORAGE_ENDPOINT',
      'STORAGE_REGION',
    ]);
  });

  it('B3: takes encryption keys from the environment or from a file, and never repeats one', async () => {
    const key = randomBytes(32).toString('base64');
    const other = randomBytes(32).toString('base64url');
    const read = (environment: Record<string, string>) =>
      readConfiguration({ ...COMPLETE, ...environment }).encryptionKeys.map((each) => each.name);
    expect(read({ DESKFERRY_ENCRYPTION_KEYS: `2026:${key}, 2025:${other}` })).toEqual(['2026', '2025']);
    const folder = await mkdtemp(join(tmpdir(), 'deskferry-keys-'));
    try {
      const file = join(folder, 'keys');
      await writeFile(file, `2026:${key}\r\n2025:${other}\n`);
      expect(read({ DESKFERRY_ENCRYPTION_KEYS_FILE: file })).toEqual(['2026', '2025']);
      const both = { DESKFERRY_ENCRYPTION_KEYS: `2026:${key}`, DESKFERRY_ENCRYPTION_KEYS_FILE: file };
      expect(faults({ ...COMPLETE, ...both }).map(({ variable }) => variable)).toEqual([
        'DESKFERRY_ENCRYPTION_KEYS_FILE',
      ]);
      const missing = { DESKFERRY_ENCRYPTION_KEYS_FILE: join(folder, 'nothing'), PORT: 'eighty' };
      expect(faults({ ...COMPLETE, ...missing }).map(({ variable }) => variable)).toEqual([
        'PORT',
        'DESKFERRY_ENCRYPTION_KEYS_FILE',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
    for (const wrong of [
      key,
      `:${key}`,
      `a b:${key}`,
      `2026:${key.slice(4)}`,
      `2026:${key.slice(0, 40)}!!!!`,
      `2026:${key},2026:${other}`,
      `2026:${key},2025`,
      ',',
    ]) {
      const told = faults({ ...COMPLETE, DESKFERRY_ENCRYPTION_KEYS: wrong });
      expect(told.map(({ variable }) => variable)).toEqual(['DESKFERRY_ENCRYPTION_KEYS']);
      expect(JSON.stringify(told)).not.toContain(key.slice(5, 15));
    }
  });

  it('B3: takes hosts of sources that may be private, and no URLs', () => {
    const given = { ...COMPLETE, DESKFERRY_SOURCE_HOSTS: 'desk.internal, 127.0.0.1:8090' };
    expect(readConfiguration(given).sourceHosts).toEqual(['desk.internal', '127.0.0.1:8090']);
    for (const wrong of ['http://desk.internal', 'desk.internal/export', 'user@desk', '10.0.0.0/8', '*']) {
      expect(faults({ ...COMPLETE, DESKFERRY_SOURCE_HOSTS: wrong })).toHaveLength(1);
    }
  });

  it('F4: trusts no proxy and no other origin unless it is told which', () => {
    const read = (name: string, value: string) => readConfiguration({ ...COMPLETE, [name]: value });
    expect(read('TRUST_PROXY', '2').trustProxy).toBe(2);
    expect(read('TRUST_PROXY', 'loopback, 10.0.0.0/8,2001:db8::/32').trustProxy).toEqual([
      'loopback',
      '10.0.0.0/8',
      '2001:db8::/32',
    ]);
    for (const wrong of ['true', '*', '10.0.0.0/33', '10', 'proxy.example.com'])
      expect(faults({ ...COMPLETE, TRUST_PROXY: wrong })).toHaveLength(1);
    expect(read('CORS_ORIGINS', 'https://a.example, http://localhost:5173').corsOrigins).toEqual([
      'https://a.example',
      'http://localhost:5173',
    ]);
    for (const wrong of ['*', 'null', 'https://a.example/', 'a.example'])
      expect(faults({ ...COMPLETE, CORS_ORIGINS: wrong })).toHaveLength(1);
  });
});
