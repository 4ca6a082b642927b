import { lifecycle, said } from './activity-calls.ts';
import type { Migration } from './migration-context.ts';

/**
 * B2: the portal's integrations that are on. When none is, a desk that can refuses to switch one on until the request ends.
 */
export async function integrationsOn({ record }: Migration): Promise<string[]> {
  const { request, portal } = record;
  if (portal === null) return [];
  const { on } = await lifecycle.checkIntegrations.executeWithOptions(said(`integrations of ${portal}`), [
    { request, portal },
  ]);
  return on;
}

/** B2: looked at again when a phase starts. On = paused, and the requester is told which. */
export async function integrationsAreOff(migration: Migration): Promise<boolean> {
  const on = await integrationsOn(migration);
  if (on.length === 0) return true;
  migration.pause(
    'system',
    `INTEGRATIONS_ON: ${on.join(', ')} must be off while data is migrated; switch off, then resume`,
  );
  return false;
}
