/** A part of an `_id` with `/` and `%` percent-encoded, so that it stays one part. */
export function idPart(text: string): string {
  return text.includes('/') || text.includes('%') ? text.replace(/%/g, '%25').replace(/\//g, '%2F') : text;
}
