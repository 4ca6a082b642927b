/** Numbers that look random and are the same for the same seed and keys, on every machine. */
export interface Random {
  /** at least 0, below 1 */
  next(): number;
  /** a whole number, at least 0, below `below` */
  int(below: number): number;
  pick<T>(list: readonly T[]): T;
  chance(probability: number): boolean;
}

/** 32-bit FNV-1a over the keys, stirred so that neighbouring keys give unlike numbers. */
function hash(keys: readonly (string | number)[]): number {
  let value = 0x811c9dc5;
  for (const key of keys) {
    for (const c of `${key}/`) value = Math.imul(value ^ (c.codePointAt(0) ?? 0), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/**
 * The random numbers that belong to a thing named by its keys, for example (seed, 'ticket', 12). Nothing else
 * changes them, so a record can be made again without making those before it.
 */
export function randomFor(...keys: readonly (string | number)[]): Random {
  let state = hash(keys);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    next,
    int,
    pick: <T>(list: readonly T[]): T => {
      if (list.length === 0) throw new RangeError('nothing to pick from');
      return list[int(list.length)] as T;
    },
    chance: (probability) => next() < probability,
  };
}
