import { execFile } from 'node:child_process';
import { createSecretKey, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMongo } from '../stack/stack.ts';
import { temporaryFolder } from '../test/end-to-end/migrate.ts';
import { type Database, openDatabase } from './database.ts';
import { createKeyRing, type EncryptionKey } from './key-ring.ts';
import { createSourceKeys } from './source-keys.ts';

const newKey = (name: string): EncryptionKey => ({ name, key: createSecretKey(randomBytes(32)) });
const written = ({ name, key }: EncryptionKey): string => `${name}:${key.export().toString('base64')}`;
const OLD = newKey('2025');
const NEW = newKey('2026');

describe('source keys', () => {
  let database: Database;
  let uri = '';
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const { folder, drop } = await temporaryFolder();
    const server = await startMongo({ dataFolder: folder });
    uri = server.address;
    database = await openDatabase(uri, 'deskferry-test');
    stop = async () => {
      await database.close();
      await server.stop();
      await drop();
    };
  }, 60_000);
  afterAll(() => stop());

  /** `deskferry keys rotate-encryption --json` with these keys: what it printed, and how it ended. */
  async function rotate(...keys: EncryptionKey[]): Promise<{ code: number; text: string }> {
    const env = {
      ...process.env,
      MONGODB_URI: uri,
      MONGODB_DATABASE: 'deskferry-test',
      DESKFERRY_ENCRYPTION_KEYS: keys.map(written).join(','),
    };
    const args = ['cli/deskferry.ts', 'keys', 'rotate-encryption', '--json'];
    return promisify(execFile)(process.execPath, args, { env }).then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        text: error.stdout + error.stderr,
      }),
    );
  }

  test('B3: rotated, they open with the new key alone; without the old key nothing is lost', async () => {
    await createSourceKeys(database.db, createKeyRing([OLD])).keep(
      'r-1',
      'https://a.example',
      'canary-source-key',
    );
    await createSourceKeys(database.db, createKeyRing([NEW, OLD])).keep(
      'r-2',
      'https://b.example',
      'another',
    );

    const refused = await rotate(NEW);
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain('not-opened');

    const rotated = await rotate(NEW, OLD);
    expect(JSON.parse(rotated.text)).toEqual({ key: '2026', sealed: 1 });
    expect(JSON.parse((await rotate(NEW, OLD)).text)).toEqual({ key: '2026', sealed: 0 });

    const after = createSourceKeys(database.db, createKeyRing([NEW]));
    expect([
      await after.find('r-1', 'https://a.example'),
      await after.find('r-2', 'https://b.example'),
    ]).toEqual(['canary-source-key', 'another']);
    // a key is good for its own address alone
    await expect(after.find('r-1', 'https://b.example')).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(`${refused.text}${rotated.text}`).not.toContain('canary');
  }, 60_000);

  test('B3: a command without encryption keys says what to set', async () => {
    const { code, text } = await rotate();
    expect(code).not.toBe(0);
    expect(text).toContain('DESKFERRY_ENCRYPTION_KEYS');
  }, 30_000);
});
