import type { Tab } from '../domain/tab.ts';

const TAB_OF_STEM: Readonly<Record<string, Tab>> = {
  agents: 'agents',
  accounts: 'accounts',
  contacts: 'contacts',
  products: 'products',
  tickets: 'tickets',
  threads: 'threads',
  ticketcomments: 'comments',
  comments: 'comments',
  attachments: 'attachments',
  articles: 'articles',
};

/** Extensions of files that may hold a tab. */
export const TABLE_NAME = /\.(?:csv|tsv|txt|json|jsonl|ndjson|xml)$/i;

/**
 * The tab a file's name stands for, `<Tab>_<number>.csv` or `<Tab>.csv` (formats.md); folders and case do not matter. A
 * handed-back file keeps its meaning: `Tickets.json.csv`, `Tickets (2).csv` (C6).
 */
export function tabOfName(path: string): Tab | null {
  const base = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const stem = base
    .replace(TABLE_NAME, '')
    .replace(/ \(\d+\)$/, '')
    .replace(TABLE_NAME, '')
    .replace(/_\d+$/, '')
    .toLowerCase();
  return TABLE_NAME.test(base) && Object.hasOwn(TAB_OF_STEM, stem) ? (TAB_OF_STEM[stem] as Tab) : null;
}
