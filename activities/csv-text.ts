/** What a cell must be quoted for: a delimiter, a quote, either kind of line end, and what would be taken for a byte order mark. */
const QUOTED = /[",\r\n\uFEFF]/;

/** One cell as CSV. */
export function csvCell(cell: string): string {
  return QUOTED.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * Rows as CSV (docs/formats.md, General): UTF-8, commas, LF at the end of every row. Read again it gives the same cells, whatever
 * they hold.
 */
export function csvText(rows: readonly (readonly string[])[]): Buffer {
  let text = '';
  for (const row of rows) {
    for (let place = 0; place < row.length; place++) {
      if (place > 0) text += ',';
      text += csvCell(row[place] ?? '');
    }
    text += '\n';
  }
  return Buffer.from(text);
}
