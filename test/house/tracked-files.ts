import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

/** Paths of the files git tracks and that are there, relative to the root, that end in one of `endings` (all if none). */
export function trackedFiles(...endings: string[]): string[] {
  return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)))
    .filter((file) => endings.length === 0 || endings.some((ending) => file.endsWith(ending)));
}
