/** RFC 6901: the pointer to a value inside a JSON body; an empty path points at the whole body. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
