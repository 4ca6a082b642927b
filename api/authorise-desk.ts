import type { Portal } from '../desk/desk.ts';
import type { DeskChoice } from '../domain/request.ts';
import type { Api } from './app.ts';
import { maySee, type Principal } from './principal.ts';
import { Problem } from './problem.ts';
import { invalidBody } from './valid.ts';

/**
 * A2: the portals an authorisation opens, and the one that is chosen: the one named, else the one chosen before, else the only one.
 * @param pointer where the portal stands in the body
 * @throws Problem `no-portal`, or `invalid-body` for a portal the tenant does not have
 */
export async function authoriseDesk(
  api: Api,
  tenant: string,
  named: string | undefined,
  before: string | null,
  pointer: string,
): Promise<{ portals: Portal[]; desk: DeskChoice }> {
  const portals = await api.desk.portals(tenant);
  if (portals.length === 0) {
    throw new Problem('no-portal', 'Make a portal in the desk first, then authorise it.');
  }
  const has = (id: string | null | undefined): id is string => portals.some((portal) => portal.id === id);
  if (named !== undefined && !has(named)) {
    throw invalidBody([
      { pointer, detail: `is none of your portals: ${portals.map((portal) => portal.id).join(', ')}` },
    ]);
  }
  const only = portals.length === 1 ? portals[0]?.id : null;
  const portal = named ?? (has(before) ? before : (only ?? null));
  return { portals, desk: { kind: 'embedded', portal } };
}

/** A8: the problem that a portal is taken, with a link to the request that holds it, if the asker may see that one. */
export async function portalTaken(api: Api, principal: Principal, portal: string): Promise<Problem> {
  const holder = await api.stores.portalClaims.holder(portal);
  const tenant = holder === null ? null : await api.stores.requests.tenantOf(holder);
  const seen = holder !== null && tenant !== null && maySee(principal, tenant);
  return new Problem(
    'portal-taken',
    `Choose another portal, or wait until ${seen ? `request ${holder}` : 'its open request'} has ended: a portal has at most one open request.`,
    seen ? { members: { request: holder, url: `/v1/migrations/${holder}` } } : {},
  );
}
