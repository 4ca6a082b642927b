import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A key that seals and opens what is secret; a KeyObject, so that printing it shows nothing. */
export interface EncryptionKey {
  name: string;
  /** 256 bits */
  key: KeyObject;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const KEY_BYTES = 32;

export const KEYS_FAULT =
  'is no list of name:key with unique names; a key is the base64 of 32 bytes, as from `openssl rand -base64 32`';

/** Reads `name:base64`, with commas or line ends between several; null when one is faulty, doubled, or there is none. */
export function readEncryptionKeys(text: string): EncryptionKey[] | null {
  const lines = text
    .split(/[,\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const keys = lines.flatMap((line) => readKey(line) ?? []);
  const names = new Set(keys.map(({ name }) => name));
  return keys.length === 0 || keys.length < lines.length || names.size < keys.length ? null : keys;
}

/** Reads the same from a file, one key a line; null when it cannot be read either. */
export function readEncryptionKeysFile(file: string): EncryptionKey[] | null {
  try {
    return readEncryptionKeys(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function readKey(line: string): EncryptionKey | null {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  const written = line.slice(colon + 1).trim();
  // Node would skip what is no base64, and take a shorter key
  if (colon < 0 || !NAME.test(name) || !/^[A-Za-z0-9+/_-]{43}=?$/.test(written)) return null;
  const bytes = Buffer.from(written, 'base64');
  return bytes.length === KEY_BYTES ? { name, key: createSecretKey(bytes) } : null;
}
