import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

/** A key of 256 bits and its name, which stands beside everything sealed with it. */
export interface EncryptionKey {
  name: string;
  key: KeyObject;
}

export type KeyRingErrorCode =
  /** no key is configured */
  | 'NO_KEY'
  /** sealed with a key that is not on this ring (any more) */
  | 'UNKNOWN_KEY'
  /** not sealed at all, changed since, or sealed for another place */
  | 'DAMAGED';

/** Why something was not sealed or opened; the message says nothing of its contents. */
export class KeyRingError extends Error {
  readonly code: KeyRingErrorCode;
  constructor(code: KeyRingErrorCode, message: string) {
    super(message);
    this.name = 'KeyRingError';
    this.code = code;
  }
}

/**
 * Seals what is secret before it is kept, and opens it again: AES-256-GCM with a random nonce of 96 bits. A context such
 * as `source-key/<request>` is bound to what is sealed, so that it opens in its own place only.
 */
export interface KeyRing {
  /** name of the key that seals; null when none is configured: then what needs one must be refused */
  readonly sealsWith: string | null;
  /** @throws KeyRingError NO_KEY */
  seal(plain: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** @throws KeyRingError UNKNOWN_KEY, DAMAGED */
  open(sealed: Uint8Array, context: string): Uint8Array<ArrayBuffer>;
  /** Name of the key something was sealed with, on this ring or not. @throws KeyRingError DAMAGED */
  sealedWith(sealed: Uint8Array): string;
}

const FORM = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The sealed form: form (1 byte), length of the key's name (1 byte), name, nonce, ciphertext, tag. */
interface SealedParts {
  name: string;
  /** form and name: bound to the content as the context is */
  head: Uint8Array;
  nonce: Uint8Array;
  cipherText: Uint8Array;
  tag: Uint8Array;
}

const damaged = (): KeyRingError =>
  new KeyRingError('DAMAGED', 'What was sealed is damaged, or was sealed for another place.');

function partsOf(sealed: Uint8Array): SealedParts {
  const headBytes = 2 + (sealed[1] ?? 0);
  if (sealed[0] !== FORM || sealed.length < headBytes + NONCE_BYTES + TAG_BYTES) throw damaged();
  const body = sealed.subarray(headBytes);
  return {
    name: Buffer.from(sealed.subarray(2, headBytes)).toString('utf8'),
    head: sealed.subarray(0, headBytes),
    nonce: body.subarray(0, NONCE_BYTES),
    cipherText: body.subarray(NONCE_BYTES, body.length - TAG_BYTES),
    tag: body.subarray(body.length - TAG_BYTES),
  };
}

const boundTo = (head: Uint8Array, context: string): Uint8Array =>
  Buffer.concat([head, Buffer.from(context)]);

/** @param keys the first seals, all open; their names are unique, of at most 255 bytes */
export function createKeyRing(keys: readonly EncryptionKey[]): KeyRing {
  const byName = new Map(keys.map(({ name, key }) => [name, key]));
  const [first] = keys;
  return {
    sealsWith: first?.name ?? null,

    seal(plain, context) {
      if (first === undefined) {
        throw new KeyRingError(
          'NO_KEY',
          'No encryption key is configured: set DESKFERRY_ENCRYPTION_KEYS or DESKFERRY_ENCRYPTION_KEYS_FILE.',
        );
      }
      const name = Buffer.from(first.name);
      const head = Buffer.concat([Buffer.from([FORM, name.length]), name]);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', first.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(boundTo(head, context));
      const cipherText = [cipher.update(plain), cipher.final()];
      return Buffer.concat([head, nonce, ...cipherText, cipher.getAuthTag()]);
    },

    open(sealed, context) {
      const { name, head, nonce, cipherText, tag } = partsOf(sealed);
      const key = byName.get(name);
      if (key === undefined) {
        throw new KeyRingError(
          'UNKNOWN_KEY',
          'What was sealed needs an encryption key that is not configured.',
        );
      }
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(head, context)).setAuthTag(tag);
      try {
        return Buffer.concat([decipher.update(cipherText), decipher.final()]);
      } catch {
        throw damaged();
      }
    },

    sealedWith: (sealed) => partsOf(sealed).name,
  };
}
