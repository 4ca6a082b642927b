import type { MigrationAnswer, ProgressAnswer } from '../api/answers.ts';
import type { ApiClient } from './api-client.ts';
import { CommandFailure, EXIT, type ExitCode, interrupted, withNext } from './command-failure.ts';
import type { Session } from './session.ts';
import { migrationText, whereText } from './show-migration.ts';
import { progressDrawer } from './show-progress.ts';
import { watchMigration } from './watch-migration.ts';

/** When following ends: at a state, or when nothing moves by itself any more. */
export type Until = 'REPLY_WINDOW' | 'closed';

/**
 * Follows a migration on the screen and tells how it stands then.
 * @returns failed when it ended otherwise than completed, or was sent back
 * @throws CommandFailure on Ctrl-C; the migration goes on
 */
export async function followOnScreen(
  session: Session,
  api: ApiClient,
  id: string,
  until: Until,
): Promise<{ progress: ProgressAnswer; exit: ExitCode }> {
  const { output, signal } = session;
  const drawer = progressDrawer(output.progress);
  let told = '';
  let before: ProgressAnswer | null = null;
  let sentBack = false;
  const onProgress = (progress: ProgressAnswer): void => {
    // the bars of a phase that ended stand full above the new state
    if (before !== null && inPhase(before)) drawer.draw(progress);
    const where = whereText({ ...progress, expectedEnd: null });
    if (where !== told) {
      drawer.end();
      output.say(where);
      told = where;
    }
    if (inPhase(progress) && (before === null || !inPhase(before))) drawer.draw(progress);
    sentBack = before?.state === 'VERIFYING' && progress.state === 'PENDING';
    before = progress;
  };
  try {
    const progress = await watchMigration(api, id, {
      enough: ({ state }) => sentBack || (until === 'REPLY_WINDOW' && state === 'REPLY_WINDOW'),
      onProgress,
      onAway: () => output.say('The service does not answer; waiting for it ...'),
      signal,
    });
    drawer.end();
    return { progress, exit: sentBack || isBad(progress.state) ? EXIT.failed : EXIT.ok };
  } catch (error) {
    if (signal.aborted) {
      throw interrupted([`The migration goes on without you. Look again: deskferry watch ${id}`], { id });
    }
    if (error instanceof CommandFailure) throw withNext(error, [], { id });
    throw error;
  }
}

const inPhase = ({ state }: ProgressAnswer): boolean => state === 'PHASE_1' || state === 'PHASE_2';

const isBad = (state: ProgressAnswer['state']): boolean =>
  ['REJECTED', 'STOPPED', 'CANCELLED', 'EXPIRED'].includes(state);

/** Reads a request. @throws ApiProblem when it may not be seen */
export function readMigration(api: ApiClient, id: string): Promise<MigrationAnswer> {
  return api.call<MigrationAnswer>('GET', `/v1/migrations/${encodeURIComponent(id)}`);
}

/** Tells how a request stands. */
export async function tellMigration(session: Session, api: ApiClient, id: string): Promise<MigrationAnswer> {
  const migration = await readMigration(api, id);
  session.output.result(migration, migrationText(migration));
  return migration;
}
