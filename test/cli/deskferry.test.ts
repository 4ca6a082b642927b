import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fileZip } from './zip-of.ts';
import { readReport } from '../../cli/check-report.ts';
import { startExportApi } from '../../examples/export-api.ts';
import { type RunningService, startService } from '../end-to-end/migrate.ts';
import { type Ended, startCommand } from './run-command.ts';
import { startBrokenLine } from './broken-line.ts';

const CONTACTS =
  'ContactExtId,Last Name,Email\nC-1,Sato,sato@a.example\nC-2,Ito,ito@a.example\nC-3,,x@a.example\n';
const ACCOUNTS = 'AccountExtId,Account Name\nA-1,Example KK\n';

/** Standard output as the one JSON document it has to be. */
const document = ({ stdout }: Ended): unknown => JSON.parse(stdout);
/** That of a failure. */
const refusal = (ended: Ended): Refused['error'] => (document(ended) as Refused).error;

interface Refused {
  error: { code: string; message: string; exit: number; remedies?: string[]; status?: number; id?: string };
}
interface Migrated {
  sent: string[];
  kept: string[];
  migration: { id: string; state: string; submitted: boolean; tabs: string[]; files: { name: string }[] };
}

/** What a worker has to do first. */
const SOON = { timeout: 50_000, interval: 500 };

describe('deskferry', () => {
  let service: RunningService;
  let settings = '';
  let folder = '';
  let database: NodeJS.ProcessEnv = {};
  let login: Ended;

  const run = (args: string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ended> =>
    startCommand(settings, args, { cwd: folder, ...options }).ended;
  const asOperator = (...args: string[]): Promise<Ended> => run([...args, '--profile', 'operator']);
  const onMongo = (...args: string[]): Promise<Ended> => run(args, { env: database });
  const makePortal = async (id: string): Promise<void> => {
    const whose = ['--tenant', 'acme', '--contact', 'Sato Keiko <keiko.sato@acme.example>'];
    const made = await onMongo('portal', 'create', '--id', id, '--name', `Portal ${id}`, ...whose);
    if (made.code !== 0) throw new Error(made.stderr);
  };

  /** Bytes that the service has of the largest upload that was begun. */
  async function largestBegun(): Promise<number> {
    const begun = join(service.storage, '.resumable');
    const files = (await readdir(begun)).filter((name) => !name.endsWith('.json'));
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(begun, name))).size));
    return Math.max(0, ...sizes);
  }

  beforeAll(async () => {
    service = await startService({ replyWindow: '1h' });
    settings = join(service.folder, 'settings');
    folder = join(service.folder, 'files');
    await mkdir(folder);
    await writeFile(join(folder, 'Contacts.csv'), CONTACTS);
    await writeFile(join(folder, 'Accounts.csv'), ACCOUNTS);
    await writeFile(join(folder, 'requester.key'), service.requesterKey);
    await writeFile(join(folder, 'operator.key'), `${service.operatorKey}\n`);
    database = { MONGODB_URI: service.mongodbUri, MONGODB_DATABASE: service.database };
    login = await run(['login', '--url', `${service.url}/`], { input: `${service.requesterKey}\n` });
    await asOperator('login', '--url', service.url, '--key-file', 'operator.key');
  }, 120_000);
  afterAll(() => service?.end(), 60_000);

  describe('access', () => {
    test('F4: keeps the key in a file of this user alone', async () => {
      const file = join(settings, 'deskferry', 'credentials.json');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, 'utf8')).toContain(service.requesterKey);
      expect(login.code).toBe(0);
      expect(login.stdout + login.stderr).not.toContain(service.requesterKey);
    });

    test('a key the service does not know is refused and not kept', async () => {
      const refused = await run(['login', '--url', service.url, '--profile', 'other'], {
        input: 'dfk_this-is-no-key-that-anybody-was-given\n',
      });
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain('not known here');
      const status = await run(['status', '--profile', 'other']);
      expect(status.code).toBe(3);
      expect(status.stderr).toContain('deskferry login --profile other');
    });

    test('the key of a login is sent to no other address', async () => {
      const refused = await run(['status', '--url', 'http://127.0.0.1:1']);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('not sent elsewhere');
    });

    test('F4: what a role may not do ends with 3 and says which role may', async () => {
      const refused = refusal(await run(['queue', '--json']));
      expect(refused).toMatchObject({ code: 'not-allowed', status: 403, exit: 3 });
      expect((await asOperator('queue')).stdout).toContain('at a time');
    });

    test('an unknown request ends with 3', async () => {
      const refused = await run(['status', 'm_01hx0000000000000000000000', '--json']);
      expect(refused.code).toBe(3);
      expect(refusal(refused)).toMatchObject({ code: 'not-found', status: 404 });
      expect(refused.stderr).toBe('');
    });

    test('a service that does not answer ends with 4, without a trace', async () => {
      const free = createServer().listen(0, '127.0.0.1');
      await once(free, 'listening');
      const { port } = free.address() as AddressInfo;
      free.close();
      await once(free, 'close');
      const down = await run(['status', '--url', `http://127.0.0.1:${port}`, '--key-file', 'operator.key']);
      expect(down.code).toBe(4);
      expect(down.stderr).toContain(`does not answer at http://127.0.0.1:${port}`);
      expect(down.stderr).not.toMatch(/\n\s+at /);
    });

    test('a wrong usage ends with 2, with --json as a document', async () => {
      expect((await run(['migrat'])).code).toBe(2);
      const refused = await run(['migrate', 'Nowhere.csv', '--json']);
      expect(refused.code).toBe(2);
      expect(refusal(refused)).toMatchObject({
        code: 'usage',
        message: 'Nowhere.csv is not there.',
      });
      const reason = await run(['reject', 'm_1', '--json']);
      expect(refusal(reason).message).toContain('--reason');
    });
  });

  describe('migrate', () => {
    test('Ctrl-C while a file is sent loses nothing, and tells how to go on', async () => {
      await makePortal('broken-off');
      const proxy = await startBrokenLine(service.url, ['stall'], 20);
      const filing = ['migrate', 'Contacts.csv', '--portal', 'broken-off', '--no-follow', '--json'];
      try {
        const { child, ended } = startCommand(
          settings,
          [...filing, '--url', proxy.url, '--key-file', 'requester.key'],
          { cwd: folder },
        );
        await proxy.stalled;
        child.kill('SIGINT');
        const cut = await ended;
        expect(cut.code).toBe(130);
        const error = refusal(cut);
        expect(error.code).toBe('interrupted');
        const id = error.id ?? '';
        expect(error.remedies?.join()).toContain(`deskferry migrate --continue ${id} Contacts.csv`);

        const rest = ['--continue', id, 'Contacts.csv', 'Accounts.csv', '--tabs', 'contacts,accounts'];
        const on = document(await run(['migrate', ...rest, '--no-submit', '--json'])) as Migrated;
        expect(on).toMatchObject({ sent: ['Contacts.csv', 'Accounts.csv'], kept: [] });
        expect(on.migration).toMatchObject({ id, state: 'PENDING', submitted: false });

        // what has arrived is not sent again, unless it changed
        await writeFile(join(folder, 'Accounts.csv'), ACCOUNTS.replace('KK', 'AG'));
        const again = document(await run(['migrate', ...rest, '--no-follow', '--json'])) as Migrated;
        expect(again).toMatchObject({ sent: ['Accounts.csv'], kept: ['Contacts.csv'] });
        expect(again.migration).toMatchObject({ submitted: true, tabs: ['contacts', 'accounts'] });
        expect((await run(['cancel', id])).stdout).toContain('CANCELLED');
      } finally {
        await proxy.close();
      }
    });

    test('A4: a large file goes on where it stood, after Ctrl-C and after a broken line', async () => {
      await makePortal('large');
      const rows = Array.from(
        { length: 150_000 },
        (_, n) => `C-${n},Name of ${n},n${n}@large.example,${'x'.repeat(30)}`,
      );
      await writeFile(join(folder, 'large.csv'), `ContactExtId,Last Name,Email,Note\n${rows.join('\n')}\n`);
      const line = await startBrokenLine(service.url, ['stall', 'cut'], 2_000_000, [], () =>
        vi.waitUntil(async () => (await largestBegun()) > (line.offsets.at(-1) ?? 0), SOON),
      );
      const by = ['--url', line.url, '--key-file', 'requester.key', '--no-submit', '--json'];
      try {
        const { child, ended } = startCommand(
          settings,
          ['migrate', 'large.csv', '--portal', 'large', '--tabs', 'contacts', ...by],
          { cwd: folder },
        );
        await line.stalled;
        child.kill('SIGINT');
        const { id = '' } = refusal(await ended);
        const on = await run(['migrate', '--continue', id, 'large.csv', ...by]);
        expect(on.code).toBe(0);
        expect(document(on)).toMatchObject({
          sent: ['large.csv'],
          migration: { files: [{ name: 'large.csv' }] },
        });
        const [first, second = 0, third = 0, ...more] = line.offsets;
        expect(first).toBe(0);
        expect(second).toBeGreaterThan(0);
        expect(third).toBeGreaterThan(second);
        expect(more).toEqual([]);
      } finally {
        await line.close();
      }
    });

    test('A4: once the request is filed, a line that breaks at any step is waited for', async () => {
      await makePortal('breaking');
      const file = await stat(join(folder, 'large.csv'));
      expect(file.size).toBeGreaterThan(8_000_000);
      const steps = [
        /^POST \/v1\/uploads/,
        /^PUT .*\/files\//,
        /^GET \/v1\/migrations\/m_/,
        /^POST .*\/submit/,
      ];
      const line = await startBrokenLine(service.url, [], 0, steps);
      try {
        const filing = [
          'migrate',
          'large.csv',
          'Contacts.csv',
          '--portal',
          'breaking',
          '--no-follow',
          '--json',
        ];
        const on = await run([...filing, '--url', line.url, '--key-file', 'requester.key']);
        expect([on.code, line.away()]).toEqual([0, 0]);
        const { migration } = document(on) as Migrated;
        expect(migration).toMatchObject({
          submitted: true,
          files: [{ name: 'large.csv' }, { name: 'Contacts.csv' }],
        });
        expect((await run(['cancel', migration.id])).code).toBe(0);
      } finally {
        await line.close();
      }
    });

    test('A8: a portal that is taken is refused before anything is filed', async () => {
      await makePortal('taken');
      const first = document(
        await run(['migrate', 'Contacts.csv', '--portal', 'taken', '--no-submit', '--json']),
      ) as Migrated;
      const second = await run(['migrate', 'Contacts.csv', '--portal', 'taken', '--json']);
      expect(second.code).toBe(1);
      expect(refusal(second)).toMatchObject({ code: 'portal-taken', status: 409 });
      expect(refusal(second).message).toContain(first.migration.id);
      const listed = document(await run(['status', '--portal', 'taken', '--json'])) as {
        items: { id: string }[];
      };
      expect(listed.items.map(({ id }) => id)).toEqual([first.migration.id]);
    });

    test('B1, B3: a source read by its API is checked with its key, which is given anew where it is refused', async () => {
      await makePortal('by-api');
      const source = await startExportApi({ key: 'the-right-key' });
      try {
        source.put('contacts', 'C-1', { ContactExtId: 'C-1', 'Last Name': 'Sato' });
        source.put('accounts', 'A-1', { AccountExtId: 'A-1', 'Account Name': 'Example KK' });
        source.forbid(['accounts']);
        await writeFile(join(folder, 'wrong.key'), 'the-wrong-key\n');
        const of = [
          '--source-address',
          source.address,
          '--source-key-file',
          'wrong.key',
          '--portal',
          'by-api',
        ];
        expect((await run(['migrate', ...of])).stderr).toContain('--tabs');
        const filed = await run(['migrate', ...of, '--tabs', 'accounts,contacts', '--no-submit', '--json']);
        const { id } = (document(filed) as Migrated).migration;
        const refused = await run(['precheck', id]);
        expect([refused.code, refused.stdout.includes('SOURCE_KEY_REFUSED')]).toEqual([1, true]);
        expect(filed.stdout + refused.stdout + refused.stderr).not.toContain('the-wrong-key');

        const given = await run(['source-key', id], { input: 'the-right-key\n' });
        expect(given).toMatchObject({ code: 0 });
        expect(given.stdout + given.stderr).not.toContain('the-right-key');
        const forbidden = await run(['precheck', id]);
        expect(forbidden.stdout).toContain('SOURCE_TAB_FORBIDDEN');
        expect(forbidden.stdout).not.toContain('SOURCE_KEY_REFUSED');
        source.forbid([]);
        expect(await run(['precheck', id])).toMatchObject({ code: 0 });
        await source.stop();
        expect((await run(['precheck', id])).stdout).toContain('SOURCE_UNREACHABLE');
        await run(['cancel', id]);
      } finally {
        await source.stop();
      }
    }, 120_000);

    test('B1: a precheck with something blocking ends with 1 and says what to do', async () => {
      await makePortal('blocked');
      await writeFile(join(folder, 'Products.csv'), 'Colour\nred\n');
      const args = ['migrate', 'Products.csv', '--portal', 'blocked', '--no-submit', '--json'];
      const { migration } = document(await run(args)) as Migrated;
      const checked = await run(['precheck', migration.id]);
      expect(checked.code).toBe(1);
      expect(checked.stdout).toMatch(/blocking +[A-Z_]+ +Products\.csv/);
      const { findings } = document(await run(['findings', migration.id, '--json'])) as {
        findings: { severity: string }[];
      };
      expect(findings.some(({ severity }) => severity === 'blocking')).toBe(true);
    });
  });

  describe('a whole migration', () => {
    let id = '';

    test('B1, C7, D1: filed, taken, approved, watched; its report is downloaded and true', async () => {
      await makePortal('whole');
      const filed = await run(['migrate', 'Contacts.csv', '--portal', 'whole', '--no-follow']);
      expect(filed).toMatchObject({ code: 0, stderr: '' });
      id = /request +(m_\w+)/.exec(filed.stdout)?.[1] ?? '';
      expect(filed.stdout).toContain('Uploaded Contacts.csv');
      expect(filed.stdout).toContain(`deskferry take ${id}`);

      expect((await asOperator('take', id)).code).toBe(0);
      expect((await asOperator('approve', id)).stdout).toContain('Approved');
      const watched = await run(['watch', id]);
      expect(watched.code).toBe(0);
      expect(watched.stdout).toMatch(/contacts +3 +2 +0 +0 +0 +1 +0 +match/);
      expect(watched.stdout).toContain(`deskferry reply ${id}`);

      const fetched = await run(['report', id, '--out', 'whole.zip', '--json']);
      expect(document(fetched)).toEqual({ request: id, name: 'phase-1', version: 1, file: 'whole.zip' });
      const proof = await run(['verify-report', 'whole.zip', '--json'], {
        env: { XDG_CONFIG_HOME: join(folder, 'nobody') },
      });
      expect(proof.code).toBe(0);
      expect(document(proof)).toMatchObject({ proven: true, records: 3, problems: [] });
      expect((await run(['report', id, '--name', 'phase-2'])).code).toBe(3);
    });

    test('D1, D2: a report that was changed is found out', async () => {
      const entries = await readReport(join(folder, 'whole.zip'));
      entries.set('Contacts.csv', (entries.get('Contacts.csv') ?? '').replace(/^.*,C-1,.*\r?\n/m, ''));
      await fileZip(join(folder, 'changed.zip'), entries);
      const proof = await run(['verify-report', 'changed.zip']);
      expect(proof.code).toBe(1);
      expect(proof.stdout).toContain('NOT true');
      expect((await run(['verify-report', 'Contacts.csv'])).stderr).toContain('is no report');
      const missing = await run(['verify-report', 'nothing.zip']);
      expect([missing.code, missing.stderr]).toEqual([2, 'nothing.zip is not there.\n']);
    });

    test('E1, F1: replies, pauses, resumes; what is not possible is refused with 1', async () => {
      await writeFile(
        join(folder, 'Mended "1".csv'),
        'ContactExtId,Last Name,deskferry_file,deskferry_row\nC-3,Abe,Contacts.csv,3\n',
      );
      const replied = document(
        await run(['reply', id, 'Mended "1".csv', '--text', '直しました', '--json']),
      ) as { replies: { text: string; files: { name: string }[] }[] };
      expect(replied.replies).toMatchObject([{ text: '直しました', files: [{ name: 'Mended "1".csv' }] }]);
      expect((await run(['reply', id])).code).toBe(2);

      expect((await asOperator('pause', id, '--reason', 'Asked by phone')).code).toBe(0);
      const twice = await asOperator('pause', id, '--reason', 'Again', '--json');
      expect(twice.code).toBe(1);
      expect(refusal(twice).code).toBe('already-paused');
      const { stdout } = await run(['status', id]);
      expect(stdout).toContain('Asked by phone');
      expect(stdout).toMatch(/replies +1\n/);
      expect(stdout).toMatch(new RegExp(`ticket +S-${id}\n`));
      expect((await run(['start-phase-2', id])).code).toBe(0);
      expect((await run(['status', id])).stdout).toContain(
        'asked for by the requester; an operator may agree',
      );
      expect((await asOperator('resume', id)).code).toBe(0);
      expect((await run(['messages', id])).stdout).toContain('keiko.sato@acme.example');
    });

    test('F1: a migration that is stopped ends the watching with 1', async () => {
      expect((await asOperator('stop', id, '--reason', 'Not needed any more')).code).toBe(0);
      const watched = await run(['watch', id, '--json']);
      expect(watched.code).toBe(1);
      expect(document(watched)).toMatchObject({ state: 'STOPPED' });
    });

    test('B6, F1, F5: a migration that is over is undone and erased, and no sample is run of it', async () => {
      const sample = await run(['sample', id, '--records', '5', '--json']);
      expect([sample.code, refusal(sample).code]).toEqual([1, 'wrong-state']);
      expect((await run(['undo', id, '--reason', 'Not mine to order'])).code).toBe(3);

      expect((await asOperator('undo', id, '--reason', 'Begun anew')).code).toBe(0);
      const report = ['report', id, '--name', 'undo', '--out', 'undo.zip'];
      await expect.poll(async () => (await run(report)).code, SOON).toBe(0);
      const { tabs } = JSON.parse((await readReport(join(folder, 'undo.zip'))).get('summary.json') ?? '') as {
        tabs: { contacts: { created: number; removed: number } };
      };
      expect(tabs.contacts).toMatchObject({ created: 2, removed: 2 });

      expect((await asOperator('erase', id, '--reason', 'Asked for')).code).toBe(0);
      const erased = /erased +\S.* by operator:.*: 2 files .*, 3 staged rows, 0 mails, 0 attachment files\n/;
      await expect.poll(async () => (await run(['status', id])).stdout, SOON).toMatch(erased);
    }, 120_000);

    test('F2: what was exported is verified without the service, and any change to it is found', async () => {
      const exported = document(await run(['audit', id, '--json'])) as {
        entries: { action: string; at: string; reason: string | null }[];
        end: { position: number };
      };
      await writeFile(
        join(folder, 'service.pem'),
        await (await fetch(`${service.url}/v1/report-key`)).text(),
      );
      const verify = async (log: object): Promise<Ended> => {
        await writeFile(join(folder, 'exported.json'), JSON.stringify(log));
        return run(['audit', 'verify', '--export', 'exported.json', '--public-key', 'service.pem']);
      };
      const { entries } = exported;
      const whole = await verify(exported);
      expect([whole.code, whole.stdout]).toEqual([
        0,
        `Whole: ${entries.length} entries of 1 requests are as they were written. All are signed.\n`,
      ]);
      const [first, second, ...rest] = entries;
      for (const [changed, problem] of [
        [[first, { ...second, action: 'invented' }, ...rest], 'entry 2: the entry was changed'],
        [[first, { ...second, at: '2020-01-01T00:00:00.000Z' }, ...rest], 'entry 2: the entry was changed'],
        [[first, ...rest], 'entry 2: the entry is missing'],
        [entries.slice(0, -1), `entry ${entries.length}: the entry is missing`],
        [[second, first, ...rest], 'entry 1: the entry is missing'],
      ] as const) {
        const found = await verify({ ...exported, entries: changed });
        expect([found.code, found.stdout]).toEqual([1, expect.stringContaining(problem)]);
      }
      const other = await verify({ ...exported, request: 'm_other' });
      expect(other.stdout).toContain('m_other  entry 1: the entry was changed');
      expect((await verify({ entries: [] })).code).toBe(2);
    });

    test('F2: the audit log tells who did what, and any change to it is found', async () => {
      const told = await run(['audit', id]);
      expect(told.stdout).toMatch(/operator:\S.* paused +Asked by phone/);
      const before = await onMongo('audit', 'verify', '--json');
      expect(before.code).toBe(0);
      await writeFile(join(folder, 'audit.json'), before.stdout);
      expect(document(before)).toMatchObject({ whole: true, signatures: 'unchecked' });
      const key = await fetch(`${service.url}/v1/report-key`);
      await writeFile(join(folder, 'service.pem'), await key.text());
      const signed = await onMongo('audit', 'verify', id, '--public-key', 'service.pem');
      expect([signed.code, signed.stdout]).toEqual([0, expect.stringContaining('All are signed.')]);

      const client = await new MongoClient(service.mongodbUri).connect();
      try {
        const db = client.db(service.database);
        const entries = db.collection<{ _id: string; reason: string | null }>('audit');
        const entry = await entries.findOne({ _id: `${id}/00000002` });
        await entries.updateOne({ _id: `${id}/00000002` }, { $set: { reason: 'Invented' } });
        const changed = await onMongo('audit', 'verify');
        expect(changed.code).toBe(1);
        expect(changed.stdout).toContain(`${id}  entry 2: the entry was changed`);
        await entries.updateOne({ _id: `${id}/00000002` }, { $set: { reason: entry?.reason ?? null } });
        expect((await onMongo('audit', 'verify', id)).code).toBe(0);

        // all hashes of a log computed anew, as another service would have signed them
        const stranger = { ...database, DESKFERRY_SECRET: 'a secret that is not the one of the service' };
        const foreign = await run(['audit', 'verify', id], { env: stranger });
        expect(foreign.stdout).toContain('entry 1: the entry is not signed by a key of this service');

        // a log that is taken away with its head leaves nothing to recompute
        await entries.deleteMany({ _id: { $gt: `${id}/`, $lt: `${id}0` } });
        await db.collection<{ _id: string }>('auditHeads').deleteOne({ _id: id });
        const gone = await onMongo('audit', 'verify', id);
        expect(gone.code).toBe(1);
        expect(gone.stdout).toContain('the whole log is missing');
        const against = await onMongo('audit', 'verify', '--against', 'audit.json', '--json');
        expect(document(against)).toMatchObject({ whole: false });
      } finally {
        await client.close();
      }
    });
  });

  describe('an installation', () => {
    test('F4: a key is shown once, opens the service, and opens nothing once it is revoked', async () => {
      const args = ['--name', 'desk-of-acme', '--role', 'requester', '--tenant', 'acme', '--expires', '90d'];
      const made = document(await onMongo('keys', 'create', ...args, '--json')) as { key: string };
      expect(made.key).toMatch(/^dfk_[\w-]{43}$/);
      const again = ['login', '--url', service.url, '--profile', 'made'];
      expect((await run(again, { input: made.key })).code).toBe(0);
      const listed = await onMongo('keys', 'list');
      expect(listed.stdout).toMatch(/desk-of-acme +requester +acme +active +20/);
      expect(listed.stdout).not.toContain(made.key);

      expect((await onMongo('keys', 'create', ...args)).code).toBe(1);
      expect((await onMongo('keys', 'revoke', 'desk-of-acme')).code).toBe(0);
      expect((await run(['status', '--profile', 'made'])).code).toBe(3);
      expect((await onMongo('keys', 'revoke', 'nobody')).code).toBe(3);
    });

    test('a key can go to a file without being shown', async () => {
      const made = await onMongo(
        'keys',
        'create',
        '--name',
        'auditors',
        '--role',
        'auditor',
        '--out',
        'a.key',
      );
      const key = (await readFile(join(folder, 'a.key'), 'utf8')).trim();
      expect((await stat(join(folder, 'a.key'))).mode & 0o777).toBe(0o600);
      expect(made.stdout + made.stderr).not.toContain(key);
      const portals = await run(['portals', '--url', service.url, '--key-file', 'a.key']);
      expect(portals.stdout).toContain('ACME Support');
      expect((await onMongo('keys', 'create', '--name', 'nobody', '--role', 'requester')).code).toBe(2);
    });

    test('F4: the portals of another tenant are not seen; a portal is made once', async () => {
      const args = [
        '--id',
        'globe',
        '--name',
        'グローブ',
        '--tenant',
        'globe',
        '--contact',
        'Abe <abe@g.example>',
      ];
      expect((await onMongo('portal', 'create', ...args, '--department', 'Sales')).code).toBe(0);
      expect((await run(['portals'])).stdout).not.toContain('globe');
      expect((await asOperator('portals')).stdout).toContain('グローブ');
      const other = ['--id', 'globe', '--name', 'Other', '--tenant', 'other', '--contact', 'B <b@g.example>'];
      expect((await onMongo('portal', 'create', ...other)).code).toBe(1);
      expect((await onMongo('portal', 'create', ...args.with(1, 'no/slash'))).code).toBe(2);
    });

    test('the password of MongoDB is in no message', async () => {
      const [down, wrong] = (await Promise.all(
        ['127.0.0.1:1', '['].map((host) =>
          run(['keys', 'list'], { env: { MONGODB_URI: `mongodb://team:sesame@${host}` } }),
        ),
      )) as [Ended, Ended];
      expect([down.code, wrong.code]).toEqual([4, 2]);
      expect(down.stdout + down.stderr + wrong.stdout + wrong.stderr).not.toContain('sesame');
      expect((await run(['keys', 'list'], { env: { MONGODB_URI: '' } })).stderr).toContain('MONGODB_URI');
    });
  });

  test('bash completes commands, options and values', async () => {
    const { stdout } = await run(['completion', 'bash']);
    const complete = (...words: string[]): string[] =>
      execFileSync(
        'bash',
        [
          '-c',
          `${stdout}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _deskferry; echo "\${COMPREPLY[*]}"`,
          'x',
          ...words,
        ],
        { encoding: 'utf8' },
      )
        .trim()
        .split(' ');
    expect(complete('deskferry', 're')).toEqual(['reject', 'resume', 'retry', 'reply', 'report', 'restored']);
    expect(complete('deskferry', 'keys', 'c')).toEqual(['create']);
    expect(complete('deskferry', 'keys', 'create', '--role', '')).toEqual([
      'requester',
      'operator',
      'auditor',
    ]);
    expect(complete('deskferry', 'migrate', '--por')).toEqual(['--portal']);
  });
});
