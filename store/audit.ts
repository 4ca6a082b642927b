import { createHash } from 'node:crypto';
import type { Db } from 'mongodb';
import { canonical } from '../domain/canonical.ts';
import { idsUnder, insertNew, padded, type Slice } from './database.ts';
import { StoreError } from './errors.ts';

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
}

export interface ChainProof {
  entries: number;
  /** the first place where the chain is not what was written, or null when it is whole */
  broken: { position: number; problem: string } | null;
}

/** F2: who did what, when and why. It can only be added to: each entry holds the hash of the one before. */
export interface Audit {
  /**
   * Adds an entry at the end of its request's chain; the same writer's same sequence again is done already.
   * @param run of the writer. A process that was reset gives its numbers again: what differs then is added under its run
   */
  append(entry: AuditEntry, run?: string): Promise<void>;
  /** In the order in which they were added; all of them, or a part. */
  list(request: string, slice?: Slice): Promise<ChainedAuditEntry[]>;
  /** Looks whether any entry was changed, removed, added between others, or cut off at the end. */
  verifyChain(request: string): Promise<ChainProof>;
}

interface Head {
  _id: string;
  position: number;
  hash: string;
}

const GENESIS = '0'.repeat(64);
const TRIES = 100;
/** The writer where none is named: the request's own process. */
const PROCESS = 'migration';

function isSame(a: AuditEntry, b: AuditEntry): boolean {
  return a.at === b.at && a.by === b.by && a.action === b.action && a.reason === b.reason;
}

export function createAudit(db: Db): Audit {
  const entries = db.collection<ChainedAuditEntry & { _id: string }>('audit');
  // kept apart, so that a chain that was cut off at its end is found too
  const heads = db.collection<Head>('auditHeads');

  async function list(request: string, slice?: Slice): Promise<ChainedAuditEntry[]> {
    const found = await entries
      .find({ _id: idsUnder(`${request}/`, slice) }, { sort: { _id: 1 }, limit: slice?.limit ?? 0 })
      .toArray();
    return found.map(({ _id, ...entry }) => entry);
  }

  async function moveHead(entry: ChainedAuditEntry): Promise<void> {
    const { request, position, hash } = entry;
    if (await insertNew(heads, { _id: request, position, hash })) return;
    await heads.updateOne({ _id: request, position: { $lt: position } }, { $set: { position, hash } });
  }

  return {
    list,
    async append(entry, run) {
      const { request, sequence, at, by, action, reason } = entry;
      let writer = entry.writer ?? PROCESS;
      for (let tries = 0; tries < TRIES; tries++) {
        const chain = await list(request);
        const done = chain.find((each) => each.writer === writer && each.sequence === sequence);
        if (done !== undefined) {
          await moveHead(done);
          const ofRun = `${entry.writer ?? PROCESS} ${run}`;
          if (run === undefined || writer === ofRun || isSame(done, entry)) return;
          writer = ofRun;
          continue;
        }
        const last = chain.at(-1);
        const next = {
          request,
          position: (last?.position ?? 0) + 1,
          previous: last?.hash ?? GENESIS,
          writer,
          sequence,
          at,
          by,
          action,
          reason,
        };
        const chained = { ...next, hash: hashOf(next) };
        if (await insertNew(entries, { _id: `${request}/${padded(next.position)}`, ...chained })) {
          await moveHead(chained);
          return;
        }
        // another entry took the place meanwhile: look again
      }
      throw new StoreError(
        'CONFLICT',
        `The audit log of request ${request} is being written by too many at once.`,
      );
    },
    async verifyChain(request) {
      // the head first: what is added between the two looks is not taken for what is missing
      const head = await heads.findOne({ _id: request });
      const chain = await list(request);
      return { entries: chain.length, broken: firstBreak(chain, head) };
    },
  };
}

function firstBreak(chain: readonly ChainedAuditEntry[], head: Head | null): ChainProof['broken'] {
  let previous = GENESIS;
  for (const [index, entry] of chain.entries()) {
    const position = index + 1;
    if (entry.position !== position) return { position, problem: 'the entry is missing' };
    if (entry.previous !== previous)
      return { position, problem: 'the entry does not follow the one before it' };
    const { hash, ...rest } = entry;
    if (hashOf(rest) !== hash) return { position, problem: 'the entry was changed' };
    if (head?.position === position && head.hash !== hash)
      return { position, problem: 'the entry was replaced' };
    previous = hash;
  }
  if (head !== null && head.position > chain.length) {
    return { position: chain.length + 1, problem: 'the entry is missing' };
  }
  return null;
}

function hashOf(entry: Omit<ChainedAuditEntry, 'hash'>): string {
  return createHash('sha256')
    .update(canonical({ ...entry }))
    .digest('hex');
}
