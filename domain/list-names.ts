const MOST_NAMED = 20;

/** Names for a message: the first twenty, and whether there are more. */
export function listNames(names: readonly string[]): string {
  return names.slice(0, MOST_NAMED).join(', ') + (names.length > MOST_NAMED ? ', ...' : '');
}
