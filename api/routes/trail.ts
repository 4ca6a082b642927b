import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Slice } from '../../store/database.ts';
import { isReportLinkValid } from '../../store/report-links.ts';
import type { RequestDocument } from '../../store/requests.ts';
import { StorageNotFound } from '../../store/storage.ts';
import { DOWNLOAD } from '../answer-headers.ts';
import {
  auditAnswer,
  discrepanciesAnswer,
  estimatesAnswer,
  findingsAnswer,
  messagesAnswer,
} from '../answers.ts';
import type { Api } from '../app.ts';
import { numberedPageQuery, pageOf } from '../page-of.ts';
import { notFound, Problem } from '../problem.ts';
import { readRequest } from '../read-request.ts';
import { reportsOf } from '../reports-of.ts';
import { type Call, type Route, route } from '../route.ts';
import { requestParams } from './migrations.ts';

/** How many discrepancies one answer names; the report lists them all. */
const NAMED = 1_000;

const reportParams = z.strictObject({
  request: z.string().min(1).max(100).meta({ description: 'Id of the request.' }),
  name: z.enum(
    ['sample', 'phase-1', 'phase-2', 'undo'],
    'is no report: there are sample, phase-1, phase-2 and undo',
  ),
});
const reportQuery = z.strictObject({
  version: z.coerce
    .number('is not a number')
    .int('is not a whole number')
    .min(1, 'is less than 1')
    .optional()
    .meta({ description: 'A retry makes a new version (F1); without it, the latest.' }),
  expires: z.coerce
    .number('is not a number')
    .int('is not a whole number')
    .optional()
    .meta({ description: 'Of a link in a mail: until when it opens the report, in epoch milliseconds.' }),
  signature: z.string().max(100).optional().meta({
    description: 'Of a link in a mail: opens this version of this report without a key.',
  }),
});

/** What a request leaves behind to be read: findings, reports, the audit log, what was mailed (B1, C7, F2). */
export function trailRoutes(api: Api): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/migrations/{request}/findings',
      operation: 'readFindings',
      tag: 'Requests',
      summary: 'What the automatic checks found',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: { 200: { description: 'The findings of the last checks.', schema: findingsAnswer } },
      handle: async ({ principal, params }) => {
        const { id } = await readRequest(api, principal, params.request);
        const checked = await api.stores.findings.latest(id);
        const body =
          checked === null
            ? { revision: null, at: null, findings: [] }
            : { revision: checked.revision, at: checked.at.toISOString(), findings: checked.findings };
        return { status: 200, body };
      },
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/estimates',
      operation: 'readEstimates',
      tag: 'Progress',
      summary: 'When each phase was expected to end, as it was told, and when it did',
      who: ['operator', 'auditor'],
      params: requestParams,
      answers: { 200: { description: 'In the order in which they were told.', schema: estimatesAnswer } },
      handle: async ({ principal, params }) => {
        const { id } = await readRequest(api, principal, params.request);
        const told = (await api.stores.estimates.list(id)).map((estimate) => ({
          phase: estimate.phase,
          number: estimate.number,
          toldAt: estimate.toldAt.toISOString(),
          expectedEnd: estimate.expectedEnd.toISOString(),
          endedAt: estimate.endedAt?.toISOString() ?? null,
        }));
        return { status: 200, body: { estimates: told } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/discrepancies',
      operation: 'readDiscrepancies',
      tag: 'Trail',
      summary: 'Records by which source and desk differ',
      description:
        'Of the latest phase, as its proofs found them last (D1, D2). While there are any the report waits, and an operator decides.',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      answers: { 200: { description: 'The first of them.', schema: discrepanciesAnswer } },
      handle: async ({ principal, params }) => {
        const { id, phases } = await readRequest(api, principal, params.request);
        const phase = phases.at(-1)?.phase ?? null;
        const found = phase === null ? [] : await api.discrepancies.list(id, phase, NAMED + 1);
        return {
          status: 200,
          body: { phase, discrepancies: found.slice(0, NAMED), more: found.length > NAMED },
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/reports/{name}.zip',
      operation: 'downloadReport',
      tag: 'Reports',
      summary: 'Download a report',
      description: 'Without a key only by the link in a mail, until that expires (C7).',
      who: ['requester', 'operator', 'auditor'],
      signed: true,
      params: reportParams,
      query: reportQuery,
      answers: {
        200: {
          description: 'The report (C7).',
          contentType: 'application/zip',
          schema: z.string().meta({ format: 'binary' }),
          headers: z.object(DOWNLOAD),
        },
      },
      handle: async (call) => sendReport(api, call),
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/audit',
      operation: 'readAudit',
      tag: 'Trail',
      summary: 'Who did what, when and why',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      query: numberedPageQuery,
      answers: { 200: { description: 'The entries, in order.', schema: auditAnswer } },
      handle: async ({ principal, params, query }) => {
        const { id } = await readRequest(api, principal, params.request);
        // the end first: what is read after it reaches at least as far
        const end = await api.stores.audit.end(id);
        const found = await api.stores.audit.list(id, sliceOf(query));
        const page = pageOf(found, query.limit, ({ position }) => position);
        const entries = page.items.map(({ request: _request, at, signature, ...entry }) => ({
          ...entry,
          at: new Date(at).toISOString(),
          signature: signature ?? null,
        }));
        return {
          status: 200,
          body: {
            request: id,
            entries,
            end: end && { ...end, signature: end.signature ?? null },
            next: page.next,
          },
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/migrations/{request}/messages',
      operation: 'readMessages',
      tag: 'Trail',
      summary: 'What was mailed',
      who: ['requester', 'operator', 'auditor'],
      params: requestParams,
      query: numberedPageQuery,
      answers: { 200: { description: 'The messages, in order.', schema: messagesAnswer } },
      handle: async ({ principal, params, query }) => {
        const { id } = await readRequest(api, principal, params.request);
        const found = await api.stores.messages.list(id, sliceOf(query));
        const page = pageOf(found, query.limit, ({ sequence }) => sequence);
        const messages = page.items.map((message) => ({
          sequence: message.sequence,
          kind: message.kind,
          at: message.at.toISOString(),
          to: message.to,
          cc: message.cc,
          subject: message.subject,
          text: message.text,
          attachments: message.attachments.map(({ name, bytes }) => ({ name, bytes })),
          sentAt: message.sentAt === null ? null : message.sentAt.toISOString(),
        }));
        return { status: 200, body: { messages, next: page.next } };
      },
    }),
  ];
}

/** What is read for a page: one more than it holds tells whether another follows. */
const sliceOf = ({ limit, cursor }: z.output<typeof numberedPageQuery>): Slice => ({
  after: cursor ?? null,
  limit: limit === undefined ? 0 : limit + 1,
});

type ReportCall = Call<z.output<typeof reportParams>, z.output<typeof reportQuery>>;

/** C7: a link opens one version of one report; whether there is such a request is told to nobody who has no link to it. */
async function requestOfLink(api: Api, { params, query }: ReportCall): Promise<RequestDocument> {
  const { request, name } = params;
  const { version = 0, expires: expiresAt = 0, signature = '' } = query;
  const report = { request, name, version, expiresAt };
  const { secret } = api.config;
  if (!isReportLinkValid(secret, report, signature, Number.NEGATIVE_INFINITY)) {
    throw new Problem(
      'link-not-valid',
      'Open the link as it stands in the mail, whole and unchanged, or download the report with a key.',
    );
  }
  if (!isReportLinkValid(secret, report, signature, Date.now())) {
    throw new Problem(
      'link-expired',
      `The link worked until ${new Date(expiresAt).toISOString()}. Download the report with a key, or ask ${api.config.supportAddress} for it.`,
    );
  }
  const found = await api.stores.requests.get(request);
  if (found === null) throw notFound('The report is no longer kept.');
  return found;
}

async function sendReport(api: Api, call: ReportCall): Promise<null> {
  const { principal, params, query, response, request } = call;
  const found =
    query.signature === undefined
      ? await readRequest(api, principal, params.request)
      : await requestOfLink(api, call);
  const versions = (await reportsOf(api, found)).filter((report) => report.name === params.name);
  const version = query.version ?? Math.max(0, ...versions.map((report) => report.version));
  if (!versions.some((report) => report.version === version)) {
    throw notFound(
      versions.length === 0 ? 'There is no such report yet.' : 'The report has no such version.',
    );
  }
  const key = `reports/${found.id}/${params.name}-v${version}.zip`;
  try {
    const bytes = await api.storage.bytes(key);
    const body = request.method === 'HEAD' ? null : await api.storage.read(key);
    response.status(200).set({
      'Content-Type': 'application/zip',
      'Content-Length': String(bytes),
      'Content-Disposition': `attachment; filename="${found.id}-${params.name}-v${version}.zip"`,
      'Cache-Control': 'private, no-store',
    });
    if (body === null) response.end();
    else await pipeline(body, response);
  } catch (error) {
    if (error instanceof StorageNotFound) throw notFound('The report is no longer kept.');
    throw error;
  }
  return null;
}
