#!/usr/bin/env node
import { CommanderError } from 'commander';
import { EXIT, usageFailure } from './command-failure.ts';
import { createProgram } from './create-program.ts';
import { createOutput } from './output.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // what reads the output, such as `head`, has had enough
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const json = process.argv.includes('--json');
try {
  await createProgram(json).parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has told it: help was asked for, or the usage is wrong
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (json && error.exitCode !== 0) {
    const missing = error.code === 'commander.help';
    const message = missing ? 'A command is missing.' : error.message.replace(/^error: /, '');
    createOutput(true).failed(usageFailure(message, 'See: deskferry --help'));
  }
}
