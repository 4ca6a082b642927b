/**
 * Adds to package-lock.json the platform packages npm left out of it, and prints their names:
 *
 *     node scripts/complete-lockfile.mjs [--check]
 *
 * npm drops an optional package from the lockfile when it cannot be fetched where `npm install` ran (one made for
 * another system, often); `npm ci` then refuses the whole lockfile. The version is the exact one its parent asks for,
 * the platform is read from the name. With --check nothing is written, and an incomplete lockfile exits with 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const file = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const OS = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  openharmony: 'openharmony',
  win: 'win32',
  win32: 'win32',
};
const CPU = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The place node resolution finds `name` at from the package at `place`, or undefined. */
function resolve(packages, place, name) {
  for (let from = place; ; from = from.slice(0, from.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    const candidate = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (from === '') return undefined;
  }
}

/** os, cpu and libc as the names of platform packages give them: `binding-linux-arm64-musl`. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-');
  const os = words.map((word) => OS[word]).find((word) => word !== undefined);
  const cpu = words.find((word) => CPU.includes(word));
  if (os === undefined || cpu === undefined)
    throw new Error(`The platform of ${name} cannot be told from its name.`);
  const musl = words.some((word) => word.startsWith('musl'));
  const libc = os !== 'linux' ? {} : { libc: [musl ? 'musl' : 'glibc'] };
  return { cpu: [cpu], os: [os], ...libc };
}

const lockfile = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = lockfile;
const missing = {};
for (const [place, { optionalDependencies = {}, dev, peer }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (resolve(packages, place, name) !== undefined) continue;
    missing[`node_modules/${name}`] = {
      version,
      ...(dev === true ? { dev } : {}),
      ...(peer === true ? { peer } : {}),
      optional: true,
      ...platformOf(name),
    };
  }
}

const places = Object.keys(missing);
for (const place of places) console.log(`${place} ${missing[place].version}`);
if (places.length > 0 && process.argv.includes('--check')) process.exit(1);
if (places.length > 0) {
  const { '': project, ...rest } = { ...packages, ...missing };
  const sorted = Object.entries(rest).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  lockfile.packages = { '': project, ...Object.fromEntries(sorted) };
  writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`);
}
