const MARK = Buffer.of(0xef, 0xbb, 0xbf);

/** The chunks of a UTF-8 part without its byte order mark. */
export async function* withoutByteOrderMark(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < MARK.length) continue;
    yield head.subarray(head.subarray(0, MARK.length).equals(MARK) ? MARK.length : 0);
    head = null;
  }
  if (head !== null) yield head;
}
