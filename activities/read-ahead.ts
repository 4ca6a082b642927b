/**
 * Reads one place after the other, in their order; while one is looked at the next is read.
 * @throws what `read` throws, when its turn comes
 */
export async function* readAhead<Place, Found>(
  places: AsyncIterable<Place> | Iterable<Place>,
  read: (place: Place) => Promise<Found>,
): AsyncGenerator<Found> {
  let next: Promise<Found> | null = null;
  for await (const place of places) {
    const following = read(place);
    // awaited in the next round; a failure before that is told there
    following.catch(() => {});
    if (next !== null) yield await next;
    next = following;
  }
  if (next !== null) yield await next;
}
