const FORMULA = /^'*[=+\-@\t\r]/;
const NEUTRALISED = /^'+[=+\-@\t\r]/;

/**
 * C7: a cell that a spreadsheet would take for a formula gets a `'` in front. Reversible: a cell that looks neutralised
 * already gets one more.
 */
export function neutralise(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

/** What neutralise was given. */
export function plainCell(cell: string): string {
  return NEUTRALISED.test(cell) ? cell.slice(1) : cell;
}
