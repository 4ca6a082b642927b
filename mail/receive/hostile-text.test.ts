import { expect, it } from 'vitest';
import { newText } from './new-text.ts';
import { textOfHtml } from './text-of-html.ts';

/** What comes again and again in a mail that is made to keep a pattern busy; what would end it does not come. */
const PIECES = [
  ' ',
  '\t',
  '\u00a0',
  ' \n ',
  '> ',
  '<',
  '<a ',
  '<td></td>',
  '&#9;',
  '1/',
  'a@',
  'on a wrote',
  'さん',
  '_',
];
const CHARACTERS = 150_000;
/** In the square of the length it would take minutes. */
const PATIENCE_MS = 10_000;

it.each([
  ['plain text', newText],
  ['HTML', textOfHtml],
])(
  'E1: a mail in %s is read in time, whatever it repeats',
  (_name, read) => {
    for (const piece of PIECES) {
      const begun = performance.now();
      read(`x${piece.repeat(CHARACTERS / piece.length)}.`);
      expect([piece, performance.now() - begun < PATIENCE_MS]).toEqual([piece, true]);
    }
  },
  60_000,
);
