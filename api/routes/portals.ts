import { z } from 'zod';
import type { Portal } from '../../desk/desk.ts';
import { IntegrationsLocked, PortalNotFound } from '../../desk/errors.ts';
import { type PortalAnswer, portalAnswer, portalsAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { integrationsBody } from '../bodies.ts';
import { pageOf, pageQuery } from '../page-of.ts';
import { maySee, type Principal } from '../principal.ts';
import { notFound, Problem } from '../problem.ts';
import { type Route, route } from '../route.ts';

const portalParams = z.strictObject({
  portal: z.string().min(1).max(200).meta({ description: 'Id of the portal.' }),
});
const portalsQuery = pageQuery.extend({
  tenant: z.string().max(200).optional().meta({ description: 'Only the portals of this tenant.' }),
});

/** The portals of the desk and their switches (B2, C2). */
export function portalRoutes(api: Api): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/portals',
      operation: 'listPortals',
      tag: 'Portals',
      summary: 'List portals',
      who: ['requester', 'operator', 'auditor'],
      query: portalsQuery,
      answers: { 200: { description: 'The portals, by id.', schema: portalsAnswer } },
      handle: async ({ principal, query }) => {
        const tenant = principal.tenant ?? query.tenant;
        const portals = tenant === undefined ? await api.desk.allPortals() : await api.desk.portals(tenant);
        const seen = portals.filter(
          (portal) => maySee(principal, portal.tenant) && (query.tenant ?? portal.tenant) === portal.tenant,
        );
        const { cursor = '' } = query;
        const page = pageOf(
          seen.filter(({ id }) => id > cursor),
          query.limit,
          ({ id }) => id,
        );
        return { status: 200, body: { portals: page.items.map(showPortal), next: page.next } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/portals/{portal}',
      operation: 'readPortal',
      tag: 'Portals',
      summary: 'Plan, integrations, primary contact, open or closed',
      who: ['requester', 'operator', 'auditor'],
      params: portalParams,
      answers: { 200: { description: 'The portal.', schema: portalAnswer } },
      handle: async ({ principal, params }) => ({
        status: 200,
        body: showPortal(await readPortal(api, principal, params.portal)),
      }),
    }),
    route({
      method: 'patch',
      path: '/v1/portals/{portal}/integrations',
      operation: 'switchIntegrations',
      tag: 'Portals',
      summary: 'Switch integrations on or off',
      description: 'From approval to the end of a migration they cannot be switched on (B2).',
      who: ['requester'],
      params: portalParams,
      body: integrationsBody,
      answers: { 200: { description: 'The portal as it stands.', schema: portalAnswer } },
      handle: async ({ principal, params, body }) => {
        const { id } = await readPortal(api, principal, params.portal);
        try {
          const portal = await api.desk.setIntegrations(id, {
            ...(body.zohoCrm === undefined ? {} : { zohoCrm: body.zohoCrm }),
            ...(body.salesforce === undefined ? {} : { salesforce: body.salesforce }),
          });
          return { status: 200, body: showPortal(portal) };
        } catch (error) {
          if (!(error instanceof IntegrationsLocked)) throw error;
          throw new Problem(
            'portal-locked',
            `Wait until request ${error.lockedBy} has ended: while it runs, contacts and accounts would be duplicated.`,
            {
              members: { request: error.lockedBy, url: `/v1/migrations/${error.lockedBy}` },
            },
          );
        }
      },
    }),
  ];
}

/** F4: another tenant's portal looks like none. */
async function readPortal(api: Api, principal: Principal, id: string): Promise<Portal> {
  try {
    const portal = await api.desk.portal(id);
    if (maySee(principal, portal.tenant)) return portal;
  } catch (error) {
    if (!(error instanceof PortalNotFound)) throw error;
  }
  throw notFound('There is no such portal.');
}

function showPortal(portal: Portal): PortalAnswer {
  return {
    id: portal.id,
    name: portal.name,
    plan: portal.plan,
    integrations: { zohoCrm: portal.integrations.zohoCrm, salesforce: portal.integrations.salesforce },
    integrationsLockedBy: portal.integrationsLockedBy,
    primaryContact: { name: portal.primaryContact.name, mail: portal.primaryContact.mail },
    open: portal.closedBy === null,
    closedBy: portal.closedBy,
    recordQuota: portal.recordQuota,
    departments: portal.departments.map((department) => ({
      id: department.id,
      name: department.name,
      default: department.default,
    })),
  };
}
