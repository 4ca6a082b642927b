import type { EngineParts } from './import-engine.ts';

/** What answers piece by piece: such a call cannot be held. */
const STREAMS = new Set(['all', 'scan', 'scanPortal', 'pages', 'list']);

/** The parts of an engine, of which one call to the world waits until it is let go; what follows it waits behind it. */
export interface HeldParts {
  parts: EngineParts;
  /** settles when the call has come */
  reached: Promise<void>;
  letGo: () => void;
}

/**
 * Holds back the n-th call to a store, the desk or the storage, before it is made: so an attempt stands still that others believe
 * dead.
 */
export function holdCall({ desk, stores, storage, ...rest }: EngineParts, at: number): HeldParts {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const held = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name, receiver): unknown {
        const value: unknown = Reflect.get(target, name, receiver);
        if (typeof value !== 'function' || STREAMS.has(String(name))) return value;
        return async (...given: unknown[]): Promise<unknown> => {
          if (++calls === at) {
            reached.resolve();
            await gate.promise;
          }
          return Reflect.apply(value, target, given) as unknown;
        };
      },
    });
  const heldStores = Object.fromEntries(
    Object.entries(stores).map(([name, store]: [string, object]) => [name, held(store)]),
  ) as unknown as typeof stores;
  return {
    parts: { ...rest, desk: held(desk), stores: heldStores, storage: held(storage) },
    reached: reached.promise,
    letGo: () => gate.resolve(),
  };
}
