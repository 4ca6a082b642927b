import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root, trackedFiles } from './tracked-files.ts';

interface Service {
  image?: string;
  build?: { context: string; target?: string };
  command?: string[];
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  read_only?: boolean;
  init?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
  ports?: string[];
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const composeText = read('docker-compose.yml');
const compose = parse(composeText, { merge: true }) as Compose;
const services = Object.entries(compose.services);
const dockerfile = read('Dockerfile');
const example = read('.env.example');

/** Every name in .env.example, also where it stands in a comment. */
const named = [...example.matchAll(/^(?:# )?([A-Z][A-Z_]*)=/gm)].map(([, name = '']) => name);

/** Names of the machine, not of Deskferry. */
const MACHINE = new Set([
  'APPDATA',
  'HOME',
  'JAVA_HOME',
  'LOCALAPPDATA',
  'NO_COLOR',
  'PATH',
  'XDG_CACHE_HOME',
  'XDG_CONFIG_HOME',
]);

/** The names product code reads from its environment, each once. */
function readByCode(): string[] {
  const names = new Set<string>();
  for (const file of trackedFiles('.ts').filter(
    (each) => !/\.test\.ts$|^(bench|examples|test)\//.test(each),
  )) {
    const text = read(file);
    for (const [, name = ''] of text.matchAll(/\b(?:env|environment|given)(?:\.|\[')([A-Z][A-Z_]+)\b/g)) {
      names.add(name);
    }
  }
  for (const [, name = ''] of read('configuration/read-configuration.ts').matchAll(
    /^ {2}([A-Z][A-Z_]+): /gm,
  )) {
    names.add(name);
  }
  return [...names].filter((name) => !MACHINE.has(name));
}

describe('configuration', () => {
  test('.env.example names everything that code or the compose file reads, and nothing else', () => {
    const inCompose = [...composeText.matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name);
    expect(named.toSorted()).toEqual([...new Set([...readByCode(), ...inCompose])].toSorted());
  });

  test('docs/operations.md explains every name', () => {
    const operations = read('docs/operations.md');
    expect(named.filter((name) => !operations.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

/** The services of this repository's image. */
const OURS = ['api', 'imports', 'lifecycle', 'replies'];

describe('docker-compose.yml', () => {
  test('has the service, what it needs, and nothing without an image', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(
      [...OURS, 'mail', 'mongo', 'postgres', 'temporal', 'temporal-ui'].toSorted(),
    );
    expect(services.filter(([, { image, build }]) => image === undefined && build === undefined)).toEqual([]);
  });

  test('pins every image by an exact tag', () => {
    const images = [
      ...services.filter(([, { build }]) => build === undefined).map(([, { image = '' }]) => image),
      ...[...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image),
    ];
    expect(images.filter((image) => !/:v?\d+\.\d+[\w.-]*$/.test(image))).toEqual([]);
  });

  test('gives the service every required setting', () => {
    const required = example.match(/^[A-Z_]+(?==)/gm) ?? [];
    for (const name of OURS) {
      const environment = Object.keys(compose.services[name]?.environment ?? {});
      expect(required.filter((setting) => !environment.includes(setting))).toEqual([]);
    }
  });

  test('gives the service every other setting as well, but those of files, of other addresses and of the local stack', () => {
    const elsewhere =
      'COMPOSE_SMTP_URL TEMPORAL_DATABASE_PASSWORD DESKFERRY_CACHE DESKFERRY_DATA DESKFERRY_DOWNLOADS ' +
      'TEMPORAL_TLS TEMPORAL_TLS_CA TEMPORAL_TLS_CERT TEMPORAL_TLS_KEY TEMPORAL_TLS_SERVER_NAME ' +
      'DESKFERRY_ENCRYPTION_KEYS_FILE SMTP_LISTEN_TLS_CERT SMTP_LISTEN_TLS_KEY TEMPORAL_API_KEY ';
    const given = Object.keys(compose.services['imports']?.environment ?? {});
    expect(named.filter((name) => !elsewhere.split(' ').includes(name) && !given.includes(name))).toEqual([]);
  });

  test('waits for services that exist and have a health check', () => {
    for (const [, { depends_on: needed = {} }] of services) {
      for (const [name, { condition }] of Object.entries(needed)) {
        expect(condition).toBe('service_healthy');
        expect(compose.services[name]?.healthcheck?.test[0]).toBe('CMD');
      }
    }
  });

  test('runs its own image with no rights, nothing writable but the storage, and time to stop', () => {
    expect(services.flatMap(([name, { build }]) => (build === undefined ? [] : [name])).toSorted()).toEqual(
      OURS,
    );
    for (const name of OURS) {
      expect(compose.services[name]).toMatchObject({
        init: true,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: '40s',
        volumes: ['storage:/var/lib/deskferry'],
      });
    }
  });

  test('asks for health with words that a program can run', () => {
    for (const [name, { healthcheck }] of services) {
      const asked = healthcheck?.test ?? [];
      expect({ name, asked: asked.map((word) => typeof word) }).toEqual({
        name,
        asked: asked.map(() => 'string'),
      });
    }
    const scripts = services.flatMap(([, { healthcheck }]) =>
      healthcheck?.test[1] === 'node' ? [healthcheck.test[3] ?? '?'] : [],
    );
    expect(scripts.map((text) => new Script(text))).toHaveLength(OURS.length);
    expect(OURS.filter((name) => compose.services[name]?.healthcheck === undefined)).toEqual([]);
  });

  test('takes replies by mail in one container, and gives each worker the port its health is asked at', () => {
    const kinds = OURS.map((name) => [name, compose.services[name]?.command?.slice(2)]);
    expect(kinds).toEqual([
      ['api', []],
      ['imports', ['imports']],
      ['lifecycle', ['lifecycle']],
      ['replies', ['mail']],
    ]);
    for (const name of OURS.filter((each) => each !== 'api')) {
      expect(compose.services[name]?.environment).toMatchObject({
        METRICS_PORT: '9464',
        METRICS_HOST: '0.0.0.0',
      });
    }
  });

  test('names volumes it declares, and publishes to this machine only', () => {
    const volumes = services.flatMap(([, { volumes: used = [] }]) =>
      used.map((volume) => volume.split(':')[0] ?? ''),
    );
    expect([...new Set(volumes)].toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
    const ports = services.flatMap(([, { ports: published = [] }]) => published);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });
});

/** What is loaded with these files when they run: what they import, and what that imports. */
function imported(files: readonly string[]): string[] {
  const found = new Set(files);
  for (const file of found) {
    if (!file.endsWith('.ts')) continue;
    const text = read(file).replaceAll(/^import type [^;]*;/gm, '');
    for (const [, named = ''] of text.matchAll(/(?:from |import\(|new URL\()'(\.[^']+\.\w+)'/g)) {
      found.add(path.posix.join(path.posix.dirname(file), named));
    }
  }
  return [...found];
}

describe('Dockerfile', () => {
  const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);

  test('has the stages that are referred to', () => {
    const copied = [...dockerfile.matchAll(/--from=(\S+)/g)].map(([, stage]) => stage);
    const built = services.flatMap(([, { build }]) => build?.target ?? []);
    expect([...copied, ...built].filter((stage) => !stages.includes(stage))).toEqual([]);
  });

  test('does not run as root', () => {
    expect(dockerfile.slice(dockerfile.lastIndexOf('FROM '))).toMatch(/^USER node$/m);
  });

  test('takes what its processes import, and nothing that may lie about', () => {
    const [first, ...rules] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const taken = rules.flatMap((rule) => (rule.startsWith('!') ? [rule.slice(1)] : []));
    const left = rules.filter((rule) => !rule.startsWith('!'));
    expect(first).toBe('*');
    expect(taken.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
    const isTaken = (file: string): boolean =>
      taken.includes(file.split('/', 1)[0] ?? '') && !left.includes(file) && !file.endsWith('.test.ts');
    const needed = imported(['api/serve.ts', 'workers/run.ts', 'cli/deskferry.ts', 'workflows/index.ts']);
    expect(needed.length).toBeGreaterThan(100);
    expect(needed.filter((file) => !isTaken(file))).toEqual([]);
    expect(
      ['.env', 'operator.key', 'encryption-keys', '.git/config', '.deskferry/dev.json'].filter(isTaken),
    ).toEqual([]);
    // git takes none of them either
    const ignored = read('.gitignore').split('\n');
    expect(
      ['.env', '*.key', 'encryption-keys', '.deskferry/'].filter((name) => !ignored.includes(name)),
    ).toEqual([]);
  });

  test('starts files that exist', () => {
    const files = [
      ...services.flatMap(([, { build, command }]) =>
        build === undefined ? [] : (command?.slice(1, 2) ?? []),
      ),
      ...[...dockerfile.matchAll(/^CMD \["node", "([^"]+)"/gm)].map(([, file = '']) => file),
    ];
    expect(files.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });
});
