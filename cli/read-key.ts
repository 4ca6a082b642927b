import { interrupted, usageFailure } from './command-failure.ts';

const MOST_CHARACTERS = 10_000;

/**
 * Reads a key from standard input: typed without being shown on a terminal, else the first line of what comes.
 * @throws CommandFailure when nothing comes, or on Ctrl-C
 */
export async function readKey(prompt: string): Promise<string> {
  return process.stdin.isTTY ? typeKey(prompt) : pipeKey();
}

async function pipeKey(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MOST_CHARACTERS) break;
  }
  const [line = ''] = text.trim().split(/\r?\n/);
  if (line === '')
    throw usageFailure('There is no key on standard input.', 'Pipe it in, or give --key-file.');
  return line;
}

function typeKey(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true).setEncoding('utf8').resume();
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (settle: () => void): void => {
      stdin.off('data', take).setRawMode(false).pause();
      stderr.write('\n');
      settle();
    };
    const take = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') return end(() => resolve(typed));
        // Ctrl-C and Ctrl-D: in raw mode they come as characters
        if (character === '\u0003' || character === '\u0004') return end(() => reject(interrupted()));
        if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1);
        else if (character >= ' ' && typed.length < MOST_CHARACTERS) typed += character;
      }
    };
    stdin.on('data', take);
  });
}
