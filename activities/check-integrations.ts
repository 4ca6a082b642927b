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
      const { integrations } = await desk.portal(portal);
      return { on: Object.entries(integrations).flatMap(([name, on]) => (on ? [name] : [])) };
    }
  };
}
