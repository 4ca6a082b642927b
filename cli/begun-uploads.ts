import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { credentialsFile } from './credentials.ts';

interface BegunUpload {
  /** path of the upload at the service */
  place: string;
  /** epoch milliseconds */
  at: number;
}

/** The service forgets an unfinished upload after this time, in milliseconds. */
const KEPT_MS = 3 * 24 * 3_600_000;

const fileOf = (): string => join(dirname(credentialsFile()), 'uploads.json');

/** Uploads that were begun and not finished, by their marks; a file that cannot be read counts as none. */
async function readBegun(): Promise<Map<string, BegunUpload>> {
  try {
    const begun = JSON.parse(await readFile(fileOf(), 'utf8')) as Record<string, BegunUpload>;
    return new Map(Object.entries(begun).filter(([, { at }]) => Date.now() - at < KEPT_MS));
  } catch {
    return new Map();
  }
}

async function write(begun: ReadonlyMap<string, BegunUpload>): Promise<void> {
  const file = fileOf();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, JSON.stringify(Object.fromEntries(begun)), { mode: 0o600 });
  await rename(fresh, file);
}

/** Where an upload of this mark was begun, or null. */
export async function recallUpload(mark: string): Promise<string | null> {
  return (await readBegun()).get(mark)?.place ?? null;
}

/** Keeps where an upload was begun, so that an interrupted command goes on with it. */
export async function rememberUpload(mark: string, place: string): Promise<void> {
  await write((await readBegun()).set(mark, { place, at: Date.now() }));
}

export async function forgetUpload(mark: string): Promise<void> {
  const begun = await readBegun();
  if (begun.delete(mark)) await write(begun);
}
