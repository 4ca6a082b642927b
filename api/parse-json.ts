import { jsonPointer } from './json-pointer.ts';
import { Problem } from './problem.ts';
import { invalidBody } from './valid.ts';

/**
 * Reads the JSON of a body. A name that comes twice in one object is refused: which of the two counts would be anybody's guess.
 * @throws Problem `malformed-json`, or `invalid-body` for a name that comes twice
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // the parser's message may quote the body; only the place is told
    const place = /position \d+(?: \(line \d+ column \d+\))?/.exec(
      error instanceof Error ? error.message : '',
    )?.[0];
    throw new Problem(
      'malformed-json',
      `Correct the JSON of the body${place === undefined ? '' : ` at ${place}`}.`,
    );
  }
  const twice = repeatedName(text);
  if (twice !== null) throw invalidBody([{ pointer: jsonPointer(twice), detail: 'comes twice' }]);
  return value;
}

interface Open {
  /** null for a list */
  names: Set<string> | null;
  /** where the reader is in it: the last name, or the place in the list */
  at: string | number;
}

/** The path to the first name that comes twice in one object of valid JSON; null when there is none. */
function repeatedName(json: string): (string | number)[] | null {
  const open: Open[] = [];
  let nameNext = false;
  for (let index = 0; index < json.length; index++) {
    const here = open.at(-1);
    switch (json.charAt(index)) {
      case '{':
        open.push({ names: new Set(), at: '' });
        nameNext = true;
        break;
      case '[':
        open.push({ names: null, at: 0 });
        nameNext = false;
        break;
      case '}':
      case ']':
        open.pop();
        nameNext = false;
        break;
      case ',':
        nameNext = here !== undefined && here.names !== null;
        if (here !== undefined && typeof here.at === 'number') here.at += 1;
        break;
      case '"': {
        const end = endOfText(json, index);
        if (nameNext && here?.names) {
          here.at = JSON.parse(json.slice(index, end + 1)) as string;
          if (here.names.has(here.at)) return open.map(({ at }) => at);
          here.names.add(here.at);
          nameNext = false;
        }
        index = end;
        break;
      }
    }
  }
  return null;
}

/** Where the text that begins at a quote ends. */
function endOfText(json: string, begin: number): number {
  for (let end = json.indexOf('"', begin + 1); ; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end;
  }
}
