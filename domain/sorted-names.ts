interface Step {
  next: Map<string, Step>;
  /** of the names up to here; null until they are asked for */
  order: { names: readonly string[]; places: readonly number[] } | null;
}

/** More steps than any help desk's records need; records whose names never repeat must not fill the memory. */
const MOST_STEPS = 10_000;

/**
 * Sorts the names of a record's fields as `canonical` does. Records of a tab have the same few lists of names, so each list is
 * sorted once and found again name by name.
 */
export class SortedNames {
  #root: Step = { next: new Map(), order: null };
  #steps = 0;

  /** The names in order. */
  sorted(names: readonly string[]): readonly string[] {
    return this.#orderOf(names, 0, names.length).names;
  }

  /** Where the names of a part of a list stand, counted from its begin, in order. */
  places(names: readonly string[], from: number, to: number): readonly number[] {
    return this.#orderOf(names, from, to).places;
  }

  #orderOf(names: readonly string[], from: number, to: number): NonNullable<Step['order']> {
    let step = this.#root;
    for (let at = from; at < to; at++) {
      const name = names[at] as string;
      let next = step.next.get(name);
      if (next === undefined) {
        if (++this.#steps > MOST_STEPS) {
          this.#root = { next: new Map(), order: null };
          this.#steps = 0;
          return orderOf(names.slice(from, to));
        }
        next = { next: new Map(), order: null };
        step.next.set(name, next);
      }
      step = next;
    }
    step.order ??= orderOf(names.slice(from, to));
    return step.order;
  }
}

function orderOf(names: readonly string[]): NonNullable<Step['order']> {
  const places = names.map((_, place) => place);
  places.sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : 1));
  return { places, names: places.map((place) => names[place] as string) };
}
