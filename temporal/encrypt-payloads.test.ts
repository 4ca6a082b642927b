import { createSecretKey, randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { createKeyRing, type EncryptionKey, KeyRingError } from '../store/key-ring.ts';
import { createPayloadCodec, dataConverterOf } from './encrypt-payloads.ts';

const newKey = (name: string): EncryptionKey => ({ name, key: createSecretKey(randomBytes(32)) });
const OLD = newKey('2025');
const NEW = newKey('2026');
const codec = createPayloadCodec(createKeyRing([NEW, OLD]), true);
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);

async function reads(by: typeof codec, payload: Payload): Promise<unknown> {
  const [read] = await by.decode([payload]);
  return defaultPayloadConverter.fromPayload(read ?? {});
}

describe('what Temporal keeps', () => {
  test('F4: nothing of a payload can be read, but which key it needs', async () => {
    const [sealed] = await codec.encode([payloadOf({ request: 'r-1', note: 'the canary' })]);
    expect(Buffer.from(sealed?.metadata?.['encoding'] ?? []).toString()).toBe('binary/encrypted');
    expect(Buffer.from(sealed?.metadata?.['encryption-key-id'] ?? []).toString()).toBe('2026');
    expect(Buffer.from(sealed?.data ?? []).includes('canary')).toBe(false);
    expect(await reads(codec, sealed ?? {})).toEqual({ request: 'r-1', note: 'the canary' });
  });

  test('what was written before, or with the key before, is still read', async () => {
    expect(await reads(codec, payloadOf(['as', 'it was']))).toEqual(['as', 'it was']);
    const [before] = await createPayloadCodec(createKeyRing([OLD]), true).encode([payloadOf(7)]);
    expect(await reads(codec, before ?? {})).toBe(7);
    await expect(reads(createPayloadCodec(createKeyRing([NEW]), true), before ?? {})).rejects.toBeInstanceOf(
      KeyRingError,
    );
  });

  test('switched off again, it opens and no longer seals', async () => {
    const off = createPayloadCodec(createKeyRing([NEW]), false);
    const [sealed] = await codec.encode([payloadOf('sealed')]);
    expect(await reads(off, sealed ?? {})).toBe('sealed');
    expect(await off.encode([payloadOf('open')])).toEqual([payloadOf('open')]);
  });

  test('a payload is sealed once, and nothing at all without a key', async () => {
    const once = await codec.encode([payloadOf(1)]);
    expect(await codec.encode(once)).toEqual(once);
    expect(dataConverterOf(createKeyRing([]), false)).toEqual({});
  });
});
