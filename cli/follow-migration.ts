import type { ApiClient } from './api-client.ts';

/** The progress document, as far as following a migration reads it. */
export interface ProgressSeen {
  state: string;
  paused: { reason: string } | null;
  phase: string | null;
  expectedEnd: string | null;
  tabs: {
    tab: string;
    total: number | null;
    done: number;
    failed: number;
    recordsPerSecond: number | null;
  }[];
}

class MigrationHalted extends Error {
  readonly code = 'MIGRATION_HALTED';
}

export interface FindingsSeen {
  at: string | null;
  findings: { severity: string; code: string; message: string }[];
}

/** Waits until the automatic checks of a request have run (B1). @throws MigrationHalted after a minute or two */
export async function awaitFindings(api: ApiClient, id: string, since = new Date(0)): Promise<FindingsSeen> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const seen = await api.call<FindingsSeen>('GET', `/v1/migrations/${id}/findings`);
    if (seen.at !== null && new Date(seen.at) >= since) return seen;
    if (Date.now() > deadline) throw new MigrationHalted('the automatic checks did not end');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/**
 * Follows a migration until `until` says enough, telling every progress document.
 * @param withinMs gives up after so many milliseconds
 * @throws MigrationHalted when it is paused, ends otherwise than wished, or takes too long
 */
export async function followMigration(
  api: ApiClient,
  id: string,
  options: {
    until: (state: string) => boolean;
    onProgress?: (progress: ProgressSeen) => void;
    withinMs: number;
  },
): Promise<ProgressSeen> {
  const deadline = Date.now() + options.withinMs;
  for (;;) {
    const progress = await api.call<ProgressSeen>('GET', `/v1/migrations/${id}/progress`);
    options.onProgress?.(progress);
    if (options.until(progress.state)) return progress;
    if (progress.paused !== null)
      throw new MigrationHalted(`the migration is paused: ${progress.paused.reason}`);
    if (['COMPLETED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'STOPPED'].includes(progress.state)) {
      throw new MigrationHalted(`the migration ended as ${progress.state}`);
    }
    if (Date.now() > deadline) throw new MigrationHalted(`the migration is still ${progress.state}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
