import { loadEnvFile } from 'node:process';
import { type Database, openDatabase } from '../store/database.ts';
import { createStores, type Stores } from '../store/stores.ts';
import { CommandFailure, EXIT, usageFailure } from './command-failure.ts';

/** An installation's own records, reached as its processes reach them. */
export interface Installation {
  database: Database;
  stores: Stores;
}

export interface InstallationOptions {
  /** a file of settings, as docs/operations.md explains them */
  envFile?: string;
}

/**
 * Works on an installation's MongoDB, named by MONGODB_URI and MONGODB_DATABASE as for the service itself. What is set
 * already wins over the file of settings.
 * @throws CommandFailure when MongoDB is not named, does not answer, or refuses
 */
export async function withInstallation<T>(
  options: InstallationOptions,
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  if (options.envFile !== undefined) readSettings(options.envFile);
  const { env } = process;
  const uri = env['MONGODB_URI']?.trim() ?? '';
  if (uri === '') {
    throw usageFailure(
      'This works on MongoDB itself: MONGODB_URI is not set.',
      'Set MONGODB_URI and MONGODB_DATABASE as for the service, or give --env-file .env',
    );
  }
  if (!/^mongodb(?:\+srv)?:\/\/\S+$/.test(uri)) throw usageFailure('MONGODB_URI is no mongodb:// address.');
  const name = env['MONGODB_DATABASE']?.trim() || 'deskferry';
  const database = await openDatabase(uri, name).catch((error: unknown) => {
    const failure = explainMongo(error);
    // neither away nor locked: then the driver could not make sense of what it was given
    throw failure === null || failure.exit === EXIT.failed
      ? usageFailure('MONGODB_URI or MONGODB_DATABASE cannot be read.')
      : failure;
  });
  try {
    return await work({ database, stores: createStores(database.db, null) });
  } catch (error) {
    throw explainMongo(error) ?? error;
  } finally {
    await database.close();
  }
}

function readSettings(file: string): void {
  try {
    loadEnvFile(file);
  } catch {
    throw usageFailure(`${file} cannot be read as a file of settings.`);
  }
}

/**
 * An error of the driver as a failure, or null for any other one. What the driver says may hold the address with its
 * password; only what is known to be harmless is told.
 */
function explainMongo(error: unknown): CommandFailure | null {
  if (!(error instanceof Error) || !error.name.startsWith('Mongo')) return null;
  if (/ServerSelection|Network|NotConnected|Topology|PoolCleared|WaitQueue/.test(error.name)) {
    return new CommandFailure(EXIT.unavailable, 'unreachable', 'MongoDB does not answer.', [
      'Is it running, and does MONGODB_URI name it?',
    ]);
  }
  const { code } = error as Error & { code?: unknown };
  // 13 Unauthorized, 18 AuthenticationFailed
  if (code === 13 || code === 18) {
    return new CommandFailure(EXIT.denied, 'mongodb-denied', 'MongoDB does not let this user in.', [
      'Look at the user and the password in MONGODB_URI.',
    ]);
  }
  const told = typeof code === 'number' || typeof code === 'string' ? ` (code ${code})` : '';
  return new CommandFailure(EXIT.failed, 'mongodb', `MongoDB refused what was asked${told}.`);
}
