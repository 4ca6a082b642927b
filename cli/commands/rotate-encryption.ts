import type { Command } from 'commander';
import {
  type EncryptionKey,
  KEYS_FAULT,
  readEncryptionKeys,
  readEncryptionKeysFile,
} from '../../configuration/read-encryption-keys.ts';
import { CommandFailure, EXIT, usageFailure } from '../command-failure.ts';
import { addInstallationOption } from '../installation-option.ts';
import type { InstallationOptions } from '../open-installation.ts';
import { perform, type Session } from '../session.ts';

/** `keys rotate-encryption`: seals with the first encryption key what was sealed with one before (B3). */
export function addRotateCommand(keys: Command): void {
  addInstallationOption(
    keys
      .command('rotate-encryption')
      .summary('seal source keys anew with the first encryption key')
      .description(
        'After a new key was put first in DESKFERRY_ENCRYPTION_KEYS, and all processes were started with it. What Temporal keeps is not sealed anew.',
      ),
  )
    .addHelpText('after', '\nExample:\n  deskferry keys rotate-encryption --env-file .env')
    .action((options: InstallationOptions, command: Command) =>
      perform(command, (session) => rotate(session, options)),
    );
}

async function rotate({ output }: Session, options: InstallationOptions): Promise<void> {
  const { withInstallation } = await import('../open-installation.ts');
  const { createKeyRing } = await import('../../store/key-ring.ts');
  const { createSourceKeys } = await import('../../store/source-keys.ts');
  const { first, count } = await withInstallation(options, async ({ database }) => {
    const ring = createKeyRing(encryptionKeys());
    return { first: ring.sealsWith, count: await createSourceKeys(database.db, ring).sealAnew() };
  });
  if (count.unopened > 0) {
    throw new CommandFailure(
      EXIT.failed,
      'not-opened',
      `${count.unopened} source keys cannot be opened with the encryption keys that are given; ${count.sealed} were sealed anew.`,
      ['Put the key they were sealed with back into the list, behind the first.'],
    );
  }
  output.result(
    { key: first, sealed: count.sealed },
    `${count.sealed} source keys were sealed anew with the key "${first}"; all now are.`,
  );
}

/** Those of the environment, after `--env-file` was read. */
function encryptionKeys(): EncryptionKey[] {
  const { env } = process;
  const text = env['DESKFERRY_ENCRYPTION_KEYS']?.trim() ?? '';
  const file = env['DESKFERRY_ENCRYPTION_KEYS_FILE']?.trim() ?? '';
  if (text === '' && file === '') {
    throw usageFailure(
      'No encryption key is configured.',
      'Set DESKFERRY_ENCRYPTION_KEYS or DESKFERRY_ENCRYPTION_KEYS_FILE as for the service, or give --env-file .env',
    );
  }
  const keys = text === '' ? readEncryptionKeysFile(file) : readEncryptionKeys(text);
  if (keys === null) throw usageFailure(`What DESKFERRY_ENCRYPTION_KEYS or its file says ${KEYS_FAULT}.`);
  return keys;
}
