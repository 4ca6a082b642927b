import { Listr } from 'listr2';
import { type Output, printable } from './output.ts';

/** Says how far a step is, in a line that replaces the one before. */
export type Tell = (line: string) => void;

/** Without a terminal, a line on the way is written this often at most, in milliseconds. */
const TELL_MS = 10_000;
/** On a terminal the line changes this often at most. */
const DRAW_MS = 100;

/**
 * Does one step of a command and shows it: a spinner and a line that changes on a terminal, plain lines elsewhere.
 * @param work does it; its second member is the line that stays
 */
export async function doStep<T>(
  output: Output,
  title: string,
  work: (tell: Tell) => Promise<[result: T, done: string]>,
): Promise<T> {
  if (output.json || !output.progress.isTTY) {
    let told = Date.now();
    const [result, done] = await work((line) => {
      if (Date.now() - told < TELL_MS) return;
      told = Date.now();
      output.say(`  ${line}`);
    });
    output.say(done);
    return result;
  }
  let drawn = 0;
  const answer: { result?: [T] } = {};
  const steps = new Listr<object>(
    [
      {
        title: printable(title),
        task: async (_, task) => {
          const [result, done] = await work((line) => {
            if (Date.now() - drawn < DRAW_MS) return;
            drawn = Date.now();
            task.output = printable(line);
          });
          answer.result = [result];
          task.title = printable(done);
        },
      },
    ],
    {
      // Ctrl-C is the command's own
      registerSignalListeners: false,
      // why it failed is told by the command, once
      rendererOptions: { showErrorMessage: false },
    },
  );
  await steps.run();
  return (answer.result as [T])[0];
}

const BAR = 24;

/** `[██████░░░░] 12.0 MB of 30.0 MB, 40 %` */
export function barText(share: number, text: string): string {
  const full = Math.round(Math.min(1, share) * BAR);
  return `[${'█'.repeat(full)}${'░'.repeat(BAR - full)}] ${text}, ${Math.floor(share * 100)} %`;
}
