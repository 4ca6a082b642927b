/**
 * Runs a file of this project with Node 24, after installing what is missing:
 *
 *     node scripts/run.mjs <file> [argument ...]
 *
 * Plain JavaScript for Node 18 and later, because on a fresh clone it is the machine's own Node that starts it. npm
 * installs a Node 24 into node_modules; this file starts that one by its path, since a shell that has already looked
 * `node` up goes on using the old one.
 * Ends as what it ran ended (exit code or signal); with 1 if nothing could be run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');

/** The packages of a lockfile by their place, without the project itself; null when there is no readable lockfile. */
function lockedPackages(file) {
  try {
    const { '': _project, ...packages } = JSON.parse(readFileSync(file, 'utf8')).packages;
    return packages;
  } catch {
    return null;
  }
}

/** Whether node_modules holds what package-lock.json says; optional packages of other platforms may be absent. */
function installed() {
  const wanted = lockedPackages(path.join(root, 'package-lock.json'));
  const present = lockedPackages(path.join(modules, '.package-lock.json'));
  if (wanted === null || present === null) return false;
  return Object.entries(wanted).every(([place, { version, integrity, optional }]) => {
    const found = present[place];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function install() {
  const started = Date.now();
  console.error('Installing packages (npm ci) ...');
  const options = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const npm = process.env.npm_execpath;
  // the Node that runs npm, never the one inside the node_modules that npm is about to replace
  const result =
    npm === undefined
      ? spawnSync('npm', options, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.env.npm_node_execpath ?? process.execPath, [npm, ...options], {
          cwd: root,
          encoding: 'utf8',
        });
  if (result.status !== 0) {
    fail(`npm ci failed:\n${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}`);
  }
  console.error(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.`);
}

function majorVersion(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 ? Number(/^v(\d+)\./.exec(stdout)?.[1] ?? 0) : 0;
}

/** The path of a Node that is new enough: the one npm installed, else the machine's own. */
function findNode() {
  const windows = process.platform === 'win32';
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`;
  const bundled = path.join(modules, name, 'bin', windows ? 'node.exe' : 'node');
  const candidates = [bundled, process.env.npm_node_execpath ?? process.execPath];
  const node = candidates.find((each) => existsSync(each) && majorVersion(each) >= NEEDED_NODE);
  if (node === undefined) {
    fail(
      `Deskferry runs on Node ${NEEDED_NODE} or later. This is Node ${process.versions.node}, and npm brings no ` +
        `Node ${NEEDED_NODE} that runs on ${process.platform}-${process.arch}.\n` +
        `Install Node ${NEEDED_NODE} (https://nodejs.org/en/download) and give the same command again.`,
    );
  }
  return node;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const [file, ...given] = process.argv.slice(2);
if (!installed()) install();
const node = findNode();
if (file !== undefined) {
  const child = spawn(node, [path.resolve(root, file), ...given], {
    stdio: 'inherit',
    env: {
      // what was read of the sources once: processes start in two thirds of the time, and are some 25 MB smaller
      NODE_COMPILE_CACHE: path.join(modules, '.cache', 'compiled'),
      ...process.env,
      PATH: [path.join(modules, '.bin'), process.env.PATH].join(path.delimiter),
    },
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // a terminal sends Ctrl-C to the child as well; a second one would mean "at once"
  process.on('SIGINT', () => {
    if (![process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)) child.kill('SIGINT');
  });
  // npm hands SIGTERM to its shell alone, which dies of it without a word to this process
  const parent = process.ppid;
  const orphaned = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(orphaned);
    child.kill('SIGTERM');
  }, 500);
  child.on('error', (error) => fail(`${file} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
