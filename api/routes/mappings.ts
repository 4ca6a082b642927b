import { z } from 'zod';
import { TABS } from '../../domain/tab.ts';
import { nextPage } from '../answers.ts';
import type { Api } from '../app.ts';
import { mappingBody } from '../mapping-body.ts';
import { pageOf, pageQuery } from '../page-of.ts';
import { notFound, Problem } from '../problem.ts';
import type { Principal } from '../principal.ts';
import { type Route, route } from '../route.ts';

const nameParams = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, 'is empty')
    .max(100, 'is longer than 100 characters')
    .refine((name) => name.isWellFormed() && !/\p{Cc}/u.test(name), 'holds control characters')
    .meta({ description: 'Name of the mapping, percent-encoded.', example: 'old desk' }),
});

const savedMembers = {
  name: z.string(),
  savedAt: z.iso.datetime(),
  by: z.string().meta({ description: '`role:key name` of who saved it.' }),
};
const savedAnswer = z
  .strictObject({ ...savedMembers, mapping: z.record(z.string(), z.unknown()) })
  .meta({ id: 'SavedMapping' });
const savedListAnswer = z
  .strictObject({ items: z.array(z.strictObject(savedMembers)), next: nextPage })
  .meta({ id: 'SavedMappings' });
/** A name may hold what no cursor does. */
const listQuery = pageQuery.extend({
  cursor: z
    .string()
    .regex(/^[\w-]{1,600}$/, 'is no cursor of this list')
    .transform((text) => Buffer.from(text, 'base64url').toString())
    .optional(),
});

/** Mappings kept under a name, for all requests of a tenant (A10). */
export function mappingRoutes(api: Api): Route[] {
  const { mappings } = api.stores;
  return [
    route({
      method: 'get',
      path: '/v1/mappings',
      operation: 'listMappings',
      tag: 'Mappings',
      summary: 'List saved mappings',
      who: ['requester'],
      query: listQuery,
      answers: { 200: { description: "The tenant's mappings, by name.", schema: savedListAnswer } },
      handle: async ({ principal, query: { cursor = '', limit } }) => {
        const saved = (await mappings.list(tenantOf(principal)))
          .filter(({ name }) => name > cursor)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        const page = pageOf(saved, limit, ({ name }) => Buffer.from(name).toString('base64url'));
        const items = page.items.map(({ name, savedAt, by }) => ({
          name,
          savedAt: savedAt.toISOString(),
          by,
        }));
        return { status: 200, body: { items, next: page.next } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/mappings/{name}',
      operation: 'readMapping',
      tag: 'Mappings',
      summary: 'Read a saved mapping',
      who: ['requester'],
      params: nameParams,
      answers: { 200: { description: 'The mapping.', schema: savedAnswer } },
      handle: async ({ principal, params }) => {
        const saved = await mappings.get(tenantOf(principal), params.name);
        if (saved === null) throw noSuchMapping();
        const { name, savedAt, by, mapping } = saved;
        return { status: 200, body: { name, savedAt: savedAt.toISOString(), by, mapping } };
      },
    }),
    route({
      method: 'put',
      path: '/v1/mappings/{name}',
      operation: 'saveMapping',
      tag: 'Mappings',
      summary: 'Save a mapping under a name',
      description: `Replaces one of the same name. Tabs are ${TABS.join(', ')}; fields are named as in the prepared format.`,
      who: ['requester'],
      params: nameParams,
      body: mappingBody,
      answers: {
        200: { description: 'It replaced one of that name.', schema: savedAnswer },
        201: { description: 'It is kept.', schema: savedAnswer },
      },
      handle: async ({ principal, params: { name }, body: mapping }) => {
        const savedAt = new Date();
        const { by } = principal;
        const isNew = await mappings.put({ tenant: tenantOf(principal), name, mapping, savedAt, by });
        return { status: isNew ? 201 : 200, body: { name, savedAt: savedAt.toISOString(), by, mapping } };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/mappings/{name}',
      operation: 'dropMapping',
      tag: 'Mappings',
      summary: 'Forget a saved mapping',
      description: 'Requests that use it keep their own copy.',
      who: ['requester'],
      params: nameParams,
      answers: { 204: { description: 'It is forgotten.' } },
      handle: async ({ principal, params }) => {
        if (!(await mappings.remove(tenantOf(principal), params.name))) throw noSuchMapping();
        return { status: 204 };
      },
    }),
  ];
}

/** @throws Problem `not-allowed` for a key that is for no tenant: it owns nothing */
function tenantOf({ tenant }: Principal): string {
  if (tenant === null) throw new Problem('not-allowed', 'Use a key that belongs to a tenant.');
  return tenant;
}

function noSuchMapping(): Problem {
  return notFound('There is no mapping of that name.');
}
