import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeRoutes } from './describe-api.ts';
import { PROBLEMS } from './problem.ts';

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

const api = read('docs/api.md');
const security = read('docs/security.md');
const routes = describeRoutes('');

/** Every call of the page's examples: method, address as the table of routes has it, and JSON body. */
function exampleCalls(): { method: string; address: string; body: string | null }[] {
  const blocks = [...api.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const commands = blocks.flatMap((block) => block.split(/\bcurl /).slice(1));
  return commands.map((command) => {
    const [, given] = /-X ([A-Z]+)/.exec(command) ?? [];
    const method =
      given ?? (/(?:^| )-T /.test(command) ? 'PUT' : /(?:^| )-I /.test(command) ? 'HEAD' : 'GET');
    const [, written = ''] = /"(\$url[^"]*)"/.exec(command) ?? [];
    const address = written
      .replace('$url$request', '/v1/migrations/{request}')
      .replace('$url$upload', '/v1/uploads/{upload}')
      .replace('$url', '')
      .replace(/\?.*/, '');
    const [, body] = / -d '(\{.*?\})'/s.exec(command) ?? [];
    return { method, address, body: body ?? null };
  });
}

describe('docs/api.md', () => {
  it('H: calls only what is served, with bodies that are taken', () => {
    const calls = exampleCalls();
    expect(calls.length).toBeGreaterThan(25);
    for (const { method, address, body } of calls) {
      const route = routes.find(
        (each) =>
          each.method === method.toLowerCase() &&
          new RegExp(`^${each.path.replaceAll('.', '\\.').replace('{name}', '[^/]+')}$`).test(
            address.replaceAll(/\{(request|upload)\}/g, '{$1}'),
          ),
      );
      expect([method, address, route?.operation]).toEqual([method, address, expect.any(String)]);
      const checked = body === null ? true : route?.body?.safeParse(JSON.parse(body)).success;
      expect([address, checked]).toEqual([address, true]);
    }
  });

  it('H: tells what to do about every problem, with its status', () => {
    const rows = [...api.matchAll(/^\| (`.*?) \| (\d{3}) \|/gm)];
    const told = rows.flatMap(([, codes = '', status]) =>
      codes.split(', ').map((code) => [code.replaceAll('`', ''), Number(status)]),
    );
    const known = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(known));
  });
});

describe('docs/security.md', () => {
  it('F4: every test it names is there', () => {
    const shown = [...security.matchAll(/^\| .* \| .* \| (.*) \|$/gm)].map(([, cell = '']) => cell);
    const tests = shown.flatMap((cell) => {
      let file = '';
      return cell.split(' / ').flatMap((part) => {
        const [, named, title] = /^`([\w/.-]+\.test\.ts)`: (.+)$/.exec(part) ?? [];
        file = named ?? file;
        return file === '' ? [] : [{ file, title: title ?? part }];
      });
    });
    expect(tests.length).toBeGreaterThan(35);
    const missing = tests.filter(({ file, title }) => !read(file).replaceAll("\\'", "'").includes(title));
    expect(missing).toEqual([]);
  });
});
