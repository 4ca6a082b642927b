import type { ProgressSeen } from './follow-migration.ts';

const WIDTH = 28;

/** One line per tab: name, bar, done of total, failed, speed. */
function progressLines(progress: ProgressSeen): string[] {
  return progress.tabs.map(({ tab, total, done, failed, recordsPerSecond }) => {
    const share = total === null || total === 0 ? (total === 0 ? 1 : 0) : Math.min(1, done / total);
    const full = Math.round(share * WIDTH);
    const speed =
      recordsPerSecond === null || recordsPerSecond === 0 ? '' : `${Math.round(recordsPerSecond)}/s`;
    return [
      tab.padEnd(12),
      `[${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}]`,
      `${done}/${total ?? '?'}`.padStart(13),
      (failed > 0 ? `${failed} failed` : '').padEnd(12),
      speed,
    ].join(' ');
  });
}

/** Draws progress over itself on a terminal; writes each tab once it is done where there is none. */
export function progressDrawer(out: NodeJS.WriteStream): { draw(progress: ProgressSeen): void; end(): void } {
  let drawn = 0;
  const told = new Set<string>();
  return {
    draw(progress) {
      if (!out.isTTY) {
        for (const [index, { tab, total, done }] of progress.tabs.entries()) {
          const key = `${progress.phase} ${tab}`;
          if (total === null || done < total || told.has(key)) continue;
          told.add(key);
          out.write(`  ${progressLines(progress)[index]}\n`);
        }
        return;
      }
      const lines = progressLines(progress);
      if (drawn > 0) out.write(`\u001b[${drawn}A`);
      for (const line of lines) out.write(`\u001b[2K  ${line}\n`);
      drawn = lines.length;
    },
    end() {
      drawn = 0;
    },
  };
}

/** A table with a head line, columns as wide as they need to be, numbers to the right. */
export function table(head: string[], rows: (string | number)[][]): string {
  const cells = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))));
  const line = (row: string[], index: number): string =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
        return index > 0 && typeof rows[index - 1]?.[column] === 'number' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return cells.map(line).join('\n');
}

/** How many columns of a terminal a text takes: Japanese, Chinese and Korean characters take two. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
