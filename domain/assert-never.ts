/** Closes a switch over a union: a new member no longer compiles. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected value of type ${typeof value}`);
}
