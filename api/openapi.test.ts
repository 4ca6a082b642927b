import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeRoutes } from './describe-api.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';
import { PROBLEMS } from './problem.ts';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: object;
}
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  security: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, { schema?: object }> };
  responses: Record<
    string,
    { description: string; headers?: object; content?: Record<string, { schema?: object }> }
  >;
}
interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes: Record<string, { type: string }> };
}

const METHODS = new Set(['get', 'head', 'options', 'post', 'put', 'patch', 'delete']);

let document: Document;
let operations: { path: string; method: string; operation: Operation }[];

beforeAll(async () => {
  // as `npm run openapi` does, with no server anywhere
  const file = fileURLToPath(new URL('print-openapi.ts', import.meta.url));
  const env = { ...process.env, PUBLIC_URL: 'https://deskferry.example.com/' };
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env, maxBuffer: 16_000_000 });
  document = JSON.parse(stdout) as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
});

describe('H: the OpenAPI document', () => {
  it('H: names every served route, and no other', () => {
    const served = describeRoutes('').map(({ method, path }) => `${method} ${path}`);
    expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(served.toSorted());
  });

  it('H: every POST that changes something takes an Idempotency-Key, and every 202 says where the work is seen', () => {
    for (const { path, method, operation } of operations) {
      const taken = operation.parameters?.some(({ name }) => name === 'Idempotency-Key') === true;
      expect([path, method, taken]).toEqual([
        path,
        method,
        method === 'post' && operation.tags[0] !== 'Codec',
      ]);
      const { 202: accepted } = operation.responses;
      const isSaid = accepted === undefined || 'Location' in (accepted.headers ?? {});
      expect([path, isSaid]).toEqual([path, true]);
    }
  });

  it('H: says which calls may come without a body', () => {
    const [needed, not] = [true, false].map((is) =>
      operations.flatMap(({ operation: { operationId, requestBody } }) =>
        requestBody?.required === is ? [operationId] : [],
      ),
    );
    expect(needed).toEqual(
      expect.arrayContaining([
        'redoSteps',
        'uploadFile',
        'continueUpload',
        'reply',
        'pause',
        'giveSourceKey',
        'authoriseDesk',
      ]),
    );
    expect(not).toEqual(
      expect.arrayContaining([
        'createMigration',
        'precheck',
        'submit',
        'runSample',
        'cancel',
        'resume',
        'moveToFront',
      ]),
    );
  });

  it('H: its page tells of every parameter and header what it means and may be', () => {
    const page = docsPage(openApiDocument('', describeRoutes('')));
    const list = page.slice(page.indexOf('id="listMigrations"'), page.indexOf('id="createMigration"'));
    for (const told of ['PENDING, VERIFYING', 'of the page before', 'minimum 1; maximum 100; default 20'])
      expect(list).toContain(told);
    const created = page.slice(page.indexOf('id="createMigration"'));
    expect(created).toMatch(/<code>201<\/code>.{0,500}<code>Location<\/code>/s);
    for (const { operation } of operations)
      for (const { name } of operation.parameters ?? []) expect(page).toContain(`<code>${name}</code>`);
  });

  it('H: is a document of OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect([document.info.title, document.info.version]).toEqual(['Deskferry', '1']);
    expect(document.servers).toEqual([{ url: 'https://deskferry.example.com' }]);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    const tags = document.tags.map(({ name }) => name);
    for (const { path, method, operation } of operations) {
      const where = `${method} ${path}`;
      expect([where, METHODS.has(method), path.startsWith('/')]).toEqual([where, true, true]);
      expect([where, operation.tags.filter((tag) => !tags.includes(tag))]).toEqual([where, []]);
      expect([where, operation.summary.length > 0]).toEqual([where, true]);
      for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
        expect([where, status, /^(?:[1-5]\d\d|default)$/.test(status)]).toEqual([where, status, true]);
        expect([where, description.length > 0]).toEqual([where, true]);
        for (const { schema } of Object.values(content))
          expect([where, typeof schema]).toEqual([where, 'object']);
      }
      expect([where, operation.responses['default']?.content]).toEqual([
        where,
        { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      ]);
      for (const { schema } of Object.values(operation.requestBody?.content ?? {}))
        expect([where, typeof schema]).toEqual([where, 'object']);
    }
  });

  it('H: gives every parameter of an address, once, as required', () => {
    for (const { path, method, operation } of operations) {
      const where = `${method} ${path}`;
      const parameters = operation.parameters ?? [];
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([where, new Set(inPath.map(({ name }) => name))]).toEqual([where, new Set(wanted)]);
      expect([where, inPath.length]).toEqual([where, wanted.length]);
      expect([where, inPath.every(({ required }) => required === true)]).toEqual([where, true]);
      const places = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect([where, new Set(places).size]).toEqual([where, places.length]);
      for (const { name, schema } of parameters)
        expect([where, name, typeof schema]).toEqual([where, name, 'object']);
    }
  });

  it('H: refers to nothing that is not there', () => {
    const text = JSON.stringify(document);
    const schemas = Object.keys(document.components.schemas);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference);
    expect(references.length).toBeGreaterThan(30);
    expect(
      references.filter((reference) => !schemas.includes(reference.replace('#/components/schemas/', ''))),
    ).toEqual([]);
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { operation } of operations) {
      for (const need of operation.security)
        expect(Object.keys(need).filter((scheme) => !schemes.includes(scheme))).toEqual([]);
    }
  });

  it('H: tells every problem type', () => {
    for (const code of Object.keys(PROBLEMS))
      expect(document.info.description).toContain(`\`urn:deskferry:problem:${code}\``);
  });
});
