import { Socket } from 'node:net';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StackError } from './errors.ts';

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

/** A server of the stack that runs as a child process. */
export interface ServerProcess {
  pid: number;
  /** Ends it in order (SIGTERM, and SIGKILL when it has not ended after 20 s); settles when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL), as a crash would; settles when it is gone. */
  kill(): Promise<void>;
  /** Settles when the process is gone, however it went. */
  gone: Promise<void>;
}

/** What to start, and how to know that it serves. */
export interface ServerCommand {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** What the server prints is added to this file. */
  logFile: string;
  /** Resolves when the server serves; rejects as long as it does not. Tried again and again. */
  healthy: () => Promise<void>;
}

/**
 * Starts a server and returns when it is healthy. It never outlives this process, however this process ends.
 * Throws START_FAILED with the last lines of its log when it ends, or is not healthy after 60 s.
 */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  await mkdir(dirname(server.logFile), { recursive: true });
  const log = await open(server.logFile, 'a');
  // A process group of its own: Ctrl-C in a terminal reaches this process alone, which then stops its servers in order.
  const child = spawn(server.command, server.args, {
    env: server.env,
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  await log.close();
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const pid = child.pid;
  if (pid === undefined) {
    await gone;
    throw new StackError('START_FAILED', `${server.name} could not be started: ${server.command}`);
  }
  const dismissGuard = guard(pid);
  const killAtExit = () => child.kill('SIGTERM');
  process.once('exit', killAtExit);
  void gone.then(() => {
    dismissGuard();
    process.off('exit', killAtExit);
  });

  const running: ServerProcess = {
    pid,
    gone,
    stop: () => end(child, gone, 'SIGTERM', server.name),
    kill: () => end(child, gone, 'SIGKILL', server.name),
  };
  try {
    await untilHealthy(server, child);
  } catch (error) {
    await running.kill();
    throw error;
  }
  child.unref();
  return running;
}

async function untilHealthy(server: ServerCommand, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new StackError(
        'START_FAILED',
        `${server.name} ended while starting\n${await tail(server.logFile)}`,
      );
    }
    try {
      await server.healthy();
      // Another server may hold the port, and answer, while ours ends because of it.
      if (child.exitCode === null && child.signalCode === null) return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new StackError(
          'START_FAILED',
          `${server.name} is not healthy after ${START_WITHIN_MS / 1000} s\n${await tail(server.logFile)}`,
          { cause: error },
        );
      }
    }
    await pause(50);
  }
}

async function end(
  child: ChildProcess,
  gone: Promise<void>,
  signal: NodeJS.Signals,
  name: string,
): Promise<void> {
  child.ref();
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  const limit = new AbortController();
  try {
    const late = pause(STOP_WITHIN_MS * 2, 'late', { signal: limit.signal });
    if ((await Promise.race([gone, late])) === 'late') {
      throw new StackError('STOP_FAILED', `${name} (process ${child.pid}) did not end`);
    }
  } finally {
    limit.abort();
    clearTimeout(timer);
  }
}

/**
 * Ends `pid` when this process is gone, even by SIGKILL: a shell waits at the end of a pipe that only this process
 * holds open. Gives a function that dismisses the guard.
 */
function guard(pid: number): () => void {
  if (process.platform === 'win32') return () => {};
  const script =
    'cat >/dev/null; kill -TERM "$1" 2>/dev/null; n=0; ' +
    'while [ $n -lt 20 ] && kill -0 "$1" 2>/dev/null; do sleep 1; n=$((n+1)); done; ' +
    'kill -KILL "$1" 2>/dev/null';
  const shell = spawn('/bin/sh', ['-c', script, 'guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  // A pipe to a child is a socket; it must not keep this process up.
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return () => {
    // The whole group: the shell and its `cat`.
    if (shell.pid === undefined) return;
    try {
      process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
}

async function tail(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch(() => '');
  return content.trimEnd().split('\n').slice(-15).join('\n');
}
