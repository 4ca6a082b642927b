import type { ApiClient } from './api-client.ts';

const PAGE = 100;

/**
 * Reads a list page by page to its end (H).
 * @param list the member of the answers that holds it
 * @returns the answer as if it had come at once: its other members are those of the last page
 */
export async function readPages<A extends { next: string | null }>(
  api: ApiClient,
  path: string,
  list: keyof A & string,
): Promise<A> {
  const items: unknown[] = [];
  let cursor = '';
  for (;;) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === '' ? {} : { cursor }) });
    const page = await api.call<A>('GET', `${path}?${query.toString()}`);
    items.push(...(page[list] as unknown[]));
    if (page.next === null) return { ...page, [list]: items };
    cursor = page.next;
  }
}
