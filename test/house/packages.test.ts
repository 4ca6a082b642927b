import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './tracked-files.ts';

type Versions = Record<string, string>;
interface Manifest {
  dependencies: Versions;
  devDependencies: Versions;
  optionalDependencies: Versions;
  scripts: Record<string, string>;
}
interface Lockfile {
  packages: Record<string, { version?: string; resolved?: string; optional?: boolean }>;
}

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
const lockfile = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Lockfile;

const asked = Object.entries({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
});

describe('packages', () => {
  test('every version in package.json is exact', () => {
    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test('the lockfile holds the versions package.json asks for', () => {
    const other = asked.filter(
      ([name, version]) => lockfile.packages[`node_modules/${name}`]?.version !== version,
    );
    expect(other).toEqual([]);
  });

  test('the lockfile names no registry', () => {
    const resolved = Object.entries(lockfile.packages).filter(([, { resolved }]) => resolved !== undefined);
    expect(resolved).toEqual([]);
  });

  test('the lockfile holds the packages of every platform, so that npm ci takes it', () => {
    const script = path.join(root, 'scripts/complete-lockfile.mjs');
    const missing = (() => {
      try {
        return execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    })();
    expect(missing).toBe('');
  });

  test('everything that needs packages or Node 24 is started by scripts/run.mjs', () => {
    const started = ['demo', 'start', 'test'].map((name) => [name, manifest.scripts[name] ?? 'missing']);
    expect(started.filter(([, script]) => !/^node scripts\/run\.mjs \S+/.test(script ?? ''))).toEqual([]);
  });
});
