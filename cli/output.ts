import type { CommandFailure } from './command-failure.ts';

/** Where a command writes: lines for people, or one JSON document for programs. */
export interface Output {
  json: boolean;
  /** takes bars and lines on the way: standard output for people, standard error beside a JSON document */
  progress: NodeJS.WriteStream;
  /** Says a line on the way. */
  say(line?: string): void;
  /** Warns on standard error. */
  warn(line: string): void;
  /** Tells the result: the document for programs, the text for people. */
  result(document: unknown, text: string): void;
  /** Tells why it failed. */
  failed(failure: CommandFailure): void;
}

/** @param json one JSON document on standard output, and nothing else there */
export function createOutput(json: boolean): Output {
  const progress = json ? process.stderr : process.stdout;
  return {
    json,
    progress,
    say: (line = '') => void progress.write(`${printable(line)}\n`),
    warn: (line) => void process.stderr.write(`${printable(line)}\n`),
    result(document, text) {
      process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : `${printable(text)}\n`);
    },
    failed({ code, message, remedies, exit, members }) {
      if (json) {
        const error = { code, message, ...(remedies.length === 0 ? {} : { remedies }), exit, ...members };
        process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
        return;
      }
      for (const line of [message, ...remedies.map((remedy) => `  ${remedy}`)]) {
        process.stderr.write(`${printable(line)}\n`);
      }
    },
  };
}

/** Text others wrote cannot move the cursor or colour the terminal: control characters but line ends and tabs are shown as `�`. */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** `2026-05-01 18:30`, in this machine's time zone. */
export function localTime(iso: string): string {
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' }).format(new Date(iso));
}

/** `512 bytes`, `1.2 MB`; a MB is 10^6 bytes. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  const [unit, size] = bytes < 1e6 ? ['kB', 1e3] : bytes < 1e9 ? ['MB', 1e6] : ['GB', 1e9];
  return `${(bytes / size).toFixed(1)} ${unit}`;
}

/** Words as a shell takes them, to be copied. */
export function shellWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ');
}
