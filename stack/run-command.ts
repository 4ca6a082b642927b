import { spawn } from 'node:child_process';
import { StackError } from './errors.ts';

/**
 * Runs a command to its end and gives what it printed on stdout.
 * Throws BUILD_FAILED with the last lines it printed when it cannot be started or ends with another code than 0.
 */
export async function runCommand(
  command: string,
  args: string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let all = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    all += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    all += chunk.toString();
  });
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${code ?? signal}`));
  });
  if (ended !== '') {
    const tail = all.trimEnd().split('\n').slice(-15).join('\n');
    throw new StackError('BUILD_FAILED', `${command} ${args[0] ?? ''}: ${ended}\n${tail}`);
  }
  return out;
}
