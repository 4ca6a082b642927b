import type { Desk } from '../desk/desk.ts';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

interface Dependencies {
  stores: Pick<Stores, 'portalClaims'>;
  desk: Pick<Desk, 'unlockIntegrations'>;
}

/** A8: one portal has at most one open request; of two that come at once one is refused. */
export function makeClaimPortal({ stores }: Dependencies): LifecycleActivities['claimPortal'] {
  return async ({ request, portal }) => ({ claimed: await stores.portalClaims.claim(portal, request) });
}

/** A8, B2: the portal is free for another request, and its integrations may be switched again. */
export function makeReleasePortal({ stores, desk }: Dependencies): LifecycleActivities['releasePortal'] {
  return async ({ request, portal }) => {
    await desk.unlockIntegrations(portal, request);
    await stores.portalClaims.release(request, portal);
  };
}
