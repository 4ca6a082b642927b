const NUMBER = /[\s_-]*(\d+)(?:\s*\(\d+\))?(?:\.[a-z]+)?$/i;

/** The number of a numbered file (`Tickets_02.csv` is 2); 0 without one. Parts of a tab are read in its order (A4). */
export function numberOfFile(path: string): number {
  const number = NUMBER.exec(path);
  return number === null ? 0 : Number(number[1]);
}

/** What names a source file in the report's `failed/<source file>.csv` (C6): its path without `.csv`, safe in an archive. */
export function sourceFileLabel(name: string): string {
  return name
    .replace(/\.csv$/i, '')
    .split(/[/\\]/)
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .join('/');
}
