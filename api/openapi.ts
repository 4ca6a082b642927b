import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { PROBLEM } from './answer-headers.ts';
import { problemAnswer } from './answers.ts';
import { PROBLEMS, problemType } from './problem.ts';
import type { AnswerShape, Route } from './route.ts';

export type OpenApiDocument = ReturnType<typeof createDocument>;

const TAGS = [
  { name: 'Requests', description: 'Filing a migration request and redoing its steps (A).' },
  { name: 'Files', description: 'Uploading what is to be moved (A4).' },
  { name: 'Mappings', description: 'Which columns become which fields (A10).' },
  {
    name: 'Commands',
    description: 'What moves a request on (A6, B1, E, F1). Each answers 202 with the request as it stands.',
  },
  { name: 'Progress', description: 'How far a migration is.' },
  { name: 'Reports', description: 'What became of every record (C7).' },
  { name: 'Trail', description: 'Audit log and mail (F2).' },
  { name: 'Queue', description: 'Whose turn it is (B4).' },
  { name: 'Codec', description: 'What the Temporal Web UI shows of encrypted histories (F3, F4).' },
  { name: 'Portals', description: 'The desk that is migrated into (B2, C2).' },
  { name: 'Service', description: 'For those who run Deskferry.' },
];

function described({ description, schema, contentType = 'application/json', headers }: AnswerShape) {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    ...(schema === undefined ? {} : { content: { [contentType]: { schema } } }),
  };
}

function operation(route: Route): ZodOpenApiOperationObject {
  const idempotency = {
    name: 'Idempotency-Key',
    in: 'header' as const,
    description: 'Makes a repeated call one and the same: it is done once, and answered the same for a day.',
    schema: { type: 'string' as const, maxLength: 255 },
  };
  const content =
    route.streams === undefined
      ? route.body === null
        ? null
        : { 'application/json': { schema: route.body } }
      : Object.fromEntries(Object.entries(route.streams).map(([type, schema]) => [type, { schema }]));
  return {
    operationId: route.operation,
    tags: [route.tag],
    summary: route.summary,
    description: [
      ...(route.description === undefined ? [] : [route.description]),
      route.who === 'public' ? 'Needs no key.' : `For: ${route.who.join(', ')}.`,
    ].join('\n\n'),
    security:
      route.who === 'public' ? [] : [{ bearer: [] }, { header: [] }, ...(route.signed === true ? [{}] : [])],
    requestParams: {
      path: route.params,
      query: route.query,
      ...(route.headers === undefined ? {} : { header: route.headers }),
    } as NonNullable<ZodOpenApiOperationObject['requestParams']>,
    ...(route.method === 'post' && route.idempotent !== 'never' ? { parameters: [idempotency] } : {}),
    // a command that needs nothing may come without a body
    ...(content === null
      ? {}
      : { requestBody: { content, required: route.body?.safeParse({}).success !== true } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, shape]) => [status, described(shape)]),
      ),
      default: {
        description: 'A problem; its `type` says which.',
        headers: z.object(PROBLEM),
        content: { 'application/problem+json': { schema: problemAnswer } },
      },
    },
  };
}

/** The OpenAPI 3.1 document of the mounted routes, made from the schemas that check calls and answers. */
export function openApiDocument(publicUrl: string, routes: readonly Route[]): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Deskferry',
      version: '1',
      summary: "Moves a company's help-desk data into a desk.",
      description: [
        'Every answer carries `X-Request-Id`, which the log has, too, and under `/v1` the limits on calls (`RateLimit`, `RateLimit-Policy`). Addresses that take GET take HEAD; OPTIONS answers 204 with `Allow`. Answers are JSON whatever `Accept` says, but for downloads and event streams.',
        '',
        'Every error is a problem document (RFC 9457); its `type` is stable:',
        '',
        ...Object.entries(PROBLEMS).map(
          ([code, { status, title }]) =>
            `- \`${problemType(code as keyof typeof PROBLEMS)}\` (${status}): ${title}`,
        ),
      ].join('\n'),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl }],
    tags: TAGS,
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, or a token of the configured identity provider.',
        },
        header: {
          type: 'apiKey',
          in: 'header',
          name: 'X-API-Key',
          description: 'The same key in a header of its own.',
        },
      },
    },
  });
}
