import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, trackedFiles } from './tracked-files.ts';

const LARGEST = 1_000_000;
const BINARY = /\.(png|jpe?g|gif|ico|woff2?|zip|gz|jar)$/;

/** What belongs to one machine or one network; put together here so that this file does not hold it. */
const ELSEWHERE = [
  ['registry', 'npmjs', 'org'].join('\\.'),
  ['registry', 'yarnpkg', 'com'].join('\\.'),
  ['artif', 'actory'].join(''),
  ['/ho', 'me/\\w+'].join(''),
  ['/ro', 'ot/'].join(''),
  ['/wo', 'rk/'].join(''),
];

describe('tracked files', () => {
  test('are 1 MB at most', () => {
    const large = trackedFiles().filter((file) => statSync(path.join(root, file)).size > LARGEST);
    expect(large).toEqual([]);
  });

  test('hold no address of one machine or package registry', () => {
    const pattern = new RegExp(`(^|[^\\w.])(${ELSEWHERE.join('|')})`, 'i');
    const found = trackedFiles()
      .filter((file) => !BINARY.test(file))
      .flatMap((file) =>
        readFileSync(path.join(root, file), 'utf8')
          .split('\n')
          .flatMap((line, index) =>
            pattern.test(line) ? [`${file}:${index + 1}: ${line.slice(0, 120)}`] : [],
          ),
      );
    expect(found).toEqual([]);
  });

  test('are not generated: no data, reports or logs', () => {
    const generated = trackedFiles().filter((file) =>
      /(^|\/)(node_modules|\.deskferry|coverage)\/|\.log$/.test(file),
    );
    expect(generated).toEqual([]);
  });
});
