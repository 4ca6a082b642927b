import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandFailure, EXIT, usageFailure } from './command-failure.ts';

/** Where the service is, and the key to use it with. */
export interface Access {
  /** without a slash at the end */
  url: string;
  key: string;
}

interface StoredCredentials {
  profiles: Record<string, Access>;
}

/** The file the logins of this user stand in, in the folder where this system keeps settings. */
export function credentialsFile(env: NodeJS.ProcessEnv = process.env): string {
  const home = process.platform === 'win32' ? env['APPDATA'] : env['XDG_CONFIG_HOME'];
  return join(home || join(homedir(), '.config'), 'deskferry', 'credentials.json');
}

/** All logins by profile; none when there is no file. @throws CommandFailure when the file is not readable as such */
export async function readCredentials(file = credentialsFile()): Promise<Map<string, Access>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  try {
    const { profiles } = JSON.parse(text) as StoredCredentials;
    return new Map(Object.entries(profiles).filter(([, { url, key }]) => url !== '' && isKey(key)));
  } catch {
    throw new CommandFailure(EXIT.usage, 'credentials', `${file} cannot be read.`, [
      'Remove it, then log in again: deskferry login',
    ]);
  }
}

/** Whether others on this machine could read the keys. */
export async function isExposed(file = credentialsFile()): Promise<boolean> {
  if (process.platform === 'win32') return false;
  const found = await stat(file).catch(() => null);
  return found !== null && (found.mode & 0o077) !== 0;
}

/** Keeps a login; the file is this user's alone, and is never seen half-written. */
export async function keepAccess(profile: string, access: Access, file = credentialsFile()): Promise<void> {
  const profiles = await readCredentials(file);
  await write(file, profiles.set(profile, access));
}

/** Forgets a login; false when there was none. */
export async function forgetAccess(profile: string, file = credentialsFile()): Promise<boolean> {
  const profiles = await readCredentials(file);
  if (!profiles.delete(profile)) return false;
  if (profiles.size === 0) await rm(file);
  else await write(file, profiles);
  return true;
}

async function write(file: string, profiles: ReadonlyMap<string, Access>): Promise<void> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  const stored: StoredCredentials = { profiles: Object.fromEntries(profiles) };
  await writeFile(fresh, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 });
  // a file that was left over keeps its mode when it is written again
  await chmod(fresh, 0o600);
  await rename(fresh, file);
}

const isKey = (key: unknown): key is string => typeof key === 'string' && /^[\x21-\x7e]{1,10000}$/.test(key);

/** A key as it was typed or read, without the space around it. @throws CommandFailure when it cannot be one */
export function checkedKey(text: string, from: string): string {
  const key = text.trim();
  if (!isKey(key))
    throw usageFailure(`${from} holds no key: a key is one line of letters, digits and signs.`);
  return key;
}

/** The address of the API without a slash at the end. @throws CommandFailure when it is none */
export function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw usageFailure('--url takes an address such as https://deskferry.example.com.');
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Whether a key sent there crosses a network unprotected. */
export function isUnprotected(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|.*\.localhost)$/.test(hostname);
}

/** What was given of an access on the command line. */
export interface AccessGiven {
  profile: string;
  url?: string | undefined;
  keyFile?: string | undefined;
}

/**
 * The access a command uses: what was given, completed by the login of the profile. The key of a login goes to the address
 * it was made for and to no other.
 * @throws CommandFailure when there is no login, or an address is given without a key for it
 */
export async function findAccess(given: AccessGiven): Promise<Access> {
  const stored = (await readCredentials()).get(given.profile) ?? null;
  const url = given.url === undefined ? (stored?.url ?? null) : checkedUrl(given.url);
  if (given.keyFile !== undefined) {
    if (url === null) throw usageFailure('--key-file needs --url too, or a login.');
    return { url, key: checkedKey(await readFile(given.keyFile, 'utf8'), given.keyFile) };
  }
  if (stored === null || url === null) {
    const which = given.profile === 'default' ? '' : ` --profile ${given.profile}`;
    throw new CommandFailure(EXIT.denied, 'not-logged-in', 'You are not logged in.', [
      `Log in first: deskferry login${which} --url <address>`,
    ]);
  }
  if (stored.url !== url) {
    throw usageFailure(
      `The login is for ${stored.url}; its key is not sent elsewhere.`,
      'Give --key-file with a key for the other address.',
    );
  }
  return stored;
}
