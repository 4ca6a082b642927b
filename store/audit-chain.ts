import { createHash } from 'node:crypto';
import { canonical } from '../domain/canonical.ts';
import { isReportSignatureValid, type ReportSigner } from './report-signature.ts';

/** F2: one line of the audit log. */
export interface AuditEntry {
  request: string;
  /** numbered by its writer: the same number of the same writer is the same entry */
  sequence: number;
  /** epoch milliseconds */
  at: number;
  /** `role:key name` or `system` */
  by: string;
  action: string;
  reason: string | null;
  /** who numbers: a request's own process (`migration`, the default) or another, for example `undo` */
  writer?: string;
}

/** An entry as it stands in the chain. */
export interface ChainedAuditEntry extends Required<AuditEntry> {
  /** place in the request's chain, from 1 */
  position: number;
  /** hash of the entry before, 64 zeros for the first */
  previous: string;
  /** SHA-256 of the entry with its place and `previous`, hexadecimal */
  hash: string;
  /** the service's, over `hash`, base64; absent in what was written before entries were signed */
  signature?: string | null;
}

/** Where a chain ends. Kept apart from it and signed, so that what is cut off there is missed. */
export interface ChainEnd {
  position: number;
  hash: string;
  /** absent where the end was written before ends were signed */
  signature?: string | null;
}

export interface ChainProof {
  entries: number;
  /** how many of them, at the beginning, carry no signature */
  unsigned: number;
  /** the first place where the chain is not what was written, or null when it is whole */
  broken: { position: number; problem: string } | null;
}

const GENESIS = '0'.repeat(64);
/** The writer where none is named: the request's own process. */
export const OWN_PROCESS = 'migration';

/** The end of a chain that has no entry yet. */
export const BEGINNING: ChainEnd = { position: 0, hash: GENESIS };

/** Makes an entry the next one of a chain. @param before the entry or end it follows */
export function chainEntry(
  entry: AuditEntry,
  before: ChainEnd,
  signer: ReportSigner | null,
): ChainedAuditEntry {
  const { request, sequence, at, by, action, reason, writer = OWN_PROCESS } = entry;
  const next = {
    request,
    position: before.position + 1,
    previous: before.hash,
    writer,
    sequence,
    at,
    by,
    action,
    reason,
  };
  const hash = hashOf(next);
  return { ...next, hash, signature: signer?.sign(entryForm(hash)) ?? null };
}

/** The end of a chain whose last entry this is. */
export function endAt(
  request: string,
  { position, hash }: ChainEnd,
  signer: ReportSigner | null,
): Required<ChainEnd> {
  return { position, hash, signature: signer?.sign(endForm(request, { position, hash })) ?? null };
}

/**
 * F2: looks whether any entry of a chain was changed, removed, added, moved, taken from another chain, or cut off.
 * @param end as it was read before the entries; null = there is none
 * @param keys PEM of the keys the service signs and signed with; null = signatures are not looked at
 */
export function proveChain(
  request: string,
  entries: readonly ChainedAuditEntry[],
  end: ChainEnd | null,
  keys: readonly string[] | null,
): ChainProof {
  const firstSigned = entries.findIndex(isSigned);
  const unsigned = firstSigned === -1 ? entries.length : firstSigned;
  const broken = brokenEntry(request, entries, end, keys) ?? brokenEnd(request, entries, end, keys);
  return { entries: entries.length, unsigned, broken };
}

const isSigned = ({ signature }: { signature?: string | null }): boolean => typeof signature === 'string';

function brokenEntry(
  request: string,
  entries: readonly ChainedAuditEntry[],
  end: ChainEnd | null,
  keys: readonly string[] | null,
): ChainProof['broken'] {
  let previous = GENESIS;
  let signed = false;
  for (const [index, entry] of entries.entries()) {
    const position = index + 1;
    const problem = ((): string | null => {
      if (entry.position !== position) return 'the entry is missing';
      if (entry.request !== request) return 'the entry is of another request';
      if (entry.previous !== previous) return 'the entry does not follow the one before it';
      const { hash, signature, ...rest } = entry;
      if (hashOf(rest) !== hash) return 'the entry was changed';
      if (end?.position === position && end.hash !== hash) return 'the entry was replaced';
      if (typeof signature !== 'string') return signed ? 'the entry is not signed' : null;
      return isSignedBy(keys, entryForm(hash), signature)
        ? null
        : 'the entry is not signed by a key of this service';
    })();
    if (problem !== null) return { position, problem };
    signed ||= isSigned(entry);
    previous = entry.hash;
  }
  return null;
}

function brokenEnd(
  request: string,
  entries: readonly ChainedAuditEntry[],
  end: ChainEnd | null,
  keys: readonly string[] | null,
): ChainProof['broken'] {
  if (end === null) {
    return entries.length === 0
      ? null
      : { position: entries.length, problem: 'where the chain ends is not known any more' };
  }
  if (end.position > entries.length) {
    return { position: entries.length + 1, problem: 'the entry is missing' };
  }
  const last = entries.at(-1);
  if (typeof end.signature !== 'string') {
    return last !== undefined && isSigned(last)
      ? { position: end.position, problem: 'the end of the chain is not signed' }
      : null;
  }
  return isSignedBy(keys, endForm(request, end), end.signature)
    ? null
    : { position: end.position, problem: 'the end of the chain is not signed by a key of this service' };
}

function isSignedBy(keys: readonly string[] | null, content: Uint8Array, signature: string): boolean {
  return keys === null || keys.some((key) => isReportSignatureValid(key, content, signature));
}

// Each begins with what it is, so that no signature serves for anything else.
const entryForm = (hash: string): Uint8Array => Buffer.from(`deskferry audit entry v1\n${hash}`);
const endForm = (request: string, { position, hash }: Pick<ChainEnd, 'position' | 'hash'>): Uint8Array =>
  Buffer.from(`deskferry audit end v1\n${request}\n${position}\n${hash}`);

function hashOf(entry: Omit<ChainedAuditEntry, 'hash' | 'signature'>): string {
  return createHash('sha256')
    .update(canonical({ ...entry }))
    .digest('hex');
}
