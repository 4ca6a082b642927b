import { ApplicationFailure } from '@temporalio/activity';
import type { Desk } from '../desk/desk.ts';
import { IntegrationsOn } from '../desk/errors.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/**
 * B2: the names of the portal's CRM and Salesforce integrations that are on. When none is, a desk that can is told to refuse
 * switching one on until the request has ended.
 */
export function makeCheckIntegrations({
  desk,
}: {
  desk: Pick<Desk, 'portal' | 'lockIntegrations'>;
}): LifecycleActivities['checkIntegrations'] {
  return async ({ request, portal }) => {
    try {
      await desk.lockIntegrations(portal, request);
      return { on: [] };
    } catch (error) {
      if (!(error instanceof IntegrationsOn)) throw error;
      return { on: await integrationsOn(desk, portal) };
    }
  };
}

/**
 * B2: asked as the import goes on, for a desk that cannot refuse the switch: on, they would double contacts and accounts.
 * @throws ApplicationFailure INTEGRATIONS_ON, which pauses the migration at once
 */
export async function requireIntegrationsOff(desk: Pick<Desk, 'portal'>, portal: string): Promise<void> {
  const on = await integrationsOn(desk, portal);
  if (on.length === 0) return;
  const message = `${on.join(', ')} must be off while data is migrated; switch off, then resume`;
  throw ApplicationFailure.create({ type: 'INTEGRATIONS_ON', message, nonRetryable: true });
}

async function integrationsOn(desk: Pick<Desk, 'portal'>, portal: string): Promise<string[]> {
  const { integrations } = await desk.portal(portal);
  return Object.entries(integrations).flatMap(([name, on]) => (on ? [name] : []));
}
