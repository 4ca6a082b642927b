import type { Fields } from '../domain/canonical.ts';
import { mayHoldImages } from '../domain/find-images.ts';
import type { Tab } from '../domain/tab.ts';

/** The fields whose texts people see as a page: only they hold images (C4). */
const BODIES: Partial<Record<Tab, readonly string[]>> = {
  tickets: ['description', 'resolution'],
  threads: ['content'],
  comments: ['content'],
  articles: ['answer'],
};

/** The tabs whose records have bodies, in import order. */
export const TABS_WITH_BODIES = Object.keys(BODIES) as readonly Tab[];

/** A record's bodies. */
export function bodyTexts(tab: Tab, fields: Fields): string[] {
  return (BODIES[tab] ?? []).flatMap((field) => {
    const text = fields[field];
    return typeof text === 'string' ? [text] : [];
  });
}

/** C4: whether a record's bodies may hold images; costs next to nothing for those that do not. */
export function holdsImages(tab: Tab, fields: Fields): boolean {
  const bodies = BODIES[tab];
  if (bodies === undefined) return false;
  return bodies.some((field) => {
    const text = fields[field];
    return typeof text === 'string' && mayHoldImages(text);
  });
}
