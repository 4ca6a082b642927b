import { z } from 'zod';

/** Where a page begins: `next` of the one before. */
export const cursor = z
  .string()
  .regex(/^[\w.-]{1,200}$/, 'is no cursor of this list')
  .meta({ description: '`next` of the page before.' });

/** How much a page holds. */
export const limit = z.coerce
  .number('is not a number')
  .int('is not a whole number')
  .min(1, 'is less than 1')
  .max(100, 'is more than 100');

const pageLimit = limit
  .optional()
  .meta({ description: 'Most that one page holds, up to 100; without it, everything is answered at once.' });

/** Of a list that is whole unless pages are asked for (H). */
export const pageQuery = z.strictObject({ limit: pageLimit, cursor: cursor.optional() });

/** The same of a list in order of its numbers: a cursor is a number. */
export const numberedPageQuery = z.strictObject({
  limit: pageLimit,
  cursor: cursor
    .regex(/^\d{1,15}$/, 'is no cursor of this list')
    .transform(Number)
    .optional(),
});

/** A page, and the cursor of the next one. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/**
 * H: the page at the head of what stands from a cursor on.
 * @param found at least one more than the page holds, where there are more
 * @param most undefined for everything
 */
export function pageOf<T>(
  found: readonly T[],
  most: number | undefined,
  cursorOf: (item: T) => string | number,
): Page<T> {
  const items = found.slice(0, most);
  const last = items.at(-1);
  return { items, next: last !== undefined && found.length > items.length ? String(cursorOf(last)) : null };
}
