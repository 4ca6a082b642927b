import type { Call } from './route.ts';
import { Problem } from './problem.ts';

/** Whether a list of entity tags, as If-Match and If-None-Match have it, holds one (or `*`); a weak tag is never the same. */
export function namesTag(given: string, tag: string): boolean {
  return given.trim() === '*' || given.split(',').some((each) => each.trim() === tag);
}

/** The entity tag of an uploaded file: the SHA-256 of its bytes. */
export function fileTag({ sha256 }: { sha256: string }): string {
  return `"${sha256}"`;
}

/**
 * What a call asks of the file it replaces or drops, to be held against the file that is there.
 * @throws Problem `file-changed`, from the function that is given
 */
export function filePrecondition(call: Pick<Call, 'request'>): (before: { sha256: string } | null) => void {
  const match = call.request.get('if-match');
  const noneMatch = call.request.get('if-none-match');
  return (before) => {
    const refuse = (why: string): Problem =>
      new Problem('file-changed', `${why} Read the request again.`, {
        headers: before === null ? {} : { ETag: fileTag(before) },
      });
    if (match !== undefined && (before === null || !namesTag(match, fileTag(before)))) {
      throw refuse(
        before === null ? 'There is no file of this name.' : 'The file of this name is another one.',
      );
    }
    if (noneMatch !== undefined && before !== null && namesTag(noneMatch, fileTag(before))) {
      throw refuse('There is a file of this name.');
    }
  };
}
