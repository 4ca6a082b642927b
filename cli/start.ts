import { join, resolve } from 'node:path';
import { startLocalService } from './local-service.ts';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const folder = resolve('.deskferry');
const accessFile = join(folder, 'dev.json');
const port = Number(process.env['PORT'] ?? 8080);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  process.stderr.write('PORT must be a whole number from 0 to 65535.\n');
  process.exit(2);
}

const service = await startLocalService({
  dataFolder: resolve(process.env['DESKFERRY_DATA'] ?? join(folder, 'data')),
  port,
  say: print,
  log: print,
  accessFile,
}).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

print('');
print(`API             ${service.url}  (documentation: ${service.url}/docs)`);
print(`Temporal UI     ${service.temporalUi ?? '(not started here)'}`);
print(`Mail            ${service.mailUi ?? service.smtp}`);
print(`MongoDB         ${service.mongodbUri}  database ${service.database}`);
print(`Files           ${service.storage}`);
print(`Keys            ${accessFile}`);
print('Ctrl-C stops it; all data stays and the next start goes on with it.');

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    print('Stopping: work in hand is finished or handed back ...');
    void service.stop().then(() => process.exit(0));
  });
}
