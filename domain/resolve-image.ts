import type { ImageReference } from './find-images.ts';
import type { Tab } from './tab.ts';

/** Why an image of a body is not shown from an attachment (C4). */
export const UNSHOWN_CODES = [
  'NOT_FOUND',
  'ATTACHMENT_FAILED',
  'AMBIGUOUS',
  'REMOTE',
  'MALFORMED',
  'TOO_MANY',
] as const;
export type UnshownCode = (typeof UNSHOWN_CODES)[number];

/** An attachment of a ticket, as far as a body may name it. */
export interface TicketFile {
  externalId: string;
  /** null when it failed */
  deskId: string | null;
  fileName: string;
  /** by foldedPath */
  path: string;
  /** by bareContentId; null when the source says none */
  contentId: string | null;
  /** tab and desk id of the thread, comment or ticket that it was attached to (ownerKey) */
  owner: string | null;
  sha256: string | null;
}

/** A record as the owner of attachments: desk ids are unique within a tab only. */
export function ownerKey(tab: Tab, deskId: string): string {
  return `${tab}/${deskId}`;
}

/** A path as people write it: case, Unicode form, the kind of slash, and what leads to the same place do not matter. */
export function foldedPath(path: string): string {
  return path
    .split(/[/\\]/)
    .filter((part) => part !== '' && part !== '.')
    .join('/')
    .normalize('NFKC')
    .toLowerCase();
}

/** A Content-ID without the angle brackets that headers write around it. */
export function bareContentId(contentId: string): string {
  return contentId.trim().replace(/^<(.*)>$/s, '$1');
}

/**
 * The attachment of the same ticket that a reference means: by Content-ID, by file name, by path or by external id, those of the
 * same message first. Null for a link that means none: it is a link like any other. Nothing is guessed: what may mean several
 * attachments of different content is AMBIGUOUS.
 * @param body the record that holds the reference (ownerKey)
 */
export function resolveImage(
  { url, isImage }: ImageReference,
  files: readonly TicketFile[],
  body: string,
): { attachmentId: string } | { why: UnshownCode } | null {
  for (const named of namedBy(url, isImage, files)) {
    const own = named.filter(({ owner }) => owner === body);
    const found = choose(own.length > 0 ? own : named);
    if (found !== null) return found;
  }
  if (!isImage) return null;
  return { why: /^(?:https?:)?\/\//i.test(url) ? 'REMOTE' : 'NOT_FOUND' };
}

function choose(named: readonly TicketFile[]): { attachmentId: string } | { why: UnshownCode } | null {
  if (named.length === 0) return null;
  const [first, ...others] = named.flatMap(({ deskId, sha256 }) =>
    deskId === null ? [] : { deskId, sha256 },
  );
  if (first === undefined) return { why: 'ATTACHMENT_FAILED' };
  const isOne = others.every(({ sha256 }) => sha256 !== null && sha256 === first.sha256);
  return isOne ? { attachmentId: first.deskId } : { why: 'AMBIGUOUS' };
}

/** The files that an address may mean, the surest way of naming first. */
function* namedBy(url: string, isImage: boolean, files: readonly TicketFile[]): Generator<TicketFile[]> {
  if (/^cid:/i.test(url)) {
    const id = bareContentId(decoded(url.slice('cid:'.length)));
    yield files.filter(({ contentId }) => contentId === id);
    yield files.filter(({ contentId }) => contentId?.toLowerCase() === id.toLowerCase());
    // mail programs make the id of the file's name: image001.png@01D9A1B2
    const name = foldedName(id.split('@')[0] ?? '');
    yield files.filter((file) => file.contentId === null && foldedName(file.fileName) === name);
    return;
  }
  const { remote, path, values } = partsOf(url);
  const segments = path
    .split(/[/\\]/)
    .filter((part) => part !== '')
    .map(decoded);
  const whole = foldedPath(segments.join('/'));
  const last = segments.at(-1) ?? '';
  if (!remote && whole !== '') yield files.filter((file) => file.path === whole);
  // an address of another host names an attachment only where it says so; any shop has a /products/12
  const says = /attach|download|inline|upload|file|blob|media|image/i.test(url);
  if (says) {
    const ids = [...values, ...segments.slice(-2)];
    yield files.filter(({ externalId }) => ids.includes(externalId));
  }
  if (last !== '' && (says || (!remote && isImage))) {
    yield files.filter(({ fileName }) => foldedName(fileName) === foldedName(last));
    const names = values.map(foldedName);
    yield files.filter(({ fileName }) => names.includes(foldedName(fileName)));
  }
}

function foldedName(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function partsOf(url: string): { remote: boolean; path: string; values: string[] } {
  const [rest = '', query = ''] = (url.split('#')[0] ?? '').split(/\?(.*)/s);
  const host = /^(?:[a-z][a-z0-9+.-]+:)?\/\/[^/]*/i.exec(rest)?.[0];
  const path = rest.slice(host?.length ?? 0).replace(/^[a-z][a-z0-9+.-]+:/i, '');
  const values = query.split('&').flatMap((pair) => {
    const value = decoded(pair.slice(pair.indexOf('=') + 1).replaceAll('+', ' '));
    return value === '' ? [] : [value];
  });
  return { remote: host !== undefined && !/^file:/i.test(host), path, values };
}
