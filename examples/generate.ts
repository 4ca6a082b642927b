import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { TAB_TITLES, TABS } from '../domain/tab.ts';
import { makeSampleHelpDesk, type SampleManifest, type SampleOptions } from './sample-help-desk.ts';
import { makeReply, type ReplyManifest } from './sample-reply.ts';
import { SampleSizeError } from './sample-world.ts';

interface GenerateOptions {
  tickets: number;
  seed: number;
  out: string;
  reply?: string;
  tooLarge?: boolean;
  json?: boolean;
}

function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

const program = new Command('generate')
  .description(
    'Writes the export of a sample help desk: five upload files in the prepared CSV format, 3-5 % of the records at fault.',
  )
  .requiredOption('-o, --out <folder>', 'where the files go; made when absent')
  .option('-t, --tickets <number>', 'how many tickets', wholeNumber, 60)
  .option('-s, --seed <number>', 'the same seed and size give the same bytes', wholeNumber, 1)
  .option('-r, --reply <folder>', 'also write what the customer sends back after phase 1')
  .option('--too-large', 'with one record over 16,000,000 bytes (default from 200 tickets on)')
  .option('--no-too-large', 'without it')
  .option('--json', 'print the whole manifest: every record that must fail, and why')
  .addHelpText(
    'after',
    `
Examples:
  node examples/generate.ts --out /tmp/desk
  node examples/generate.ts --tickets 1000 --seed 7 --out /tmp/desk --json > /tmp/desk.json
  node examples/generate.ts --tickets 100000 --no-too-large --out /tmp/desk --reply /tmp/desk-reply`,
  );

async function main(): Promise<void> {
  const { tickets, seed, out, reply, tooLarge, json } = program.parse().opts<GenerateOptions>();
  const options: SampleOptions = {
    folder: out,
    tickets,
    seed,
    ...(tooLarge === undefined ? {} : { includeTooLarge: tooLarge }),
  };
  const sample = await makeSampleHelpDesk(options);
  const second = reply === undefined ? null : await makeReply({ folder: reply, sample: options });
  if (json === true)
    console.log(JSON.stringify(second === null ? sample : { sample, reply: second }, null, 2));
  else {
    console.log(table(`Phase 1 must give (files in ${out}):`, sample));
    if (second !== null) console.log(table(`\nPhase 2 must give (files in ${reply}):`, second));
  }
}

/** A manifest as a table for people. */
function table(title: string, manifest: Pick<SampleManifest | ReplyManifest, 'files' | 'tabs'>): string {
  const heads = ['source', 'created', 'updated', 'unchanged', 'skipped', 'failed'] as const;
  const line = (name: string, cells: readonly (string | number)[]): string =>
    name.padEnd(12) + cells.map((cell) => String(cell).padStart(11)).join('');
  return [
    title,
    ...manifest.files.map((file) => `  ${file}`),
    line('tab', heads),
    ...TABS.map((tab) =>
      line(
        TAB_TITLES[tab],
        heads.map((head) => manifest.tabs[tab][head]),
      ),
    ),
  ].join('\n');
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SampleSizeError)) throw error;
    program.error(`error: ${error.message}`);
  }
}
