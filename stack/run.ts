import { join, resolve } from 'node:path';
import { startStack } from './stack.ts';

const dataFolder = resolve(process.env['DESKFERRY_DATA'] ?? join('.deskferry', 'data'));
const print = (line: string) => process.stdout.write(`${line}\n`);

const stack = await startStack({ dataFolder, say: print });
print(`Temporal     ${stack.temporalAddress}`);
print(`Temporal UI  ${stack.temporalUi ?? '(not started here)'}`);
print(`MongoDB      ${stack.mongodbUri}`);
print(`SMTP         ${stack.smtp}`);
print(`mail page    ${stack.mailUi}`);
print(`data         ${dataFolder}`);
print('Ctrl-C stops it.');

const staysUp = setInterval(() => {}, 1_000_000);
let asked = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (asked) return;
    asked = true;
    print('stopping');
    void stack.stop().then(() => clearInterval(staysUp));
  });
}
