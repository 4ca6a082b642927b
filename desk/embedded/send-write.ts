import type { Db, Document } from 'mongodb';
// not among its exports; the driver's version is exact, and whatever is written passes here
import { DocumentSequence } from 'mongodb/lib/cmap/commands.js';
import type { Tab } from '../../domain/tab.ts';
import { DeskError } from '../errors.ts';
import { DocumentBytes, type Part } from './document-bytes.ts';

const DUPLICATE_KEY = 11_000;
/** Codes by which a server refuses a document for what it holds; any other refusal is a fault of the server. */
const DOCUMENT_REFUSED = new Set([2, 9, 52, 57, 121, 10_334, 17_280]);

const SEQUENCES = { insert: 'documents', update: 'updates', delete: 'deletes' } as const;

/** What a server answers to a write command. */
interface Answer {
  n: number;
  writeErrors?: { index: number; code: number; errmsg?: string }[];
  writeConcernError?: { code: number; errmsg?: string };
}

export interface Written {
  /** documents inserted, matched or deleted */
  count: number;
  /** place of the documents or statements that were refused -> why */
  refused: ReadonlyMap<number, Refusal>;
}

/** An id that is taken, or the server's code for a document that it does not take for what it holds. */
export type Refusal = 'taken' | number;

const scratch = new DocumentBytes();

/**
 * Sends a write command with its documents or statements as bytes. Each is tried whatever becomes of the others.
 * @param documents each by its parts
 * @param more what else the command says
 * @throws DeskError DESK_FAULT when the server cannot write
 */
export async function sendWrite(
  db: Db,
  kind: keyof typeof SEQUENCES,
  tab: Tab,
  documents: Iterable<readonly Part[]>,
  more: Document = {},
): Promise<Written> {
  const sequence = new DocumentSequence(SEQUENCES[kind]);
  sequence.push({}, scratch.of(documents));
  // the command itself: the driver's own ways take several times the processor time of it
  const command = { [kind]: tab, [SEQUENCES[kind]]: sequence, ordered: false, ...more };
  const answer = (await db.command(command)) as Answer;
  const { n, writeErrors = [], writeConcernError } = answer;
  if (writeConcernError !== undefined) throw new DeskError('DESK_FAULT', faultOf(writeConcernError.code));
  const refused = new Map<number, Refusal>();
  for (const { index, code } of writeErrors) {
    if (code !== DUPLICATE_KEY && !DOCUMENT_REFUSED.has(code))
      throw new DeskError('DESK_FAULT', faultOf(code));
    refused.set(index, code === DUPLICATE_KEY ? 'taken' : code);
  }
  return { count: n, refused };
}

function faultOf(code: number): string {
  return `the desk's database could not write, with its code ${code}`;
}
