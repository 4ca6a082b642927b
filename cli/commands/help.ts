import type { Command } from 'commander';

/** `help`: what a command does, named as it is given: `help keys create`. */
export function addHelpCommand(program: Command): void {
  program
    .command('help')
    .summary('show help')
    .description('Shows what there is, or what one command does, with examples.')
    .argument('[command...]', 'the command, as it is given')
    .addHelpText('after', '\nExamples:\n  deskferry help migrate\n  deskferry help keys create')
    .action((words: string[]) => {
      let found = program;
      for (const word of words) {
        const next = found.commands.find((each) => each.name() === word);
        if (next === undefined) found.error(`error: unknown command '${words.join(' ')}'`);
        else found = next;
      }
      found.help();
    });
}

/** A command that has nothing more to say than its summary says that. */
export function describeBySummary(command: Command): void {
  for (const each of command.commands) {
    const summary = each.summary();
    if (each.description() === '')
      each.description(`${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`);
    describeBySummary(each);
  }
}
