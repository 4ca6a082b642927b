import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeyRing, type EncryptionKey, KeyRingError } from './key-ring.ts';

const newKey = (name: string): EncryptionKey => ({ name, key: createSecretKey(randomBytes(32)) });
const bytes = (text: string): Uint8Array => Buffer.from(text);

function refusal(work: () => unknown): KeyRingError {
  try {
    work();
  } catch (error) {
    if (error instanceof KeyRingError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('key ring', () => {
  const OLD = newKey('2025');
  const NEW = newKey('2026');
  const ring = createKeyRing([NEW, OLD]);

  test('B3: what was sealed is opened again, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string({ unit: 'grapheme' }), (plain, context) => {
        expect(Buffer.from(ring.open(ring.seal(plain, context), context))).toEqual(Buffer.from(plain));
      }),
    );
  });

  test('B3: the same secret is never sealed alike, and is nowhere in its sealed form', () => {
    const one = Buffer.from(ring.seal(bytes('a source key'), 'source-key/1'));
    const other = Buffer.from(ring.seal(bytes('a source key'), 'source-key/1'));
    expect(one.equals(other)).toBe(false);
    expect(one.includes('source key')).toBe(false);
  });

  test('B3: it opens in its own place only', () => {
    const sealed = ring.seal(bytes('a source key'), 'source-key/1');
    expect(refusal(() => ring.open(sealed, 'source-key/2')).code).toBe('DAMAGED');
  });

  test('B3: a byte changed, cut off or added anywhere is noticed', () => {
    const sealed = Buffer.from(ring.seal(bytes('a source key'), 'here'));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(['DAMAGED', 'UNKNOWN_KEY']).toContain(refusal(() => ring.open(changed, 'here')).code);
      expect(['DAMAGED', 'UNKNOWN_KEY']).toContain(
        refusal(() => ring.open(sealed.subarray(0, at), 'here')).code,
      );
    }
    expect(refusal(() => ring.open(Buffer.concat([sealed, Buffer.alloc(1)]), 'here')).code).toBe('DAMAGED');
  });

  test('B3: after a rotation the new key seals and the old one still opens', () => {
    const before = createKeyRing([OLD]).seal(bytes('kept for long'), 'here');
    expect(ring.sealedWith(before)).toBe('2025');
    expect(Buffer.from(ring.open(before, 'here')).toString()).toBe('kept for long');
    expect(ring.sealedWith(ring.seal(ring.open(before, 'here'), 'here'))).toBe('2026');
    expect(refusal(() => createKeyRing([NEW]).open(before, 'here')).code).toBe('UNKNOWN_KEY');
  });

  test('B3: a key of the same name and other bytes opens nothing', () => {
    const sealed = ring.seal(bytes('a source key'), 'here');
    expect(refusal(() => createKeyRing([newKey('2026')]).open(sealed, 'here')).code).toBe('DAMAGED');
  });

  test('B3: without a key nothing is sealed, and the refusal says what to set', () => {
    const empty = createKeyRing([]);
    expect(empty.sealsWith).toBeNull();
    const told = refusal(() => empty.seal(bytes('a source key'), 'here'));
    expect(told.code).toBe('NO_KEY');
    expect(told.message).toContain('DESKFERRY_ENCRYPTION_KEYS');
    expect(told.message).not.toContain('source key');
  });

  test('B3: neither a key nor what it sealed is shown by printing the ring or an error', () => {
    const raw = OLD.key.export();
    const shown = `${inspect(OLD)}${JSON.stringify(OLD)}${inspect(ring)}`;
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(shown).not.toContain(raw.toString(form));
  });
});
