import { Argument, type Command } from 'commander';
import { perform } from '../session.ts';
import { completionScript, SHELLS, type Shell } from '../completion-script.ts';

/** `completion`: what a shell needs to complete commands, options and their values. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .summary('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  deskferry completion bash > ~/.local/share/bash-completion/completions/deskferry
  deskferry completion zsh > "\${fpath[1]}/_deskferry"
  deskferry completion fish > ~/.config/fish/completions/deskferry.fish`,
    )
    .action((shell: Shell, _: object, command: Command) =>
      perform(command, async ({ output }) => {
        const script = completionScript(program, shell);
        output.result({ shell, script }, script.trimEnd());
      }),
    );
}
