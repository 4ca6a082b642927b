import type { Db } from 'mongodb';
import {
  type AuditEntry,
  BEGINNING,
  chainEntry,
  type ChainedAuditEntry,
  type ChainEnd,
  type ChainProof,
  endAt,
  OWN_PROCESS,
  proveChain,
} from './audit-chain.ts';
import { idsUnder, insertNew, padded, type Slice } from './database.ts';
import { StoreError } from './errors.ts';
import { idPart } from './id-part.ts';
import type { ReportSigner } from './report-signature.ts';

/** F2: who did what, when and why. It can only be added to: each entry holds the hash of the one before. */
export interface Audit {
  /**
   * Adds an entry at the end of its request's chain; the same writer's same sequence again is done already. What it costs does
   * not depend on how long the chain is.
   * @param run of the writer. A process that was reset gives its numbers again: what differs then is added under its run
   */
  append(entry: AuditEntry, run?: string): Promise<void>;
  /** In the order in which they were added; all of them, or a part. */
  list(request: string, slice?: Slice): Promise<ChainedAuditEntry[]>;
  /** Where the chain ends; null before its first entry. Read it before the entries: then none of them is missing. */
  end(request: string): Promise<ChainEnd | null>;
  /** Looks whether any entry was changed, removed, added, or cut off at the end. @param keys as of proveChain */
  verifyChain(request: string, keys: readonly string[] | null): Promise<ChainProof>;
}

/** The end of a request's chain. */
interface Head extends ChainEnd {
  _id: string;
  /** every entry up to here can be found by its number; absent in what was written before there were such places */
  placed?: boolean;
}

/** `request/writer/sequence` -> position: that an entry was added, and where. */
interface Place {
  _id: string;
  position: number;
}

const TRIES = 100;

function isSame(a: AuditEntry, b: AuditEntry): boolean {
  return a.at === b.at && a.by === b.by && a.action === b.action && a.reason === b.reason;
}

/** @param signer signs every entry and the end of every chain; null = they are not signed */
export function createAudit(db: Db, signer: ReportSigner | null): Audit {
  const entries = db.collection<ChainedAuditEntry & { _id: string }>('audit');
  // kept apart, so that a chain that was cut off at its end is found too
  const heads = db.collection<Head>('auditHeads');
  const places = db.collection<Place>('auditPlaces');

  const entryId = (request: string, position: number): string => `${request}/${padded(position)}`;
  const placeId = ({ request, writer = OWN_PROCESS, sequence }: AuditEntry): string =>
    `${request}/${idPart(writer)}/${padded(sequence)}`;

  async function list(request: string, slice?: Slice): Promise<ChainedAuditEntry[]> {
    const found = await entries
      .find({ _id: idsUnder(`${request}/`, slice) }, { sort: { _id: 1 }, limit: slice?.limit ?? 0 })
      .toArray();
    return found.map(({ _id, ...entry }) => entry);
  }

  async function end(request: string): Promise<ChainEnd | null> {
    const head = await heads.findOne({ _id: request });
    return head && { position: head.position, hash: head.hash, signature: head.signature ?? null };
  }

  /** That it can be found by its number; before the head passes it. */
  async function place(entry: ChainedAuditEntry): Promise<void> {
    await insertNew(places, { _id: placeId(entry), position: entry.position });
  }

  async function moveHead(entry: ChainedAuditEntry): Promise<void> {
    const { request, position } = entry;
    await heads.updateOne(
      { _id: request, position: { $lt: position } },
      { $set: endAt(request, entry, signer) },
    );
  }

  /** Ends what another writer began: at most one entry stands behind the head. @returns what the next entry follows */
  async function catchUp(request: string, head: Head | null): Promise<ChainEnd> {
    const after = head?.placed === true ? head.position : 0;
    const behind = await list(request, { after, limit: 0 });
    for (const entry of behind) await place(entry);
    const last = behind.at(-1);
    if (head === null) {
      // It is there before the first entry. Of one that was taken away none is made: it is missed.
      if (behind.length === 0) {
        await insertNew(heads, { _id: request, placed: true, ...endAt(request, BEGINNING, signer) });
      }
      return last ?? BEGINNING;
    }
    if (head.placed !== true) await heads.updateOne({ _id: request }, { $set: { placed: true } });
    if (last === undefined || last.position <= head.position) return head;
    await moveHead(last);
    return last;
  }

  return {
    list,
    end,
    async append(entry, run) {
      const { request } = entry;
      const asItself = entry.writer ?? OWN_PROCESS;
      let writer = asItself;
      for (let tries = 0; tries < TRIES; tries++) {
        const head = await heads.findOne({ _id: request });
        // Whether an entry stands behind the head is looked at only when the position is taken.
        const before = tries === 0 && head?.placed === true ? head : await catchUp(request, head);
        // Looked for only now: what the head has passed has its place, what comes later takes the position.
        const known = await places.findOne({ _id: placeId({ ...entry, writer }) });
        if (known !== null) {
          const ofRun = `${asItself} ${run}`;
          const there = await entries.findOne({ _id: entryId(request, known.position) });
          if (run === undefined || writer === ofRun || there === null || isSame(there, entry)) return;
          writer = ofRun;
          continue;
        }
        const next = chainEntry({ ...entry, writer }, before, signer);
        if (await insertNew(entries, { _id: entryId(request, next.position), ...next })) {
          await place(next);
          await moveHead(next);
          return;
        }
        // another entry took the position meanwhile: look again
      }
      throw new StoreError(
        'CONFLICT',
        `The audit log of request ${request} is being written by too many at once.`,
      );
    },
    async verifyChain(request, keys) {
      // the end first: what is added between the two looks is not taken for what is missing
      const read = async () => ({ end: await end(request), entries: await list(request) });
      let found = await read();
      // begun between the two looks
      if (found.end === null && found.entries.length > 0) found = await read();
      return proveChain(request, found.entries, found.end, keys);
    },
  };
}
