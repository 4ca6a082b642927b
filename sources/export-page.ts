import { z } from 'zod';
import { isTab } from '../domain/tab.ts';
import type { SourceInventory, SourcePage, SourceTab } from './help-desk-api.ts';
import { membersOf } from './json-record.ts';
import { SourceError } from './source-error.ts';

const LONGEST_CURSOR = 2_000;

const inventoryAnswer = z.object({
  time: z.string().min(1).max(100),
  tabs: z.array(z.object({ tab: z.string(), records: z.int().min(0) })).max(100),
});

const bad = (why: string): SourceError =>
  new SourceError(
    'SOURCE_ANSWER_BAD',
    `The source's answer ${why}. It must be as docs/source-api.md describes.`,
  );

/** Reads the answer to `GET /tabs`; tabs of other names are none of ours. @throws SourceError SOURCE_ANSWER_BAD */
export function readInventory(bytes: Buffer): SourceInventory {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw bad('to /tabs is not valid JSON');
  }
  const { data, error } = inventoryAnswer.safeParse(value);
  if (data === undefined) throw bad(`to /tabs is faulty at "${error.issues[0]?.path.join('.') ?? ''}"`);
  const tabs = data.tabs.filter((each): each is SourceTab => isTab(each.tab));
  if (new Set(tabs.map(({ tab }) => tab)).size < tabs.length) throw bad('to /tabs names a tab twice');
  return { time: data.time, tabs };
}

/**
 * Reads the answer to `GET /<tab>`. Records are taken out as they stand, byte by byte: a number keeps all its digits, and bytes that
 * are not valid UTF-8 are their own record's fault alone (G).
 * @throws SourceError SOURCE_ANSWER_BAD
 */
export function readPage(bytes: Buffer): SourcePage {
  // one character per byte; what JSON is made of is ASCII
  const text = bytes.toString('latin1');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('to a page is not valid JSON');
  }
  if (typeof value !== 'object' || value === null) throw bad('to a page is not an object');
  const { records, next } = value as { records?: unknown; next?: unknown };
  if (!Array.isArray(records)) throw bad('to a page has no list "records"');
  if (next !== null && (typeof next !== 'string' || next === '' || next.length > LONGEST_CURSOR)) {
    throw bad(`to a page has no "next" that is null or a text of at most ${LONGEST_CURSOR} characters`);
  }
  let list = '[]';
  for (const [name, cell] of membersOf(text)) if (name === 'records') list = cell;
  return {
    body: Buffer.from(list.slice(1, -1).trim(), 'latin1'),
    records: records.length,
    next: next === null ? null : Buffer.from(next, 'latin1').toString('utf8'),
  };
}
