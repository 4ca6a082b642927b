import type { Desk } from '../desk/desk.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/** C2: closes the portal to its agents while phase 1 runs. */
export function makeClosePortal({ desk }: { desk: Pick<Desk, 'close'> }): LifecycleActivities['closePortal'] {
  return ({ request, portal }) => desk.close(portal, request);
}

/** C2: opens what this request closed. */
export function makeOpenPortal({ desk }: { desk: Pick<Desk, 'open'> }): LifecycleActivities['openPortal'] {
  return ({ request, portal }) => desk.open(portal, request);
}
