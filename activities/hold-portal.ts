import type { Desk } from '../desk/desk.ts';
import type { Requests } from '../store/requests.ts';
import type { PortalClaims } from '../store/portal-claims.ts';
import type { UndoHoldActivities } from './control-activities.ts';

interface Dependencies {
  stores: { requests: Pick<Requests, 'get'>; portalClaims: PortalClaims };
  desk: Pick<Desk, 'close' | 'open'>;
}

/** A8, F1: makes the activity that takes a portal for an undo: nothing is imported into it and nobody works in it meanwhile. */
export function makeBeginUndo({ stores, desk }: Dependencies): UndoHoldActivities['beginUndo'] {
  return async ({ request }) => {
    const portal = (await stores.requests.get(request))?.desk?.portal ?? null;
    if (portal === null) return { portal, taken: false };
    if (!(await stores.portalClaims.claim(portal, request))) return { portal, taken: true };
    await desk.close(portal, request);
    return { portal, taken: false };
  };
}

/** Gives the portal back. */
export function makeEndUndo({ stores, desk }: Dependencies): UndoHoldActivities['endUndo'] {
  return async ({ request }) => {
    const portal = (await stores.requests.get(request))?.desk?.portal ?? null;
    if (portal === null) return;
    await desk.open(portal, request);
    await stores.portalClaims.release(request, portal);
  };
}
