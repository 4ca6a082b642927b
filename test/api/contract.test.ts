import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeRoutes } from '../../api/describe-api.ts';
import { Contract } from './contract.ts';

interface Given {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

let given: Given = {};
const server = createServer((_request, response) => {
  const { status = 200, headers = {}, body } = given;
  response.statusCode = status;
  response.setHeaders(new Headers({ 'content-type': 'application/json', ...headers }));
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
});
const contract = new Contract(describeRoutes(''));

beforeAll(async () => {
  contract.watch(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => void server.close());

/** What the contract finds wrong with an answer of an address. */
async function wrong(method: string, path: string, answer: Given): Promise<string[]> {
  given = answer;
  const before = contract.violations.length;
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  await response.arrayBuffer();
  return contract.violations.slice(before);
}

const PROBLEM = {
  type: 'urn:deskferry:problem:not-found',
  title: 'There is nothing here',
  status: 404,
  detail: 'Check the address.',
  instance: 'urn:deskferry:call:1',
};
const problem = (status: number, members: object): Given => ({
  status,
  headers: { 'content-type': 'application/problem+json; charset=utf-8' },
  body: { ...PROBLEM, ...members },
});

it('H: what the OpenAPI document describes is in order', async () => {
  expect(await wrong('GET', '/healthz', { body: { status: 'up' } })).toEqual([]);
  expect(await wrong('HEAD', '/healthz', { body: '' })).toEqual([]);
  expect(await wrong('GET', '/v1/migrations/m_1', problem(404, {}))).toEqual([]);
  expect(await wrong('GET', '/v1/migrations', { body: { items: [], next: null } })).toEqual([]);
});

it.each<[string, string, Given]>([
  ['another body', '/healthz', { body: { status: 'down' } }],
  ['a member more', '/healthz', { body: { status: 'up', since: 1 } }],
  ['another status', '/healthz', { status: 202, body: { status: 'up' } }],
  ['another type', '/healthz', { headers: { 'content-type': 'text/plain' }, body: 'up' }],
  ['a header nobody described', '/healthz', { headers: { location: '/' }, body: { status: 'up' } }],
  ['an address nobody described', '/v2/migrations', { body: {} }],
  ['a problem that is not listed', '/healthz', problem(404, { type: 'urn:deskferry:problem:gone' })],
  ['a problem with another status', '/healthz', problem(404, { status: 400 })],
  ['a problem without its detail', '/healthz', problem(404, { detail: undefined })],
  [
    'an event with something else in it',
    '/v1/migrations/m_1/events',
    { headers: { 'content-type': 'text/event-stream' }, body: 'id: 1\ndata: {"state":"GONE"}\n\n' },
  ],
])('H: %s is found', async (_what, path, answer) => {
  expect(await wrong('GET', path, answer)).not.toEqual([]);
});

it('H: a header that belongs to an answer may not be missing', async () => {
  expect(await wrong('POST', '/v1/uploads', { status: 201, headers: { location: '/x' }, body: '' })).toEqual([
    expect.stringContaining('the header Tus-Resumable is missing'),
  ]);
});
