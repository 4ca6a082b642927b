import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAILURE_CODES, RESULTS, SKIP_CODES, WARNING_CODES } from '../../domain/codes.ts';
import { COLUMNS } from '../../domain/columns.ts';
import { STATE_LABELS, STATES } from '../../domain/lifecycle.ts';
import { TABS, TAB_TITLES } from '../../domain/tab.ts';
import { root, trackedFiles } from './tracked-files.ts';

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const requirements = read('docs/requirements.md');
const formats = read('docs/formats.md');

/** A document without its code blocks. */
const prose = (text: string): string => text.replaceAll(/^```.*?^```$/gms, '');

/** The anchors of a document's headings, as web pages of repositories make them. */
function anchors(text: string): Set<string> {
  const headings = [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('links', () => {
  test('every relative link leads to a file and a heading that are there', () => {
    const broken: string[] = [];
    for (const file of trackedFiles('.md')) {
      for (const [, target = ''] of prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [place = '', anchor] = target.split('#');
        const led = place === '' ? file : path.join(path.dirname(file), place);
        if (!existsSync(path.join(root, led))) broken.push(`${file}: ${target}`);
        else if (anchor !== undefined && !anchors(read(led)).has(anchor)) broken.push(`${file}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('every page of docs/ is in its index', () => {
    const index = read('docs/README.md') + read('docs/decisions/README.md');
    const pages = trackedFiles('.md').filter(
      (file) => file.startsWith('docs/') && !file.endsWith('/README.md'),
    );
    expect(pages.filter((page) => !index.includes(`(${path.basename(page)})`))).toEqual([]);
  });
});

describe('requirements.md', () => {
  const rules = [...requirements.matchAll(/^- \*\*([A-G])(\d+)\.\*\*/gm)].map(
    ([, letter = '', number = '']) => ({
      letter,
      number: Number(number),
    }),
  );
  const known = new Set(rules.map(({ letter, number }) => `${letter}${number}`));

  test('numbers the rules of each section from 1, none left out', () => {
    const sections = Object.groupBy(rules, ({ letter }) => letter);
    expect(Object.keys(sections)).toEqual(['A', 'B', 'C', 'D', 'E', 'F']);
    for (const section of Object.values(sections)) {
      const numbers = (section ?? []).map(({ number }) => number);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  });

  test('holds every rule that a comment or a test title cites', () => {
    const unknown: string[] = [];
    for (const file of trackedFiles('.ts', '.java', '.md')) {
      const text = read(file);
      const citing = [
        // a test named by its rules: "C3, C9: ..."
        ...text.matchAll(/\b(?:describe|it|test)(?:\.\w+)*\(\s*['"`]((?:[A-G]\d{1,2}(?:, )?)+):/g),
        // a comment or sentence: "(C3)", "(C7, D1)", "(D1 in full)"
        ...text.matchAll(/\(((?:[A-G]\d{1,2}(?:, )?)+)[ )]/g),
        // a doc comment that begins with its rule: "/** C3: ..."
        ...text.matchAll(/(?:\/\*\*|\*|\/\/) ((?:[A-G]\d{1,2}(?:, )?)+): /g),
      ];
      for (const [, cited = ''] of citing) {
        for (const rule of cited.split(', ')) if (!known.has(rule)) unknown.push(`${file}: ${rule}`);
      }
    }
    expect(unknown).toEqual([]);
  });

  test('A3: names the tabs in the order of their import', () => {
    expect(requirements.replaceAll(/\s+/g, ' ')).toContain(`in this order, always: ${TABS.join(', ')}.`);
  });

  test('G: names every code and result, and no code that is not there', () => {
    const section = requirements.slice(requirements.indexOf('## G. '), requirements.indexOf('## H. '));
    const listed = [...section.matchAll(/^\| ([A-Z][A-Z_]+) \|/gm)].map(([, code = '']) => code);
    expect(listed.toSorted()).toEqual([...FAILURE_CODES, ...SKIP_CODES, ...WARNING_CODES].toSorted());
    for (const result of RESULTS) expect(section).toContain(`\`${result}\``);
  });

  test('names every state with its Japanese label', () => {
    const section = requirements.slice(requirements.indexOf('## States'), requirements.indexOf('## A. '));
    for (const state of STATES) {
      expect(section).toContain(state);
      expect(section).toContain(STATE_LABELS[state].ja);
    }
  });
});

describe('formats.md', () => {
  test.each(TABS)('lists the columns of %s as they are read: name, required, longest', (tab) => {
    const start = formats.indexOf(`### ${TAB_TITLES[tab]}\n`);
    expect(start).toBeGreaterThan(0);
    const table = formats.slice(start, formats.indexOf('```csv', start));
    const rows = [...table.matchAll(/^\| (\*\*)?([^|*]+?)(?:\*\*)? \| ([^|]+) \| ?([\d,]*) ?\|/gm)].map(
      ([, bold, header = '', , longest = '']) => ({
        header,
        required: bold !== undefined,
        longest: longest === '' ? null : Number(longest.replaceAll(',', '')),
      }),
    );
    expect(rows).toEqual(
      COLUMNS[tab].map(({ header, required = false, longest = null }) => ({ header, required, longest })),
    );
  });

  test.each(TABS)('gives an example of %s with known columns and all required ones', (tab) => {
    const start = formats.indexOf(`### ${TAB_TITLES[tab]}\n`);
    const example = formats.slice(formats.indexOf('```csv\n', start) + '```csv\n'.length);
    const headers = example.slice(0, example.indexOf('\n')).split(',');
    const columns = COLUMNS[tab].map(({ header }) => header);
    expect(headers.filter((header) => !columns.includes(header))).toEqual([]);
    const required = COLUMNS[tab].filter((column) => column.required === true).map(({ header }) => header);
    expect(required.filter((header) => !headers.includes(header))).toEqual([]);
  });
});
