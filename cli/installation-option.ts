import type { Command } from 'commander';

/** Adds the option of the commands that work on MongoDB itself. */
export function addInstallationOption(command: Command): Command {
  return command.option('--env-file <file>', 'file of settings that names MONGODB_URI and MONGODB_DATABASE');
}
