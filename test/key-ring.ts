import { createSecretKey, randomBytes } from 'node:crypto';
import { createKeyRing, type KeyRing } from '../store/key-ring.ts';

/** A key ring of one key that nobody else has. */
export function testKeyRing(): KeyRing {
  return createKeyRing([{ name: 'test', key: createSecretKey(randomBytes(32)) }]);
}
