import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process of the service that is started again when it ends by itself. */
export interface Supervised {
  readonly name: string;
  /** null while it is being started again */
  pid(): number | null;
  /** settles when it first told that it works */
  ready: Promise<void>;
  /** Ends it with SIGTERM (it finishes what it holds), after `graceMs` with SIGKILL. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Runs a file of the product with this Node and keeps it running: what ends unasked is started again after a second.
 * @param env the whole environment of the process
 * @param say takes each line it writes
 */
export function supervise(options: {
  name: string;
  file: string;
  args?: string[];
  /** for Node itself */
  nodeArgs?: string[];
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
}): Supervised {
  let stopping = false;
  let child: ChildProcess | null = null;
  let again: NodeJS.Timeout | null = null;
  let ended: Promise<void> = Promise.resolve();
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();

  const start = (): void => {
    // A channel to the child, so that it ends when this process is killed and cannot ask it to.
    const running = spawn(
      process.execPath,
      [...(options.nodeArgs ?? []), options.file, ...(options.args ?? [])],
      {
        env: options.env,
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    child = running;
    running.once('message', () => isReady());
    for (const stream of [running.stdout, running.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', options.say);
    }
    ended = new Promise((resolve) => {
      running.once('exit', (code, signal) => {
        child = null;
        if (!stopping) {
          options.say(`${options.name} ended (${signal ?? code}); it is started again`);
          again = setTimeout(start, 1_000);
        }
        resolve();
      });
      running.once('error', () => resolve());
    });
  };
  start();

  return {
    name: options.name,
    ready,
    pid: () => child?.pid ?? null,
    async stop(graceMs = 40_000) {
      stopping = true;
      if (again !== null) clearTimeout(again);
      const running = child;
      if (running === null) return;
      running.kill('SIGTERM');
      const kill = setTimeout(() => running.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(kill);
    },
  };
}
