import type { UploadSummary } from '../domain/request.ts';
import { mailFileName } from '../mail/receive/file-name.ts';
import type { MailFile } from '../mail/receive/read-body.ts';
import { fileType } from '../sources/file-type.ts';
import { TABLE_NAME, tabOfName } from '../sources/tab-of-name.ts';
import type { IgnoredFile } from '../store/incoming-mail.ts';
import type { Storage } from '../store/storage.ts';
import { uploadKey } from '../store/uploads.ts';

/** What came with a mail and was stored; not yet taken by the request. */
export interface MailFiles {
  files: (UploadSummary & { name: string; storageKey: string; sha256: string })[];
  /** a corrected field mapping (A10), or null */
  mapping: unknown;
  ignored: IgnoredFile[];
}

/** A corrected mapping is told from exported data by its name. */
const MAPPING_NAME = /^mapping\.json$/i;
const MAPPING_BYTES = 500_000;
const HEAD_BYTES = 64 * 1024;
const MOST_IGNORED = 50;

const NAMES_BY_TYPE: Readonly<Record<string, string>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/json': 'json',
  'application/zip': 'zip',
  'application/x-zip-compressed': 'zip',
  'application/xml': 'xml',
  'text/xml': 'xml',
};

/**
 * Takes the files of a mail one by one as those of a reply (E1): exports and mended files of the kinds the import reads, and
 * `mapping.json`. Every other one is noted with the reason. Storing the same file again is storing it once.
 */
export function collectMailFiles(
  storage: Pick<Storage, 'put' | 'remove'>,
  request: string,
  reply: string,
): { taken: MailFiles; take: (file: MailFile) => Promise<void> } {
  const taken: MailFiles = { files: [], mapping: null, ignored: [] };
  let count = 0;
  const ignore = (name: string, reason: string): void => {
    if (taken.ignored.length < MOST_IGNORED) taken.ignored.push({ name, reason });
  };

  async function take(file: MailFile): Promise<void> {
    count++;
    const extension = NAMES_BY_TYPE[file.type];
    const given = file.name ?? (extension === undefined ? null : `attachment-${count}.${extension}`);
    const name = given === null ? null : mailFileName(given);
    if (name === null) return ignore(given === null ? `attachment-${count}` : 'unnamed', 'BAD_NAME');
    if (MAPPING_NAME.test(name)) return takeMapping(name, file);
    if (!mayHoldData(name)) return ignore(name, 'NOT_A_TABLE');
    const key = uploadKey(request, name, reply);
    if (taken.files.some((other) => other.key === key)) return ignore(name, 'SAME_NAME');
    const head = await beginningOf(file.content, HEAD_BYTES);
    const reason = unreadable(name, head);
    if (reason !== null) return ignore(name, reason);
    const storageKey = `uploads/${request}/${key}/mail`;
    const { bytes, sha256 } = await storage.put(storageKey, joined(head, file.content));
    taken.files.push({ key, name, storageKey, bytes, sha256 });
  }

  async function takeMapping(name: string, { content }: MailFile): Promise<void> {
    const json = await beginningOf(content, MAPPING_BYTES + 1);
    const mapping = json.length > MAPPING_BYTES ? null : objectIn(json);
    if (mapping === null) ignore(name, 'BAD_MAPPING');
    else taken.mapping = mapping;
  }

  return { taken, take };
}

/** A text file may be a note; it is taken for a table only where its name is a tab's. */
function mayHoldData(name: string): boolean {
  if (/\.txt$/i.test(name)) return tabOfName(name) !== null;
  return TABLE_NAME.test(name) || /\.zip$/i.test(name);
}

/** Why a file cannot be what its name says, or null. */
function unreadable(name: string, head: Uint8Array): string | null {
  if (head.length === 0) return 'EMPTY';
  const { kind } = fileType(head);
  if (kind === 'spreadsheet') return 'SPREADSHEET';
  if (kind === 'binary') return 'NOT_A_TABLE';
  return (kind === 'zip') === /\.zip$/i.test(name) ? null : 'NAME_MISLEADS';
}

async function beginningOf(content: AsyncIterator<Uint8Array>, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let length = 0; length < bytes; ) {
    const next = await content.next();
    if (next.done === true) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(parts);
}

async function* joined(head: Uint8Array, content: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  for (let next = await content.next(); next.done !== true; next = await content.next()) yield next.value;
}

function objectIn(json: Buffer): object | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
