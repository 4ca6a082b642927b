import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { RequestSnapshot } from '../../activities/lifecycle-activities.ts';
import { EXPIRY_MS, expiryMoments, missingSteps, STATES, type Step } from '../../domain/lifecycle.ts';
import { doneSteps, type Draft, EMPTY_DRAFT } from '../../domain/request.ts';
import { newRequestId, type RequestDocument } from '../../store/requests.ts';
import type { MigrationInput } from '../../workflows/messages.ts';
import { ETAG, LOCATION } from '../answer-headers.ts';
import { callId } from '../answer-once.ts';
import { listAnswer, migrationAnswer } from '../answers.ts';
import type { Api } from '../app.ts';
import { authoriseDesk, portalTaken } from '../authorise-desk.ts';
import { checkSource, checkTabs, createBody, redoBody, redoDraft } from '../bodies.ts';
import { cursor, limit } from '../page-of.ts';
import { Problem } from '../problem.ts';
import { documentFrom, readRequest } from '../read-request.ts';
import { entityTag, redoSteps, stepsOf } from '../redo-steps.ts';
import { type Answer, type Call, type Route, route } from '../route.ts';
import { migrationPath, showMigration, showSummary } from '../show-migration.ts';
import { invalidBody } from '../valid.ts';
import { keepSourceKey } from '../keep-source-key.ts';

export const requestParams = z.strictObject({
  request: z.string().min(1).max(100).meta({ description: 'Id of the request.' }),
});

/** Of calls that redo steps. */
export const ifMatchHeader = z.object({
  'If-Match': z.string().optional().meta({
    description: 'The ETag that was read; the call is refused when the request has changed since.',
  }),
});

/** How long a new request may take to be recorded, in milliseconds. */
const RECORDED_MS = 2_000;

const listQuery = z.strictObject({
  state: z.enum(STATES, `is none of ${STATES.join(', ')}`).optional(),
  portal: z.string().max(200).optional(),
  text: z
    .string()
    .max(200)
    .optional()
    .meta({ description: "Part of the id, the requester's name, mail or company, or the source's name." }),
  cursor: cursor.optional(),
  limit: limit.default(20),
});

/** The calls that file a request, read it and redo its steps (A1, A2, F4). */
export function migrationRoutes(api: Api): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/migrations',
      operation: 'createMigration',
      tag: 'Requests',
      summary: 'File a migration request',
      description: 'The body may hold every step, or none; steps can come later in any order (A2).',
      who: ['requester'],
      body: createBody,
      answers: {
        201: {
          description: 'The new request; `Location` is its address.',
          schema: migrationAnswer,
          headers: z.object({ ...ETAG, ...LOCATION }),
        },
      },
      handle: (call) => createMigration(api, call),
    }),
    route({
      method: 'get',
      path: '/v1/migrations',
      operation: 'listMigrations',
      tag: 'Requests',
      summary: 'List requests, the newest first',
      who: ['requester', 'operator', 'auditor'],
      query: listQuery,
      answers: { 200: { description: 'A page of requests.', schema: listAnswer } },
      handle: async ({ principal, query }) => {
        const { cursor, limit, ...given } = query;
        if (principal.role === 'requester' && principal.tenant === null)
          return { status: 200, body: { items: [], next: null } };
        const filter = {
          ...(principal.tenant === null ? {} : { tenant: principal.tenant }),
          ...(given.state === undefined ? {} : { state: given.state }),
          ...(given.portal === undefined ? {} : { portal: given.portal }),
          ...(given.text === undefined ? {} : { text: given.text }),
        };
        const page = await api.stores.requests.list(filter, cursor ?? null, limit);
        return { status: 200, body: { items: page.requests.map(showSummary), next: page.next } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}',
      operation: 'readMigration',
      tag: 'Requests',
      summary: 'Read a request',
      description: 'The `ETag` is the revision; send it as `If-Match` when redoing steps.',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: {
        200: { description: 'The request as it stands.', schema: migrationAnswer, headers: z.object(ETAG) },
      },
      handle: async ({ principal, params }) => {
        const request = await readRequest(api, principal, params.request);
        return {
          status: 200,
          body: await showMigration(api, request),
          headers: { ETag: entityTag(request) },
        };
      },
    }),
    route({
      method: 'patch',
      path: '/v1/migrations/{request}',
      operation: 'redoSteps',
      tag: 'Requests',
      summary: 'Redo steps of a request',
      description: 'Possible until submission, and again after the request was sent back (A2).',
      who: ['requester'],
      params: requestParams,
      headers: ifMatchHeader,
      body: redoBody,
      answers: {
        200: { description: 'The request as it stands.', schema: migrationAnswer, headers: z.object(ETAG) },
      },
      handle: async (call) => {
        const request = await redoSteps(api, call, call.params.request, (draft) =>
          redoDraft(draft, call.body),
        );
        return {
          status: 200,
          body: await showMigration(api, request),
          headers: { ETag: entityTag(request) },
        };
      },
    }),
  ];
}

/** A call that is done again under its id makes the same request; without an id every call makes its own. */
async function requestIdOf(api: Api, call: Pick<Call, 'request' | 'principal'>): Promise<string> {
  const id = callId(call);
  if (id === undefined) return newRequestId();
  const planned = {
    principal: call.principal.name,
    route: 'request id',
    key: id,
    bodyHash: '',
    expiresAt: new Date(Date.now() + 2 * EXPIRY_MS),
  };
  const first = await api.stores.idempotency.begin(planned);
  if (first.state !== 'done' && first.state !== 'otherBody') {
    await api.stores.idempotency.finish(first.id, 200, newRequestId());
  }
  const kept = await api.stores.idempotency.begin(planned);
  if (kept.state !== 'done' || typeof kept.answer !== 'string')
    throw new Error('a planned request id was not kept');
  return kept.answer;
}

async function createMigration(
  api: Api,
  call: Call<unknown, unknown, z.output<typeof createBody>>,
): Promise<Answer> {
  const { principal, body } = call;
  const { tenant } = principal;
  if (tenant === null) throw new Problem('not-allowed', 'This key belongs to no tenant; use one that does.');
  const { desk, submit, sourceKey, ...steps } = body;
  let draft: Draft = redoDraft(EMPTY_DRAFT, steps);
  checkTabs(draft);
  checkSource(draft, api.config.sourceHosts);
  const address = draft.source?.kind === 'api' ? draft.source.address : null;
  if (sourceKey !== undefined && address === null) {
    throw invalidBody([{ pointer: '/sourceKey', detail: 'is of no use: the source is not read by an API' }]);
  }
  if (desk !== undefined) {
    const authorised = await authoriseDesk(api, tenant, desk.portal, null, '/desk/portal');
    draft = { ...draft, desk: authorised.desk };
  }
  const done = [...doneSteps(draft), ...(sourceKey === undefined ? [] : (['sourceKey'] as const))];
  const missing = missingSteps(done, 0, address !== null);
  if (submit === true && missing.length > 0) {
    throw new Problem(
      'step-missing',
      `Nothing was created: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing. Create the request without "submit", complete it, then submit it.`,
      { members: { missingSteps: missing } },
    );
  }

  const id = await requestIdOf(api, call);
  const portal = draft.desk?.portal ?? null;
  const holder = portal === null ? null : await api.stores.portalClaims.holder(portal);
  if (portal !== null && holder !== null && holder !== id) throw await portalTaken(api, principal, portal);

  if (sourceKey !== undefined && address !== null) await keepSourceKey(api, id, address, sourceKey);
  await api.stores.requests.own(id, tenant);
  await api.stores.drafts.insert(id, 1, draft);
  const input: MigrationInput = {
    request: id,
    replyWindowMs: api.config.replyWindowMs,
    failureShare: api.config.failureShare,
    limits: api.config.limits,
    by: principal.by,
    steps: stepsOf(draft, 1),
    ...(sourceKey === undefined ? {} : { sourceKeyGiven: true }),
  };
  await api.migrations.start(input);
  const request = (await recorded(api, input)) ?? (await documentFrom(api, tenant, firstSnapshot(input)));
  return {
    status: 201,
    body: await showMigration(api, request),
    headers: { Location: migrationPath(id), ETag: entityTag(request) },
  };
}

/**
 * Waits a moment until the new workflow has recorded the request, and claimed its portal, so that lists show it.
 * @returns null where no worker did so in time: the request is made all the same
 */
async function recorded(api: Api, { request, steps }: MigrationInput): Promise<RequestDocument | null> {
  for (const deadline = Date.now() + RECORDED_MS; ; await wait(RECORDED_MS / 100)) {
    const found = await api.stores.requests.get(request);
    const claiming = steps.portal !== null && found?.missingSteps.includes('portal') !== false;
    const holder = claiming ? await api.stores.portalClaims.holder(steps.portal ?? '') : null;
    const taken = holder !== null && holder !== request;
    if (found !== null && (!claiming || taken)) return found;
    if (Date.now() > deadline) return found;
  }
}

/** What a new workflow records first. */
function firstSnapshot({ request, steps, limits, sourceKeyGiven }: MigrationInput): RequestSnapshot {
  const createdAt = Date.now();
  const done: Step[] = sourceKeyGiven === true ? [...steps.done, 'sourceKey'] : steps.done;
  return {
    request,
    runId: '',
    sequence: 0,
    revision: steps.revision,
    state: 'PENDING',
    submitted: false,
    paused: null,
    missingSteps: missingSteps(done, 0, steps.readsApi),
    files: [],
    limits,
    createdAt,
    submittedAt: null,
    expiresAt: expiryMoments(createdAt).expiresAt,
    closedAt: null,
    reason: null,
    placeInLine: null,
    expectedStart: null,
    expectedEnd: null,
    replyWindow: null,
    earlyStart: { requester: false, operator: false },
    phases: [],
    reports: [],
    supportTicket: null,
    replies: [],
  };
}
