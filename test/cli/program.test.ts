import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { completionScript, SHELLS } from '../../cli/completion-script.ts';
import { createProgram } from '../../cli/create-program.ts';
import { checkedUrl, isUnprotected } from '../../cli/credentials.ts';
import { printable, shellWords } from '../../cli/output.ts';
import { table } from '../../cli/show-progress.ts';
import { COMMAND } from './run-command.ts';

const program = createProgram(false);

/** Every command by the words that give it. */
function everyCommand(command: Command, words: string[] = []): { words: string[]; command: Command }[] {
  return command.commands.flatMap((each) => {
    const path = [...words, each.name()];
    return [{ words: path, command: each }, ...everyCommand(each, path)];
  });
}
const commands = everyCommand(program);

/** The help as it is shown, with what is added after it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

describe('help', () => {
  test.each(commands.map(({ words, command }) => [words.join(' '), command] as const))(
    '%s says what it does and shows an example',
    (name, command) => {
      expect([command.summary(), command.description()]).not.toContain('');
      const help = helpOf(command);
      // what only holds others leaves the examples to them
      expect(command.commands.length > 0 || help.includes(`deskferry ${name}`)).toBe(true);
      expect(help).not.toContain('undefined');
    },
  );

  test('docs/command.md explains every command', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/command.md'), 'utf8');
    expect(
      commands.filter(({ words }) => !page.includes(`\`${words.join(' ')}`)).map(({ words }) => words),
    ).toEqual([]);
  });
});

describe('help about a command', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });

  test('is shown for the words that give it, as with --help', () => {
    const asked = run('help', 'keys', 'create');
    expect([asked.status, asked.stdout]).toEqual([0, run('keys', 'create', '--help').stdout]);
    expect(asked.stdout).toContain('Make a key; it is shown once.');
    const unknown = run('help', 'keys', 'crate');
    expect([unknown.status, unknown.stdout]).toEqual([2, '']);
    expect(unknown.stderr).toContain("unknown command 'keys crate'");
  });

  test('ends quietly when nobody reads it any more', async () => {
    const child = spawn(process.execPath, [COMMAND, 'help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect([child.exitCode, stderr]).toEqual([0, '']);
  });
});

describe('completion', () => {
  test.each(SHELLS)('%s knows every command and every option', (shell) => {
    const script = completionScript(program, shell);
    for (const { words, command } of commands) {
      expect(script).toContain(words.at(-1));
      for (const { long } of command.options) expect(script).toContain(long?.replace(/^--/, '') ?? '');
    }
  });
});

describe('completion in bash', () => {
  const script = completionScript(program, 'bash');
  /** What a bash that has read the script offers for the last of these words. */
  const offered = (...words: string[]): string[] => {
    const ask =
      'eval "$1"; shift; COMP_WORDS=(deskferry "$@"); COMP_CWORD=$#; _deskferry; printf "%s\\n" "${COMPREPLY[@]}"';
    const told = execFileSync('bash', ['--norc', '--noprofile', '-c', ask, 'bash', script, ...words], {
      encoding: 'utf8',
    });
    return told.split('\n').filter((word) => word !== '');
  };

  test('offers commands, what follows them, options and their values', () => {
    expect(offered('mig')).toEqual(['migrate']);
    expect(offered('queue', 'fr')).toEqual(['front']);
    expect(offered('keys', '')).toEqual(expect.arrayContaining(['create', 'list', 'revoke']));
    expect(offered('migrate', 'Contacts.csv', '--por')).toEqual(['--portal']);
    expect(offered('status', '--state', 'PEN')).toEqual(['PENDING']);
    expect(offered('completion', '')).toEqual(expect.arrayContaining([...SHELLS]));
    expect(offered('nothing-like-it', 'xyz')).toEqual([]);
  });
});

describe('what is shown', () => {
  test('text of others cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007c\u202ed\r\ne\tf')).toBe('a\ufffd[2Jb\ufffdc\ufffdd\ufffd\ne\tf');
  });

  test('commands to copy are quoted for a shell', () => {
    expect(shellWords(['deskferry', 'reply', "it's a file.csv", 'a.csv'])).toBe(
      String.raw`deskferry reply 'it'\''s a file.csv' a.csv`,
    );
  });

  test('columns stand under each other, also with Japanese in them', () => {
    expect(
      table(
        ['name', 'n'],
        [
          ['経理', 1],
          ['a', 20],
        ],
      ).split('\n'),
    ).toEqual(['name  n', '経理   1', 'a     20']);
  });
});

describe('addresses', () => {
  test('are told from anything else, and lose the slash at their end', () => {
    expect(checkedUrl('https://desk.example/ferry/')).toBe('https://desk.example/ferry');
    for (const wrong of [
      'desk.example',
      'ftp://desk.example',
      'https://me:key@desk.example',
      'https://a.b/?x=1',
    ]) {
      expect(() => checkedUrl(wrong)).toThrow('--url takes an address');
    }
  });

  test('a key is unprotected on a network without TLS, not on this machine', () => {
    expect(isUnprotected('http://desk.example')).toBe(true);
    expect(isUnprotected('https://desk.example')).toBe(false);
    expect(isUnprotected('http://127.0.0.1:8080')).toBe(false);
    expect(isUnprotected('http://[::1]:8080')).toBe(false);
  });
});
