import { ApplicationFailure } from '@temporalio/activity';
import type { Desk } from '../desk/desk.ts';
import { IntegrationsOn } from '../desk/errors.ts';
import type { PortalClaims } from '../store/portal-claims.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/**
 * B2: the names of the portal's CRM and Salesforce integrations that are on. When none is, a desk that can is told to refuse
 * switching one on until the request has ended.
 * @throws ApplicationFailure PORTAL_TAKEN when the portal is claimed by another request (A8), which pauses the migration
 */
export function makeCheckIntegrations({
  desk,
  claims,
}: {
  desk: Pick<Desk, 'portal' | 'lockIntegrations'>;
  claims: Pick<PortalClaims, 'claim'>;
}): LifecycleActivities['checkIntegrations'] {
  return async ({ request, portal }) => {
    // a request that was over and was reset in Temporal has nothing any more
    if (!(await claims.claim(portal, request))) {
      const message = 'the portal belongs to another request by now';
      throw ApplicationFailure.create({ type: 'PORTAL_TAKEN', message, nonRetryable: true });
    }
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
