import { ApplicationFailure } from '@temporalio/activity';
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

/**
 * A8, F1: makes an activity of an undo look first that it has the portal. One that was ended and reset in Temporal has to take it again.
 * @throws ApplicationFailure PORTAL_TAKEN when another request has it by now
 */
export function whileHeld<Run extends { request: string }, Done>(
  deps: Dependencies,
  act: (run: Run) => Promise<Done>,
): (run: Run) => Promise<Done> {
  const hold = makeBeginUndo(deps);
  return async (run) => {
    const { taken } = await hold({ request: run.request });
    if (taken) {
      const message = 'the portal has an open request; undo when that has ended';
      throw ApplicationFailure.create({ type: 'PORTAL_TAKEN', message, nonRetryable: true });
    }
    return act(run);
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
