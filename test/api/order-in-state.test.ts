import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STATES, type State } from '../../domain/lifecycle.ts';
import { ApiUnderTest, type Caller } from './environment.ts';

/** What the requirements allow of what is ordered beside a request's own process (B4, B6, F1, F5). */
const ALLOWED: Readonly<Record<string, readonly State[]>> = {
  undo: ['STOPPED', 'COMPLETED'],
  erase: ['COMPLETED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'STOPPED'],
  sample: ['PENDING', 'VERIFYING', 'QUEUED'],
  // only one that waits in line; this one never does
  front: [],
};
const BODIES: Readonly<Record<string, unknown>> = { sample: { records: 5 }, front: undefined };

let api: ApiUnderTest;
let operator: Caller;
let path = '';

beforeAll(async () => {
  api = await ApiUnderTest.start();
  const hana = await api.caller('requester', await api.tenant('north'));
  operator = await api.caller('operator', null);
  path = await hana.file();
});
afterAll(() => api.stop());

describe.each(STATES)('B4, B6, F1, F5: a request that is %s', (state) => {
  const refused = Object.keys(ALLOWED).filter((order) => ALLOWED[order]?.includes(state) === false);
  test.each(refused)('refuses %s, naming the state', async (order) => {
    const id = path.split('/').at(-1) ?? '';
    await api.database.db.collection<{ _id: string }>('requests').updateOne({ _id: id }, { $set: { state } });
    const address = order === 'front' ? `/v1/queue/${id}/front` : `${path}/${order}`;
    const answer = await operator.post(address, order in BODIES ? BODIES[order] : { reason: 'r' });
    expect(answer).toMatchObject({
      status: 409,
      body: { type: 'urn:deskferry:problem:wrong-state', state },
    });
    expect(answer.body.detail).toContain(state);
    expect((await operator.get(path)).body.state).toBe(state);
  });
});
